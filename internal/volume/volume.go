// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"strconv"
	"time"

	"github.com/arvados-s3/keepstore/locator"
)

// MaxSize is the size of the largest block.
const MaxSize = 64 << 20

// Reader gives blocks out.
type Reader interface {
	// Get reads the whole block into buf and returns its size. A buf of
	// MaxSize bytes is always large enough; a block that is larger than buf
	// is an error of kind [WrongSize]. On an error buf may hold anything.
	Get(ctx context.Context, hash locator.Hash, buf []byte) (int, error)
	// Stat describes a block without reading it.
	Stat(ctx context.Context, hash locator.Hash) (Info, error)
}

// Writer takes blocks in.
type Writer interface {
	// Put stores a block, or refreshes the time of the one that is there.
	Put(ctx context.Context, b Block) error
	// Touch refreshes the time of a block.
	Touch(ctx context.Context, hash locator.Hash) error
}

// Indexer lists blocks.
type Indexer interface {
	// Index calls each for every block whose hash begins with prefix, in no
	// particular order, and ends early with the error that each returns. It
	// holds no lock meanwhile. Trash, blocks set aside and unfinished writes
	// are not listed.
	Index(ctx context.Context, prefix string, each func(Info) error) error
}

// Trasher takes blocks away for a time, and then for good.
type Trasher interface {
	// Trash moves a block into the trash if its time is not later than
	// notAfter, and says whether it did. No Put or Touch comes between the
	// look at the time and the move.
	Trash(ctx context.Context, hash locator.Hash, notAfter time.Time) (bool, error)
	// Untrash brings a block back and refreshes its time.
	Untrash(ctx context.Context, hash locator.Hash) error
	// EmptyTrash deletes what has been in the trash for its life time. It
	// works on past single failures and returns the first of them.
	EmptyTrash(ctx context.Context) (Emptied, error)
}

// Describer tells about the volume itself.
type Describer interface {
	// Status tells what can change.
	Status(ctx context.Context) (Status, error)
	// DeviceID is the same for all servers that mount the same storage, and
	// different otherwise, so that keep-balance counts a replica once.
	DeviceID() string
	// Close gives everything back that the volume holds. Nothing else may be
	// called afterwards.
	Close() error
}

// Store is what blocks are read from and written to.
type Store interface {
	Reader
	Writer
}

// Volume is everything that a driver implements.
type Volume interface {
	Store
	Collector
	Describer
}

// Collector is what garbage collection works with.
type Collector interface {
	Indexer
	Trasher
}

// Info describes a stored block.
type Info struct {
	Hash locator.Hash
	Size int64
	// Modified is when the block was last put, touched or untrashed.
	Modified time.Time
}

// AppendIndex appends the block's line of a Keep index, with its newline.
func (i Info) AppendIndex(b []byte) []byte {
	b = append(append(b, i.Hash...), '+')
	b = append(strconv.AppendInt(b, i.Size, 10), ' ')
	return append(strconv.AppendInt(b, i.Modified.UnixNano(), 10), '\n')
}

// Status is the state of a volume.
type Status struct {
	// Free is how many bytes can still be stored, with the reserve taken off.
	// It is negative if nobody knows.
	Free int64
	// ReadOnly says that blocks can only be read.
	ReadOnly bool
}

// Emptied says what EmptyTrash did.
type Emptied struct {
	// Blocks and Bytes were deleted.
	Blocks, Bytes int64
	// KeptBlocks and KeptBytes are still in the trash.
	KeptBlocks, KeptBytes int64
}

// Event is something that an operator should hear of.
type Event struct {
	// Hash is the name of a block that was found to have other bytes.
	Hash locator.Hash
	// Place is where they are now, or empty if they could not be moved.
	Place string
}
