// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"
)

// Kind says what went wrong, as a stable word.
type Kind string

// The kinds that this package gives itself, or makes of the answers of stock
// services. Other kinds are words that keepstore answered with.
const (
	// NoService: the API server names no Keep service that could be asked.
	NoService Kind = "no-keep-service"
	// Unreachable: no service could be reached, or all broke off.
	Unreachable Kind = "keep-unreachable"
	// BadReply: a service answered with something else than was asked for.
	BadReply Kind = "keep-bad-reply"
	// Corrupt: what services sent is not what the block's MD5 says.
	Corrupt Kind = "corrupt-block"
	// NotFound: no service has the block.
	NotFound Kind = "block-not-found"
	// Expired: the time of the permission signature has passed.
	Expired Kind = "signature-expired"
	// BadSignature: the permission signature is missing or wrong.
	BadSignature Kind = "bad-signature"
	// Denied: a service refuses the token or the request.
	Denied Kind = "keep-refused"
	// NotStored: a block could not be stored often enough.
	NotStored Kind = "not-enough-copies"
)

// tooFew marks, inside this package, that more copies are wanted. It tells
// less than why one could not be stored.
const tooFew Kind = "too-few"

// Kinds lists the kinds that this package gives itself.
func Kinds() []Kind {
	return []Kind{NoService, Unreachable, BadReply, Corrupt, NotFound, Expired, BadSignature, Denied, NotStored}
}

// Error is the error of this package.
type Error struct {
	Kind Kind
	// Text is one sentence that is safe to show.
	Text string
	// Status is the HTTP status of the answer, 0 without one.
	Status int
	// RequestID is what the operator finds in the log of the service.
	RequestID string
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Is makes errors.Is(err, &Error{Kind: k}) match on the kind alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == ""
}

// Is reports whether err is or wraps an [Error] of one of the kinds.
func Is(err error, kinds ...Kind) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, k := range kinds {
		if e.Kind == k {
			return true
		}
	}
	return false
}

func fault(kind Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...), Err: err}
}

// temporary reports whether another attempt could go better.
func temporary(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Status == http.StatusInsufficientStorage {
		return false
	}
	if e.Kind == "s3-changed" || e.Kind == "content-unavailable" { // S3 has other bytes now, and will not get the old ones back
		return false
	}
	return e.Kind == Unreachable || e.Status >= 500 || e.Status == http.StatusRequestTimeout || e.Status == http.StatusTooManyRequests
}

// final reports whether no other service would answer otherwise: the word is
// one of keepstore's, about the object, the token or the locator itself.
func final(err error) bool {
	var e *Error
	if !errors.As(err, &e) || temporary(err) {
		return false
	}
	switch e.Kind {
	case Expired, "token-refused", "bad-token", "past-end", "unpinned", "content-unavailable":
		return true
	}
	return strings.HasPrefix(string(e.Kind), "s3-")
}

// tells ranks errors of several services by how much they tell the user.
func tells(err error) int {
	switch {
	case err == nil:
		return 0
	case Is(err, NotFound, "not-stored", "no-route", "method", tooFew):
		return 1
	case Is(err, Unreachable):
		return 2
	case temporary(err):
		return 3
	case errors.Is(err, context.Canceled):
		return 0
	}
	return 4
}

// clean takes out of a server's text signatures, and what would play tricks on
// a terminal.
func clean(text string) string { return cleanTo(text, 600) }

// cleanTo is clean for texts of at most so many bytes.
func cleanTo(text string, most int) string {
	text = regexp.MustCompile(`\+(A|R[0-9a-z]{5}-)[0-9a-fA-F]{40}@[0-9a-fA-F]+`).ReplaceAllString(text, "+$1…")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
