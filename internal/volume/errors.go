// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"

	"github.com/arvados-s3/keepstore/locator"
)

// Kind says what went wrong with a block, as a stable word. The server maps it
// to a status (docs/errors.md).
type Kind string

// The kinds of [Error].
const (
	// BlockNotFound: the volume does not hold the block.
	BlockNotFound Kind = "block-not-found"
	// CorruptBlock: the stored bytes are not those of the block.
	CorruptBlock Kind = "corrupt-block"
	// VolumeFull: there is no room. Reading still works.
	VolumeFull Kind = "volume-full"
	// VolumeError: the disk or the storage service fails.
	VolumeError Kind = "volume-error"
	// ReadOnly: the volume takes nothing in.
	ReadOnly Kind = "read-only"
	// WrongHash: the data offered has another MD5.
	WrongHash Kind = "hash-mismatch"
	// WrongSize: the block is larger than the buffer.
	WrongSize Kind = "wrong-size"
	// TooLarge: the data offered is larger than a block can be.
	TooLarge Kind = "too-large"
	// BadLocator: not a hash.
	BadLocator Kind = "bad-locator"
	// Deadline: the time limit of the caller passed.
	Deadline Kind = "deadline"
	// Canceled: the caller gave up.
	Canceled Kind = "canceled"
)

// Kinds lists every [Kind].
func Kinds() []Kind {
	return []Kind{BlockNotFound, CorruptBlock, VolumeFull, VolumeError, ReadOnly, WrongHash, WrongSize, TooLarge,
		BadLocator, Deadline, Canceled}
}

// Error is the error of every volume.
type Error struct {
	Kind Kind
	Hash locator.Hash
	// Text is a sentence that is safe to show to the caller: it names no path.
	Text string
	// Err is the cause, for the log.
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

// IsKind reports whether err is an [*Error] of the kind.
func IsKind(err error, k Kind) bool { return errors.Is(err, &Error{Kind: k}) }

// Fail makes an error of the kind with the usual sentence of that kind. Without a
// hash it is about the volume as a whole.
func Fail(k Kind, hash locator.Hash, cause error) *Error {
	subject := "block " + string(hash)
	if hash == "" {
		subject = "this volume"
	}
	return &Error{Kind: k, Hash: hash, Err: cause, Text: sentence(k, subject)}
}

func sentence(k Kind, block string) string {
	switch k {
	case BlockNotFound:
		return block + " is not stored here: ask another Keep service"
	case CorruptBlock:
		return "the stored bytes of " + block + " are damaged: read another replica, and tell the operator"
	case VolumeFull:
		return block + " cannot be stored, since the disk is full: use another Keep service, or ask the operator for space"
	case ReadOnly:
		return block + " cannot be changed, since the storage is read-only: use another Keep service"
	case WrongSize:
		return "the size in the locator is not that of " + block + ": take the locator anew from the collection"
	case Deadline:
		return "the time limit of the request passed while it waited for the storage of " + block + ": try again"
	case Canceled:
		return "the request for " + block + " was given up"
	default:
		return "the storage of " + block + " fails: try again, or ask another Keep service; the operator finds the cause in the log"
	}
}

// Ended returns nil while ctx goes on, and then an error that says why not.
func Ended(ctx context.Context, hash locator.Hash) error {
	switch {
	case ctx.Err() == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Fail(Deadline, hash, context.Cause(ctx))
	}
	return Fail(Canceled, hash, context.Cause(ctx))
}
