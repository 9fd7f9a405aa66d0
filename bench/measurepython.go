// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// pythonJob is what bench/python/read.py is told, and pythonReads what it
// says: the seconds of each round, the stock client's and ours.
type pythonJob struct {
	URL     string  `json:"url"`
	Token   string  `json:"token"`
	Locator string  `json:"locator"`
	Size    int64   `json:"size"`
	Steps   []int64 `json:"steps"`
	Rounds  int     `json:"rounds"`
}

type pythonTimes struct {
	Step        int64
	Stock, Shim []float64
}

// pythonReads measures reading a file in order through collections of the
// Python package, next to the stock client that reads as many bytes in
// ordinary blocks from the same server.
func (b *bench) pythonReads() error {
	python, err := os.Readlink(filepath.Join(os.Getenv("KEEPSTORE_TEST_BIN"), "shim-python"))
	if err != nil {
		b.report.Notes = append(b.report.Notes, "The Python client is not installed here (make tools): reading through it was not measured.")
		return nil
	}
	r := &rig{}
	defer r.stop()
	if err := b.startStandIn(r, ""); err != nil {
		return err
	}
	volume := filepath.Join(b.dir, "python-volume")
	if err := os.MkdirAll(volume, 0o700); err != nil {
		return err
	}
	r.keepstore, err = startKeepstore(b.dir, b.binary, keepstoreOptions{
		accessKey: accessKey, secretKey: secretKey, buckets: map[string]string{plainBucket: r.direct}, volume: volume})
	if err != nil {
		return err
	}
	r.processes = append(r.processes, r.keepstore.process)
	times, err := b.readByPython(python, r.keepstore)
	if err != nil {
		return err
	}
	for _, t := range times {
		b.add(pythonRow(b.scale.python, t))
	}
	return nil
}

func (b *bench) readByPython(python string, k *keepstore) ([]pythonTimes, error) {
	job := pythonJob{URL: "http://" + k.address, Token: k.token, Size: b.scale.python, Steps: []int64{128 << 10, mib, blob}, Rounds: b.scale.rounds}
	var err error
	if job.Locator, err = k.locator(plainBucket, job.Size); err != nil {
		return nil, err
	}
	input, err := json.Marshal(job)
	if err != nil {
		return nil, err
	}
	source, err := sourceFolder()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, python, "-B", filepath.Join(source, "bench", "python", "read.py"))
	cmd.Env = []string{"HOME=" + b.dir, "PYTHONPATH=" + filepath.Join(source, "sdk", "python-shim")}
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("reading with Python: %w\n%s", err, &errs)
	}
	var times []pythonTimes
	return times, json.Unmarshal(out.Bytes(), &times)
}

// sourceFolder is the root of the repository: the bench runs there, and its
// test one folder below.
func sourceFolder() (string, error) {
	for _, folder := range []string{".", ".."} {
		if _, err := os.Stat(filepath.Join(folder, "sdk", "python-shim")); err == nil {
			return filepath.Abs(folder)
		}
	}
	return "", errors.New("the folder sdk/python-shim is not here: run the bench in the root of the repository")
}

func pythonRow(size int64, t pythonTimes) row {
	speeds := func(seconds []float64) []float64 {
		out := make([]float64, len(seconds))
		for i, s := range seconds {
			out[i] = float64(size) / 1e6 / s
		}
		return out
	}
	ours, stock := speeds(t.Shim), speeds(t.Stock)
	r := row{Name: fmt.Sprintf("%s by reads of %s", sizeName(size), sizeName(t.Step)), Unit: "MB/s", Ours: spreadOf(ours), Direct: spreadOf(stock)}
	r.Judged = spreadOf(combine(ours, stock, ratio))
	r.Note = "direct is the stock client, which reads ordinary blocks of 64 MiB and checks their MD5."
	return r.atLeast(1, "≥ 1.0 × stock")
}
