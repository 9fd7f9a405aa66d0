// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/arvados-s3/keepstore/locator"
)

// Kind says what went wrong, as a stable word. Kinds that are not listed here
// are those of packages keep and api, and the words of docs/errors.md, as the
// servers answered with them.
type Kind string

// The kinds of [Error].
const (
	// BadManifest is text that is not a manifest, or has no tree.
	BadManifest Kind = "bad-manifest"
	// BadPath is a path that no collection can hold, or that is in the way.
	BadPath Kind = "bad-path"
	// NoClient is a collection without a [Client], which cannot read or save.
	NoClient Kind = "no-client"
	// Closed is a file or writer that was closed.
	Closed Kind = "closed"
	// WrongHash is a collection whose text is not that of its portable data
	// hash.
	WrongHash Kind = "wrong-hash"
	// Conflict is a stored collection that is not the one that was loaded.
	Conflict Kind = "conflict"
	// TooLarge is a collection that does not fit one request to the API server.
	TooLarge Kind = "too-large"
	// NotComplete is an import that did not come to its end.
	NotComplete Kind = "not-complete"
	// NameClash is an import that would write where there is something already.
	NameClash Kind = "name-clash"
	// BadSource is an S3 URL, or another argument, that cannot be used.
	BadSource Kind = "bad-source"
	// BadJournal is a file that is not the journal of the import.
	BadJournal Kind = "bad-journal"

	// The words for S3 objects that cannot be read.
	// Gone: the object, or its version, does not exist any more.
	Gone Kind = "s3-not-found"
	// NoBucket: the whole bucket is not there, or has another name or endpoint.
	// That says nothing of its objects.
	NoBucket Kind = "s3-no-bucket"
	// Denied: S3 refuses the credentials.
	Denied Kind = "s3-denied"
	// Archived: the object must be restored first.
	Archived Kind = "s3-archived"
	// Changed: an object pinned by ETag was overwritten.
	Changed Kind = "s3-changed"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{BadManifest, BadPath, NoClient, Closed, WrongHash, Conflict, TooLarge, NotComplete, NameClash, BadSource, BadJournal, Gone, NoBucket, Denied, Archived, Changed}
}

// Error is the error of this package.
type Error struct {
	Kind Kind
	// Text is one sentence that is safe to show.
	Text string
	// File is the path of the file, if it is about one.
	File string
	// Object is the S3 object with its version, if it is about one.
	Object locator.Object
	// Err is the cause; it may be nil.
	Err error
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Word returns the kind as a plain string.
func (e *Error) Word() string { return string(e.Kind) }

// Is makes errors.Is(err, &Error{Kind: k}) match on the kind alone, and
// errors.Is(err, fs.ErrPermission) where access is denied.
func (e *Error) Is(target error) bool {
	if target == fs.ErrPermission {
		return e.Kind == Denied || e.Kind == "bucket-not-allowed" || e.Kind == "bad-signature"
	}
	if target == fs.ErrClosed {
		return e.Kind == Closed
	}
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Text == ""
}

// KindOf returns the kind of err: that of an [Error], or the word that an
// error of another package has. It is empty for errors without one.
func KindOf(err error) Kind {
	var known *Error
	if errors.As(err, &known) {
		return known.Kind
	}
	var w worded
	if errors.As(err, &w) {
		return Kind(w.Word())
	}
	return ""
}

// worded is what the errors of all our packages have.
type worded interface {
	error
	Word() string
}

func fault(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// clip shortens a name from outside for an error sentence.
func clip(s string) string { return shorten(s, 200) }

// clipSentence shortens a sentence of a server, which has names in it, and
// tells at its end what to do.
func clipSentence(s string) string { return shorten(s, 4000) }

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
