// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// keepstore runs a command as somebody, and returns what it printed and its
// exit status.
func (r *rig) keepstore(as *api.Client, args ...string) (stdout, stderr string, status int) {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), binary, args...)
	cmd.Env = []string{"HOME=" + r.dir, "ARVADOS_API_HOST=" + r.apiURL, "ARVADOS_API_TOKEN=" + as.Settings().Token.Reveal()}
	var out, err strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &err
	failed, exit := cmd.Run(), (*exec.ExitError)(nil)
	if failed != nil && !errors.As(failed, &exit) {
		r.t.Fatal(failed)
	}
	return out.String(), err.String(), cmd.ProcessState.ExitCode()
}

// TestBatchCSV: the manifest for S3 Batch Operations has just the versions
// that S3 lists and the collection needs, however odd their keys are.
func TestBatchCSV(t *testing.T) {
	r := newRig(t)
	for _, k := range r.odd(60) {
		r.put(k.key, []byte("a newer version, which the import takes, of "+k.key))
	}
	c, _ := r.imported(r.admin, "")
	r.put("later", []byte("not in the collection"))
	if err := c.Copy("again", c, "odd"); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "odd"}); err != nil {
		t.Fatal(err)
	}
	want := r.newest()
	want = slices.DeleteFunc(want, func(row [3]string) bool { return row[1] == "later" })
	folder := filepath.Join(t.TempDir(), "manifests")
	uuid := c.Record().UUID
	stdout, stderr, status := r.keepstore(r.api, "ls", "--batch-csv", folder, uuid, uuid)
	if status != 0 || stderr != "" || !strings.Contains(stdout, r.bucket+".csv") {
		t.Fatalf("status %d, %q, %q", status, stdout, stderr)
	}
	if got := readCSV(t, filepath.Join(folder, r.bucket+".csv")); !slices.Equal(got, want) {
		t.Errorf("the manifest has %q, S3 lists %q", got, want)
	}
	if _, stderr, status := r.keepstore(r.api, "ls", "--batch-csv", folder, uuid); status != 2 || !strings.Contains(stderr, "is there already") {
		t.Errorf("once more: status %d, %s", status, stderr)
	}
	stdout, stderr, _ = r.keepstore(r.api, "ls", "--objects", "--json", uuid+"/odd")
	var listed []struct {
		URL         string
		Size, Bytes int64
		Files       int
	}
	if err := json.Unmarshal([]byte(stdout), &listed); err != nil || len(listed) == 0 || len(listed) >= len(want) {
		t.Fatalf("%d objects, %v", len(listed), err)
	}
	for _, o := range listed {
		if o.Files != 1 || o.Size != o.Bytes || !strings.Contains(o.URL, "?versionId=") {
			t.Errorf("%+v", o)
		}
	}
	if !strings.Contains(stderr, "object versions, ") {
		t.Errorf("the sum is %q", stderr)
	}
}

// TestBatchCSVWeakPins: what has no version is left out, and told.
func TestBatchCSVWeakPins(t *testing.T) {
	r := newRigOn(t, servers.MinIO(t), false)
	r.put("many/a", []byte("a"))
	r.put("many/b", []byte("b"))
	c, _ := r.imported(r.admin, "many/")
	if err := c.Save(t.Context(), collection.SaveOptions{Name: "weak"}); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	stdout, stderr, status := r.keepstore(r.api, "ls", "--batch-csv", folder, c.Record().UUID)
	if status != 3 || stdout != "" || !strings.Contains(stderr, "2 objects are left out: pinned by ETag only") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("there is %v, %v", left, err)
	}
	if stdout, stderr, status := r.keepstore(r.api, "ls", "--objects", c.Record().UUID); status != 0 ||
		strings.Count(stdout, "\n") != 2 || !strings.Contains(stdout, "?etag=") || !strings.Contains(stderr, "2 objects are pinned by ETag only") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// newest is what the AWS SDK lists as current: bucket, key and version.
func (r *rig) newest() [][3]string {
	r.t.Helper()
	var rows [][3]string
	for pages := s3.NewListObjectVersionsPaginator(r.s3, &s3.ListObjectVersionsInput{Bucket: &r.bucket, EncodingType: types.EncodingTypeUrl}); pages.HasMorePages(); {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			r.t.Fatal(err)
		}
		for _, v := range page.Versions {
			key, err := url.QueryUnescape(aws.ToString(v.Key))
			if err != nil {
				r.t.Fatal(err)
			}
			if aws.ToBool(v.IsLatest) {
				rows = append(rows, [3]string{r.bucket, key, aws.ToString(v.VersionId)})
			}
		}
	}
	return sorted(rows)
}

func sorted(rows [][3]string) [][3]string {
	slices.SortFunc(rows, func(a, b [3]string) int { return strings.Compare(a[1], b[1]) })
	return rows
}

func readCSV(t *testing.T, file string) [][3]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][3]string
	for _, row := range all {
		key, err := url.QueryUnescape(row[1])
		if err != nil || len(row) != 3 {
			t.Fatalf("the row %q: %v", row, err)
		}
		rows = append(rows, [3]string{row[0], key, row[2]})
	}
	return sorted(rows)
}
