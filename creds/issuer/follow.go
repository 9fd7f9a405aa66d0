// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/arvados-s3/keepstore/creds"
)

// File is an issuer that takes up changes of its key file: an operator may
// forget to reload, and a new key must be published long before it signs. It
// is safe for concurrent use. Use [Follow].
type File struct {
	options Options
	current atomic.Pointer[Issuer]

	mu   sync.Mutex
	seen os.FileInfo // guarded by mu; nil when there was no file
}

// Follow is [New] for a [File].
func Follow(o Options) (*File, error) {
	i, err := New(o)
	if err != nil {
		return nil, err
	}
	f := &File{options: i.options}
	f.current.Store(i)
	return f, nil // seen stays nil, so that the first look reads the file again
}

// Look reads the key file if it has changed since the last look, and reports
// whether its keys are others now. While the file is missing or faulty the old
// keys stay; the error comes once for each change. A missing file is not made:
// it may be on its way.
func (f *File) Look() (changed bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.options.KeyFile)
	if err != nil {
		info = nil
	}
	if same(info, f.seen) {
		return false, nil
	}
	f.seen = info
	next, err := load(f.options)
	if err != nil {
		return false, err
	}
	changed = string(next.jwks) != string(f.current.Load().jwks)
	f.current.Store(next)
	return changed, nil
}

// same reports whether nothing was done to the file in between.
func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// Token is that of the issuer with the keys of now.
func (f *File) Token(user, audience string) (creds.Secret, error) {
	return f.current.Load().Token(user, audience)
}

// Discovery is that of the issuer with the keys of now.
func (f *File) Discovery() []byte { return f.current.Load().Discovery() }

// JWKS is that of the issuer with the keys of now.
func (f *File) JWKS() []byte { return f.current.Load().JWKS() }
