// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package issuer

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	blockType  = "PRIVATE KEY"
	signFrom   = "Sign-From"
	maxKeyFile = 1 << 20
)

// ReadKeys returns the keys of a file, in the order in which they sign. It
// refuses a file that others may read: whoever has the key can be any user.
func ReadKeys(file string) ([]Key, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("the keys of the issuer cannot be read: %w", err)
	}
	if !info.Mode().IsRegular() { // reading a pipe would never end
		return nil, fmt.Errorf("the key file %s is not a plain file", file)
	}
	if info.Mode().Perm()&0o027 != 0 {
		return nil, fmt.Errorf("the key file %s is open to other users of this machine (mode %04o): "+
			"run \"chmod 600\" on it, and replace its keys if anyone may have read them", file, info.Mode().Perm())
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("the key file %s has %d bytes, more than keys can have: name the right file", file, info.Size())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the keys of the issuer cannot be read: %w", err)
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the key file %s %w", file, err)
	}
	return keys, nil
}

// parseKeys wants PKCS #8 keys in PEM. Its errors go on after the name of the
// file.
func parseKeys(text []byte) ([]Key, error) {
	var keys []Key
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		key, err := parseKey(block)
		if err != nil {
			return nil, fmt.Errorf("holds a key (number %d) that %w", len(keys)+1, err)
		}
		keys, text = append(keys, key), rest
	}
	switch {
	case begun == 0:
		return nil, errors.New("holds no key: remove it to have one made, or put PKCS #8 keys in PEM there")
	case begun != len(keys): // pem.Decode passes damaged blocks by
		return nil, fmt.Errorf("holds %d PEM blocks, of which %d can be read: repair it from a copy", begun, len(keys))
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return a.SignFrom.Compare(b.SignFrom) })
	return keys, checkOrder(keys)
}

// checkOrder refuses keys of which two would sign at the same time: replicas
// could then choose differently.
func checkOrder(keys []Key) error {
	seen := make(map[string]bool)
	for i, k := range keys {
		if seen[k.ID] {
			return fmt.Errorf("holds the key %s twice: remove one", k.ID)
		}
		seen[k.ID] = true
		if i > 0 && k.SignFrom.Equal(keys[i-1].SignFrom) {
			return fmt.Errorf("holds two keys that sign from the same time, %s and %s: give the newer one a later %s", keys[i-1].ID, k.ID, signFrom)
		}
	}
	return nil
}

func parseKey(block *pem.Block) (Key, error) {
	if block.Type != blockType {
		return Key{}, fmt.Errorf("is of the PEM type %.40q, not %q: convert it with \"openssl pkcs8 -topk8 -nocrypt\"", block.Type, blockType)
	}
	var from time.Time
	for name, value := range block.Headers {
		if name != signFrom {
			return Key{}, fmt.Errorf("has the unknown header %.40q: only %q is known", name, signFrom)
		}
		var err error
		if from, err = time.Parse(time.RFC3339, value); err != nil {
			return Key{}, fmt.Errorf("has %s %.40q: write a time like 2026-01-31T12:00:00Z", signFrom, value)
		}
		from = from.UTC().Truncate(time.Second)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Key{}, errors.New("is not in PKCS #8") // the parser's words could quote it
	}
	return newKey(private, from)
}

// formatKeys is the opposite of parseKeys.
func formatKeys(keys []Key) ([]byte, error) {
	var text bytes.Buffer
	for _, k := range keys {
		der, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, err
		}
		block := &pem.Block{Type: blockType, Bytes: der}
		if !k.SignFrom.IsZero() {
			block.Headers = map[string]string{signFrom: k.SignFrom.UTC().Format(time.RFC3339)}
		}
		if err := pem.Encode(&text, block); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

// makeKeys makes the file with one key. When another process is first, its
// file stays: a hard link never replaces a file, as a rename would.
func makeKeys(file string) error {
	key, err := generateKey(time.Time{})
	if err != nil {
		return fmt.Errorf("no key could be made for the issuer: %w", err)
	}
	name, err := writeTemporary(file, []Key{key}, func(*os.File) error { return nil })
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(name) }() // the other name stays
	if err := os.Link(name, file); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("the key file of the issuer cannot be made: %w", err)
	}
	return syncFolder(file)
}

// writeTemporary writes keys to a new file beside the named one, for its owner
// only until finish changes that, and returns its name. finish has the file
// itself: who may write to the folder could put a link in the place of a name.
func writeTemporary(file string, keys []Key, finish func(*os.File) error) (name string, err error) {
	text, err := formatKeys(keys)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".issuer-*") // makes it with mode 0600
	if err != nil {
		return "", fmt.Errorf("the key file of the issuer cannot be written: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, finish(f), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(f.Name()) // the first error counts
		return "", fmt.Errorf("the key file of the issuer cannot be written: %w", err)
	}
	return f.Name(), nil
}

// syncFolder makes a new name last over a power cut.
func syncFolder(file string) error {
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
