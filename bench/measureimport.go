// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// importBucket is what the generator lists.
const importBucket = "bench-import"

// imports measures POST /s3/import: prefixes of generated listings, and of a
// real S3 server.
func (b *bench) imports() error {
	s := b.scale.imports
	fast, slow := "≥ 80,000 objects/s", "≥ 25,000 objects/s"
	for _, c := range []importCase{
		{name: "nested keys", keys: s.nested, limit: 80_000, target: fast, o: generatorOptions{nested: true, page: s.page}},
		{name: "flat keys", keys: s.flat, limit: 80_000, target: fast, o: generatorOptions{page: s.page}},
		{name: "flat keys, 3 old versions each", keys: s.old, limit: 25_000, target: slow, o: generatorOptions{old: 3, page: s.page}},
		{name: "flat keys, pages without delay", keys: s.quick, o: generatorOptions{}},
		{name: "flat keys, pages without delay", keys: s.memory, o: generatorOptions{}},
	} {
		if err := b.importGenerated(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return b.importReal(s.real)
}

// importCase is one import of a generated listing.
type importCase struct {
	name   string
	keys   int
	limit  float64
	target string
	o      generatorOptions
}

func (b *bench) importGenerated(c importCase) error {
	if c.keys == 0 {
		return nil
	}
	c.o.keys = c.keys
	p, address, err := startGenerator(b.dir, b.self, "", c.o)
	if err != nil {
		return err
	}
	defer p.stop()
	got, err := b.importFrom(address, c.keys)
	if err != nil {
		return err
	}
	note := "the S3 server is a generator of ours that lists keys that do not exist"
	if c.o.page > 0 {
		note += fmt.Sprintf(", 1,000 entries a page, %v a page", c.o.page)
	}
	b.addImport(c, got, note+".")
	return nil
}

// addImport adds the rows of one import.
func (b *bench) addImport(c importCase, got imported, note string) {
	name := fmt.Sprintf("%s %s", number(float64(c.keys)), c.name)
	line := row{Name: name, Unit: "objects/s", Ours: spreadOf([]float64{float64(c.keys) / got.seconds}), Note: note}
	if c.limit > 0 {
		line.Judged = line.Ours
		line = line.atLeast(c.limit, c.target)
	}
	b.add(line)
	b.add(row{Name: name + ", CPU of keepstore", Unit: "µs/object", Ours: spreadOf([]float64{got.cpu * 1e6 / float64(c.keys)})})
	memory := row{Name: name + ", most memory", Unit: "MiB RSS", Ours: spreadOf([]float64{got.rss})}
	if c.keys >= 10_000_000 {
		memory.Judged = memory.Ours
		memory = memory.atMost(200, "< 200 MiB at 10 million keys")
	}
	b.add(memory)
}

// imported is what one import took.
type imported struct{ seconds, cpu, rss float64 }

// importFrom imports all of a bucket with a fresh keepstore.
func (b *bench) importFrom(address string, want int) (imported, error) {
	k, err := startKeepstore(b.dir, b.binary, keepstoreOptions{accessKey: accessKey, secretKey: secretKey,
		buckets: map[string]string{importBucket: address}})
	if err != nil {
		return imported{}, err
	}
	defer k.stop()
	begin := time.Now()
	files, err := k.importPrefix(b.ctx, "s3://"+importBucket+"/")
	if err == nil && files != want {
		err = fmt.Errorf("%d objects were imported in place of %d", files, want)
	}
	if err != nil {
		return imported{}, err
	}
	got := imported{seconds: time.Since(begin).Seconds()}
	var err1, err2 error
	got.cpu, err1 = k.cpu()
	got.rss, err2 = k.memory("VmHWM")
	return got, errors.Join(err1, err2)
}

// importPrefix asks for an import and counts the files of the answer.
func (k *keepstore) importPrefix(ctx context.Context, url string) (files int, err error) {
	body, err := json.Marshal(map[string]any{"sources": []map[string]string{{"url": url}}})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+k.address+"/s3/import", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+k.token)
	request.Header.Set("Content-Type", "application/json")
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer reply.Body.Close()
	lines := bufio.NewReaderSize(reply.Body, 256<<10)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case bytes.HasPrefix(line, []byte(`{"type":"file"`)):
			files++
		case bytes.HasPrefix(line, []byte(`{"type":"done"`)):
			return files, nil
		case bytes.HasPrefix(line, []byte(`{"type":"progress"`)):
		default:
			return files, fmt.Errorf("the import failed (%w): %s", err, strings.TrimSpace(string(line)))
		}
	}
}

// importReal imports small objects from MinIO.
func (b *bench) importReal(n int) error {
	binary := findMinIO()
	if n == 0 {
		return nil
	}
	if binary == "" {
		b.report.Notes = append(b.report.Notes, "Importing from a real S3 server was left out, since MinIO is not built: run `make bench`, which builds it.")
		return nil
	}
	dir, err := os.MkdirTemp(b.dir, "minio-")
	if err != nil {
		return err
	}
	p, address, err := startMinIO(b.ctx, dir, binary)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := fillBucket(b.ctx, address, importBucket, n); err != nil {
		return err
	}
	var rates []float64
	for range b.scale.rounds {
		got, err := b.importFrom(address, n)
		if err != nil {
			return err
		}
		rates = append(rates, float64(n)/got.seconds)
	}
	line := row{Name: fmt.Sprintf("%s objects of MinIO, in folders", number(float64(n))), Unit: "objects/s", Ours: spreadOf(rates)}
	line.Judged = line.Ours
	b.add(line.atLeast(10_000, "≥ 10,000 objects/s"))
	return nil
}
