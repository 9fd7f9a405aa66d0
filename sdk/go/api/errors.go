// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Kind says what went wrong, as a stable word.
type Kind string

// The kinds of [Error].
const (
	// BadSettings: host, token or another setting is missing or unusable.
	BadSettings Kind = "api-settings"
	// Unreachable: there is no connection, or no whole reply.
	Unreachable Kind = "api-unreachable"
	// Refused: the API server says no; Status and Texts say how.
	Refused Kind = "api-refused"
	// BadReply: the reply is not one of an API server, or too long.
	BadReply Kind = "api-bad-reply"
)

// Kinds lists every [Kind].
func Kinds() []Kind { return []Kind{BadSettings, Unreachable, Refused, BadReply} }

// Error is the error of this package.
type Error struct {
	Kind Kind
	// Text is one sentence that is safe to show.
	Text string
	// Status is the HTTP status of the reply, 0 without one.
	Status int
	// Texts are the reasons that the API server gives, made safe for a
	// terminal.
	Texts []string
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Status returns the HTTP status that the API server answered with, if err
// is or wraps an [Error] that has one, else 0.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

func unusable(err error, format string, args ...any) error {
	return &Error{Kind: BadSettings, Text: fmt.Sprintf(format, args...), Err: err}
}

const (
	maxTexts      = 8
	maxTextLength = 1000
)

// refused makes the error of a reply with the server's reasons.
func (c *Client) refused(what string, status int, reasons []string) error {
	texts := make([]string, 0, maxTexts)
	for _, text := range reasons[:min(len(reasons), maxTexts)] {
		texts = append(texts, c.clean(text))
	}
	text := fmt.Sprintf("the API server %s refuses %s with status %d: %s", c.address, what, status, strings.Join(texts, "; "))
	if len(texts) == 1 && strings.HasPrefix(texts[0], "no-route: ") { // a word of docs/errors.md, which no API server says
		text = fmt.Sprintf("%s is a keepstore, and answers %s with status %d: the API server, which ARVADOS_API_HOST must name, has another address", c.address, what, status)
	}
	return &Error{Kind: Refused, Status: status, Texts: texts, Text: text}
}

// signatures finds permission signatures in locators: with the token they open
// blocks.
func signatures() *regexp.Regexp {
	return regexp.MustCompile(`\+(A|R[0-9a-z]{5}-)[0-9a-fA-F]{40}@[0-9a-fA-F]+`)
}

// clean shortens a text of the server and takes out what would play tricks
// on a terminal, and our own token and signatures, should the server repeat
// them.
func (c *Client) clean(text string) string {
	text = signatures().ReplaceAllString(c.settings.Token.Redact(text), "+$1…")
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxTextLength {
		text = string(runes[:maxTextLength]) + "…"
	}
	return text
}
