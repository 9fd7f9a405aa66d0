// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// fileSteps show collections as people use them.
func fileSteps() []step {
	return []step{
		{"Files in place of locators", "people work with files; one command makes a collection of a prefix.", (*tour).files},
		{"Follow the bucket", "S3 goes on changing; what changed should be told, and taken in when one wants it.", (*tour).follow},
		{"Ask who needs an object", "before it is deleted in S3, for ever.", (*tour).whoUses},
	}
}

// The objects that change in follow. The next run begins anew with them.
const (
	updatedKey = prefix + "sample-01/reads-1.txt"
	deletedKey = prefix + "sample-02/reads-1.txt"
	addedKey   = prefix + "added.txt"
)

// files imports the prefix into a collection and looks into it.
func (t *tour) files(ctx context.Context) error {
	imported, err := t.keepstore(ctx, "import", "--name", "study-"+t.first.done.PDH[:8], prefixURL)
	if err != nil {
		return err
	}
	if t.study, err = imported.line(); err != nil {
		return err
	}
	t.out.got("%s", t.study)
	list, err := t.keepstore(ctx, "ls", "--recursive", t.study)
	if err != nil {
		return err
	}
	paths := strings.Count(list.out, ".txt\n") + strings.Count(list.out, ".bin\n")
	t.check(list.status == 0 && paths == len(t.first.files)-1, "the collection has the %d files that are left in S3", len(t.first.files)-1)
	tail, err := t.keepstore(ctx, "cat", "--range", "1000000-1000099", t.study+"/large.bin")
	if err != nil {
		return err
	}
	t.check(tail.out == string(t.bucket.files()[largeKey].body[1000000:1000100]), "these are the 100 bytes at that place of the object")
	return nil
}

// follow changes three objects, and brings the collection up to date.
func (t *tour) follow(ctx context.Context) error {
	old := t.bucket.files()[updatedKey]
	t.updated = newObject(updatedKey, bytes.ToUpper(old.body))
	t.out.sent("S3: PUT %s and %s, DELETE %s", updatedKey, addedKey, deletedKey)
	for _, o := range []*object{t.updated, newObject(addedKey, []byte("second measurement\n"))} {
		if err := t.bucket.put(ctx, o); err != nil {
			return err
		}
	}
	if err := t.bucket.delete(ctx, deletedKey); err != nil {
		return err
	}
	before, err := t.pdh(ctx)
	if err != nil {
		return err
	}
	if err := t.differences(ctx); err != nil {
		return err
	}
	checked, err := t.keepstore(ctx, "check", t.study)
	if err != nil {
		return err
	}
	t.check(checked.status == 0, "every version that the collection holds can still be read")
	return t.refresh(ctx, old, before)
}

// pdh is the portable data hash of the collection as it is now.
func (t *tour) pdh(ctx context.Context) (string, error) {
	r, err := t.runProgram(ctx, "manifest", "--pdh", t.study)
	if err != nil {
		return "", err
	}
	return r.line()
}

func (t *tour) differences(ctx context.Context) error {
	r, err := t.keepstore(ctx, "diff", t.study)
	if err != nil {
		return err
	}
	named := 0
	for line := range strings.Lines(r.out) {
		words := strings.Fields(line)
		t.out.detail("%-8s %s", words[0], words[1])
		for what, key := range map[string]string{"added": addedKey, "updated": updatedKey, "deleted": deletedKey} {
			if words[0] == what && prefix+words[1] == key {
				named++
			}
		}
	}
	t.check(named == 3 && strings.Count(r.out, "\n") == 3 && r.status == 3, "just these three are named, and the exit status is 3")
	return nil
}

// refresh takes the changes in. The content of before has a name of its own.
func (t *tour) refresh(ctx context.Context, old *object, before string) error {
	r, err := t.keepstore(ctx, "refresh", "--mirror", t.study)
	if err != nil {
		return err
	}
	if r.status != 0 {
		return fmt.Errorf("refresh ended with %d: %s", r.status, short(r.notes, 3000))
	}
	path := "/" + strings.TrimPrefix(updatedKey, prefix)
	now, err := t.runProgram(ctx, "cat", t.study+path)
	if err != nil {
		return err
	}
	t.check(now.out == string(t.updated.body), "the collection has the new bytes of %s", path[1:])
	then, err := t.keepstore(ctx, "cat", before+path)
	if err != nil {
		return err
	}
	t.check(then.out == string(old.body), "its old portable data hash still reads the old ones")
	return nil
}

// whoUses asks for the version that the collection holds.
func (t *tour) whoUses(ctx context.Context) error {
	url := "s3://" + bucketName + "/" + updatedKey
	r, err := t.keepstore(ctx, "whereused", url+"?versionId="+t.updated.version)
	if err != nil {
		return err
	}
	t.out.got("%s", short(r.out, 300))
	t.check(r.status == 0 && strings.HasPrefix(r.out, t.study) && strings.Count(r.out, "\n") == 1, "the collection that was refreshed needs this version, and no other")
	return nil
}
