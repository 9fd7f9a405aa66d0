// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretLength is the number of base-36 characters in every secret: 258 bits.
const secretLength = 50

func (s *Server) openKeys() error {
	var err error
	if s.signingKey, err = keepSecret(s.options.DataDir, "blob_signing_key"); err != nil {
		return err
	}
	s.rootToken, err = keepSecret(s.options.DataDir, "system_root_token")
	return err
}

// keepSecret returns the secret in a file of dir, and makes it on first use.
func keepSecret(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, storage(err)
	}
	if err := makeSecret(dir, path); err != nil {
		return "", storage(err)
	}
	secret, err = readSecret(path)
	return secret, storage(err)
}

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", invalid("the file %s can be read by others: chmod it to 600", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < secretLength {
		return "", invalid("the file %s holds fewer than %d characters: restore it, or remove it to have a new one made", path, secretLength)
	}
	return secret, nil
}

// makeSecret writes a whole file and then gives it its name, so that nobody
// reads half a secret and of two processes only one names its file.
func makeSecret(dir, path string) error {
	f, err := os.CreateTemp(dir, ".new-secret-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(randomText(secretLength) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// randomText returns n random base-36 characters.
func randomText(n int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	text := make([]byte, 0, n)
	for raw := make([]byte, 64); len(text) < n; {
		rand.Read(raw) // never fails
		for _, b := range raw {
			// 252 = 7 × 36: every digit is equally likely.
			if b < 252 && len(text) < n {
				text = append(text, digits[b%36])
			}
		}
	}
	return string(text)
}
