// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// goSDK measures what users of sdk/go/collection get.
func (b *bench) goSDK() error {
	if err := b.manifests(); err != nil {
		return err
	}
	if err := b.scatteredReads(); err != nil {
		return err
	}
	if err := b.sequentialReads(); err != nil {
		return err
	}
	return b.sequentialSlow()
}

// manifests runs the Go benchmarks of manifests of a million files.
func (b *bench) manifests() error {
	if b.scale.sdk.manifests == "" {
		return nil
	}
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Parse|Print)$",
		"-benchtime", b.scale.sdk.manifests, "github.com/arvados-s3/keepstore/sdk/go/collection")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	for _, line := range manifestRows(string(out)) {
		b.add(line)
	}
	return nil
}

// manifestRows reads the output of the benchmarks.
func manifestRows(out string) []row {
	var rows []row
	for text := range strings.Lines(out) {
		name, ok := strings.CutPrefix(text, "Benchmark")
		if !ok {
			continue
		}
		metric := func(unit string) *spread {
			m := regexp.MustCompile(`\s([0-9.]+) ` + regexp.QuoteMeta(unit) + `\s`).FindStringSubmatch(text)
			if m == nil {
				return nil
			}
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return nil
			}
			return spreadOf([]float64{v})
		}
		seconds := row{Unit: "s", Ours: metric("s/op"), Judged: metric("s/op")}
		if strings.HasPrefix(name, "Parse") {
			seconds.Name = "parse a manifest of 1,000,000 files"
			memory := row{Name: "the same, heap at most", Unit: "MB", Ours: metric("MB-heap"), Judged: metric("MB-heap"),
				Note: "with the text itself, " + metric("MB-text").text() + " MB."}
			rows = append(rows, seconds.atMost(2, "< 2 s"), memory.atMost(600, "< 600 MB"))
			continue
		}
		seconds.Name, seconds.Judged = "print one that was changed", nil
		rows = append(rows, seconds)
	}
	return rows
}

// withSDK is a target that is read by the Go SDK.
func (k *keepstore) withSDK(bucket string, size int64) (target, error) {
	t, err := k.target(bucket, size)
	t.name, t.header, t.sdk = "sdk", "", &sdkJob{API: k.api, Token: k.token}
	return t, err
}

// ranged is a target that is downloaded from the S3 server itself.
func ranged(address string, size int64) target {
	return target{name: "direct", address: address, path: "/" + plainBucket + "/" + blobKey(size) + "?versionId=" + version, size: size, ranged: true}
}

// scatteredReads counts what small reads through the SDK cost in bytes of S3.
// It needs the log of the nginx stand-in.
func (b *bench) scatteredReads() error {
	if b.nginx == "" {
		return nil
	}
	got, err := b.sent((*keepstore).withSDK, func(j *job) { j.Part, j.Requests = small, b.scale.sdk.reads })
	if err != nil {
		return err
	}
	line := row{Name: "4 KiB at random offsets of 64 MiB, bytes from S3 per byte read", Unit: "×", Ours: spreadOf([]float64{got.perByte})}
	line.Judged = line.Ours
	b.add(line.atMost(1.1, "≤ 1.1"))
	b.add(row{Name: "the same, one reader", Unit: "reads/s", Ours: spreadOf([]float64{float64(got.observed.Requests) / got.observed.Seconds})})
	return nil
}

// sequentialReads reads an object from end to end, where client, keepstore and
// S3 share the processors of this machine.
func (b *bench) sequentialReads() error {
	r, err := b.startRig(false, 0)
	if err != nil {
		return err
	}
	defer r.stop()
	size := b.scale.sdk.sequential
	ours, err := r.keepstore.withSDK(plainBucket, size)
	if err != nil {
		return err
	}
	return b.sideBySide(sizeName(size)+" in a row, all on these processors", ranged(r.direct, size), ours,
		"direct is a download of 4 MiB ranges from S3, four at once; here processors are what is scarce, and direct has no server between to feed.", "")
}

// sequentialSlow does the same where the network is what is scarce, as it is
// with S3.
func (b *bench) sequentialSlow() error {
	p, address, err := startGenerator(b.dir, b.self, "", generatorOptions{first: 30 * time.Millisecond, rate: 90e6})
	if err != nil {
		return err
	}
	defer p.stop()
	k, err := startKeepstore(b.dir, b.binary, keepstoreOptions{accessKey: accessKey, secretKey: secretKey,
		buckets: map[string]string{plainBucket: address}})
	if err != nil {
		return err
	}
	defer k.stop()
	size := b.scale.sdk.sequential
	ours, err := k.withSDK(plainBucket, size)
	if err != nil {
		return err
	}
	return b.sideBySide(sizeName(size)+" in a row from a slow S3", ranged(address, size), ours,
		"direct as above; the S3 server is a generator of ours: 30 ms to the first byte, 90 MB/s for each connection.", "≥ 0.9 × direct")
}

// sideBySide adds the speed of two ways to one object.
func (b *bench) sideBySide(name string, direct, ours target, note, goal string) error {
	all, err := b.sweep([]target{direct, ours}, "", func(*job) {}, func(j *job) { j.Requests = 1 })
	if err != nil {
		return err
	}
	speed := func(o observed) float64 { return float64(o.Bytes) / 1e6 / o.Seconds }
	line := row{Name: name, Unit: "MB/s", Ours: spreadOf(pick(all["sdk"], speed)), Direct: spreadOf(pick(all["direct"], speed)), Note: note}
	line.Judged = spreadOf(combine(line.Ours.Samples, line.Direct.Samples, ratio))
	if goal != "" {
		line = line.atLeast(0.9, goal)
	}
	b.add(line)
	return nil
}
