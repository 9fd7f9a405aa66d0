// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
)

// maxFile bounds every file that is read.
const maxFile = 4 << 20

// readFile reads a plain file. Its errors do not name the file: people put
// secrets where file names belong.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("the file does not exist")
	case errors.Is(err, fs.ErrPermission):
		return nil, errors.New("this user may not read the file")
	case err != nil:
		return nil, errors.New("the file cannot be read")
	case !info.Mode().IsRegular():
		return nil, errors.New("this is not a plain file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("the file is larger than %d MiB", maxFile>>20)
	}
	return readAll(name)
}

func readAll(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return nil, errors.New("this user may not read the file")
	}
	if err != nil {
		return nil, errors.New("the file cannot be opened")
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, errors.New("the file cannot be read")
	}
	return data, nil
}

// path makes a file name absolute: relative names start at the folder of the
// configuration file, wherever the server is started.
func (b *builder) path(v value) string {
	if !v.given() || filepath.IsAbs(v.text) {
		return v.text
	}
	return filepath.Join(b.dir, v.text)
}

// contents returns what is in the file that v names.
func (b *builder) contents(v value) ([]byte, bool) {
	data, err := b.read(b.path(v))
	if err != nil {
		b.bad.add(v.place, "%s", err.Error())
	}
	return data, err == nil
}

// secret returns the text given inline or in a file, without line breaks at
// the end.
func (b *builder) secret(inline, inFile value) creds.Secret {
	switch {
	case inline.given() && inFile.given():
		b.bad.add(inFile.place, "the secret is given twice, here and inline: keep one")
	case inline.given():
		return creds.NewSecret(inline.text)
	case inFile.given():
		return b.secretFile(inFile)
	}
	return creds.Secret{}
}

func (b *builder) secretFile(v value) creds.Secret {
	data, ok := b.contents(v)
	if !ok {
		return creds.Secret{}
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		b.bad.add(v.place, "the file is empty")
	}
	return creds.NewSecret(text)
}

// caFile checks that the file holds certificates and returns its full name.
func (b *builder) caFile(v value) string {
	if !v.given() {
		return ""
	}
	if data, ok := b.contents(v); ok && !x509.NewCertPool().AppendCertsFromPEM(data) {
		b.bad.add(v.place, "the file holds no certificate in PEM form")
	}
	return b.path(v)
}
