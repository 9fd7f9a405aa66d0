// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/locator"
)

// The drivers of volumes.
const (
	DriverDirectory = "directory"
	DriverS3        = "s3"
)

// Volume is a place for ordinary blocks.
type Volume struct {
	// UUID is the mount's, or empty: then it is worked out when the volume is
	// open.
	UUID   string
	Driver string
	// Root is of a directory volume.
	Root string
	// Endpoint, Bucket and Prefix are of an S3 volume.
	Endpoint       *creds.Endpoint
	Bucket, Prefix string
	// Replication is how many copies the volume keeps by itself.
	Replication int
	// Classes are the storage classes, at least one.
	Classes   []string
	ReadOnly  bool
	Serialize bool
	Priority  int
}

// Trash says what happens to blocks that nobody refers to.
type Trash struct {
	// Enabled allows to take blocks away.
	Enabled bool
	// Lifetime is how long they can still be brought back.
	Lifetime time.Duration
}

// defaultTrash is Arvados' own default for BlobTrashLifetime.
const defaultTrash = 336 * time.Hour

func (b *builder) trash(f *file, arvados arvados) Trash {
	t := Trash{Enabled: !arvados.trashOff, Lifetime: cmp.Or(arvados.trashLifetime, defaultTrash)}
	if f.BlobTrash.given() {
		t.Enabled = b.boolean(f.BlobTrash)
	}
	if f.TrashLifetime.given() {
		t.Lifetime = b.duration(f.TrashLifetime)
	}
	return t
}

func (b *builder) volumes(f *file, c *Config) []Volume {
	var list []Volume
	for i, v := range f.Volumes {
		list = append(list, b.volume(v, c))
		for j, earlier := range list[:i] {
			if samePlace(earlier, list[i]) {
				b.bad.add(v.place, "this is the same place as volumes[%d]: a block would be counted twice", j)
			}
			if earlier.UUID != "" && earlier.UUID == list[i].UUID {
				b.bad.add(v.UUID.place, "volumes[%d] has this UUID already", j)
			}
		}
	}
	if len(list) > 0 && c.ClusterID == "" {
		b.bad.add(f.Volumes[0].place, "volumes need the cluster id, which begins their UUIDs: give cluster_id")
	}
	if len(list) > 0 && c.Signing.Key.IsZero() {
		b.bad.add(f.Volumes[0].place, "volumes need the key of permission signatures: give blob_signing")
	}
	return list
}

func samePlace(a, b Volume) bool {
	if a.Driver != b.Driver {
		return false
	}
	if a.Driver == DriverDirectory {
		return a.Root != "" && a.Root == b.Root
	}
	return a.Bucket != "" && sameService(a.Endpoint, b.Endpoint) && a.Bucket == b.Bucket && a.Prefix == b.Prefix
}

// sameService reports whether a bucket name is the same bucket at both
// endpoints, whose names and keys may differ. Bucket names are unique in an
// AWS partition, whatever the region.
func sameService(a, b *creds.Endpoint) bool {
	switch {
	case a == nil || b == nil:
		return false
	case a.URL == "" && b.URL == "":
		return creds.Partition(a.Region) == creds.Partition(b.Region)
	}
	return withoutPort(a.URL) == withoutPort(b.URL)
}

// withoutPort takes the port away where it is that of the scheme anyway.
func withoutPort(origin string) string {
	if host, ok := strings.CutSuffix(origin, ":443"); ok && strings.HasPrefix(origin, "https:") {
		return host
	}
	if host, ok := strings.CutSuffix(origin, ":80"); ok && strings.HasPrefix(origin, "http:") {
		return host
	}
	return origin
}

func (b *builder) volume(f fileVolume, c *Config) Volume {
	v := Volume{
		UUID:        b.mountUUID(f.UUID, c.ClusterID),
		Driver:      b.driver(f.Driver),
		Replication: b.count(f.Replication),
		Classes:     b.classes(f.StorageClasses),
		ReadOnly:    b.boolean(f.ReadOnly),
		Serialize:   b.boolean(f.Serialize),
		Priority:    b.whole(f.Priority),
	}
	switch v.Driver {
	case DriverDirectory:
		b.directory(f, &v)
	case DriverS3:
		b.bucket(f, &v, c)
	}
	return v
}

func (b *builder) driver(v value) string {
	if !v.given() {
		b.bad.add(v.place, "the driver is missing: expected %s or %s", DriverDirectory, DriverS3)
		return ""
	}
	return b.oneOf(v, DriverDirectory, DriverS3)
}

func (b *builder) directory(f fileVolume, v *Volume) {
	if !f.Root.given() {
		b.bad.add(f.Root.place, "the root is missing: name the folder, which must be there already")
	}
	for _, stray := range []value{f.Endpoint, f.Bucket, f.Prefix} {
		if stray.given() {
			b.bad.add(stray.place, "this is for driver s3 only")
		}
	}
	v.Root = b.path(f.Root)
}

func (b *builder) bucket(f fileVolume, v *Volume, c *Config) {
	if f.Root.given() {
		b.bad.add(f.Root.place, "root is for driver directory only")
	}
	v.Endpoint = b.ruleEndpoint(f.Endpoint, c.Endpoints)
	v.Bucket, v.Prefix = f.Bucket.text, f.Prefix.text
	if !f.Bucket.given() {
		b.bad.add(f.Bucket.place, "the bucket is missing")
	} else if err := locator.CheckBucket(v.Bucket); err != nil {
		b.bad.add(f.Bucket.place, "%s", err.Error())
	}
	if v.Prefix != "" && (v.Prefix[len(v.Prefix)-1] != '/' || creds.CheckPrefix(v.Prefix) != nil) {
		b.bad.add(f.Prefix.place, "a prefix must be plain and end with \"/\"")
	}
	// Whoever may import from the bucket could read everybody's blocks.
	for _, r := range c.Rules {
		if sameService(r.Endpoint, v.Endpoint) && r.Bucket == v.Bucket && v.Bucket != "" {
			b.bad.add(f.Bucket.place, "access rules cover this bucket: keep blocks in a bucket that no collection refers to")
			break
		}
	}
}

// mountUUID checks a UUID of Arvados' kind for volumes.
func (b *builder) mountUUID(v value, cluster string) string {
	switch {
	case !v.given():
	case !isUUID(v.text, "nyw5e"):
		b.bad.add(v.place, "the UUID of a volume has 27 characters, such as zzzzz-nyw5e-000000000000000")
	case isClusterID(cluster) && v.text[:5] != cluster:
		b.bad.add(v.place, "this volume belongs to another cluster than %s", cluster)
	}
	return v.text
}

func (b *builder) classes(list []value) []string {
	var out []string
	for _, v := range list {
		switch {
		case !regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`).MatchString(v.text):
			b.bad.add(v.place, "a storage class is of letters, digits, \"-\" and \"_\", at most 40 of them")
		case slices.Contains(out, v.text):
			b.bad.add(v.place, "this storage class is here twice")
		}
		out = append(out, v.text)
	}
	if len(out) == 0 {
		return []string{"default"}
	}
	return out
}

// whole reads a whole number, which may be below zero.
func (b *builder) whole(v value) int {
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil {
		b.bad.add(v.place, "expected a whole number")
	}
	return int(n)
}
