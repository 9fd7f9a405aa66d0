// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// batch writes manifests of S3 Batch Operations: a CSV file for each bucket,
// since a job works on one bucket. Each row has bucket, key and version; the
// keys are percent-encoded, and there is no row of headings.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html
type batch struct {
	folder string
	files  map[string]*batchFile // by bucket
	// seen has the objects of earlier collections; nil for one collection.
	seen map[[sha256.Size]byte]bool
	weak int64
	// odd counts objects whose version a spreadsheet would run as a formula.
	odd int64
}

// batchFile is the manifest of one bucket, under another name until it is
// complete.
type batchFile struct {
	Bucket  string `json:"bucket"`
	File    string `json:"file"`
	Objects int64  `json:"objects"`
	temp    *os.File
	rows    *csv.Writer
}

// batchCSV is ls --batch-csv: all files appear, or none.
func (o *listing) batchCSV(ctx context.Context, s *session, targets []target) error {
	if err := os.MkdirAll(o.batch, 0o777); err != nil {
		return &Exit{Usage, err}
	}
	b := &batch{folder: o.batch, files: map[string]*batchFile{}}
	if len(targets) > 1 {
		b.seen = map[[sha256.Size]byte]bool{}
	}
	defer b.clear()
	err := s.eachNeeded(ctx, targets, func(_ target, use collection.ObjectUse) error { return b.add(use.Object) })
	if err == nil {
		err = b.finish()
	}
	if err != nil {
		return err
	}
	if err := b.print(s); err != nil {
		return err
	}
	switch {
	case b.odd > 0:
		return partialf("%s left out: their versions are such as no S3 server gives, and read as formulas", are(b.odd+b.weak, "object"))
	case b.weak > 0:
		return partialf("%s left out: pinned by ETag only, they have no version that a batch job could name", are(b.weak, "object"))
	}
	return nil
}

func (b *batch) add(o locator.Object) error {
	if b.seen != nil {
		key := sha256.Sum256([]byte(o.URL()))
		if b.seen[key] {
			return nil
		}
		b.seen[key] = true
	}
	switch {
	case o.VersionID == "":
		b.weak++
		return nil
	case isFormula(o.VersionID):
		b.odd++
		return nil
	}
	f := b.files[o.Bucket]
	if f == nil {
		var err error
		if f, err = b.open(o.Bucket); err != nil {
			return err
		}
		b.files[o.Bucket] = f
	}
	f.Objects++
	return f.rows.Write([]string{o.Bucket, locator.Escape(o.Key, true), o.VersionID})
}

// isFormula reports whether a spreadsheet could take a version for more than
// text. Anyone may write versions into a manifest; keys are percent-encoded.
func isFormula(version string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	plain := func(r rune) bool {
		return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._~", r))
	}
	return strings.ContainsFunc(version, odd) ||
		strings.ContainsRune("=+-@", rune(version[0])) && strings.ContainsFunc(version, func(r rune) bool { return !plain(r) })
}

// open begins the file of a bucket. What buckets may be called is safe as the
// name of a file.
func (b *batch) open(bucket string) (*batchFile, error) {
	f := &batchFile{Bucket: bucket, File: filepath.Join(b.folder, bucket+".csv")}
	if _, err := os.Lstat(f.File); !errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("%s is there already: name another folder, or remove it", quote(f.File))
	}
	var err error
	if f.temp, err = os.CreateTemp(b.folder, ".keepstore-*.part"); err != nil {
		return nil, err
	}
	f.rows = csv.NewWriter(f.temp)
	return f, nil
}

// finish gives the files their names.
func (b *batch) finish() error {
	for _, f := range b.files {
		f.rows.Flush()
		if err := errors.Join(f.rows.Error(), f.temp.Close()); err != nil {
			return fmt.Errorf("%s cannot be written: %w", quote(f.File), err)
		}
	}
	for _, f := range b.files {
		if err := os.Rename(f.temp.Name(), f.File); err != nil {
			return err
		}
	}
	return nil
}

// clear removes what has not got its name.
func (b *batch) clear() {
	for _, f := range b.files {
		_ = f.temp.Close()           // it may be closed
		_ = os.Remove(f.temp.Name()) // it may have its name
	}
}

func (b *batch) print(s *session) error {
	all := []*batchFile{}
	for _, f := range b.files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(x, y *batchFile) int { return strings.Compare(x.Bucket, y.Bucket) })
	if s.json {
		return s.printJSON(all)
	}
	var rows [][]string
	for _, f := range all {
		rows = append(rows, []string{f.File, plural(f.Objects, "object version")})
	}
	return s.printTable(rows...)
}
