// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const countFiles = `cwlVersion: v1.2
class: CommandLineTool
baseCommand: [find]
inputs:
  all: {type: Directory, inputBinding: {position: 1}}
outputs: []
`

// TestManyInputs: a directory of 10,000 files becomes an input with no byte
// written to Keep. The next job has the same input; after one object changed
// it has another. The input tells the URL and version of every file.
func TestManyInputs(t *testing.T) {
	t.Parallel()
	const keys = 10_000
	made, volume := &madeUp{keys: keys}, t.TempDir()
	s, installed := generatedIn(t, made, volume), installShim(t, "shim-python")
	first, told := s.inputs(t, installed)
	if !strings.Contains(told, "(10000 files, imported)") {
		t.Errorf("the first job says %s", told)
	}
	if again, told := s.inputs(t, installed); again != first || !strings.Contains(told, "(10000 files, found again)") {
		t.Errorf("with nothing changed, %s is the input after %s: %s", again, first, told)
	}
	s.hasVersions(t, first, made)
	made.changed.Store(true)
	second, _ := s.inputs(t, installed)
	if second == first {
		t.Error("after an object changed, the input is the same")
	}
	s.hasVersions(t, second, made)
	made.changed.Store(false)
	if back, _ := s.inputs(t, installed); back != first {
		t.Errorf("%s is the input when the first version is back, after %s", back, first)
	}
	err := filepath.WalkDir(volume, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && len(e.Name()) == 32 {
			t.Errorf("a block was written: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// inputs returns the portable data hash of the one input of a job, and what
// arv-cwl-s3 says about it.
func (s *standalone) inputs(t *testing.T, installed *shim) (pdh, told string) {
	t.Helper()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "tool.cwl"), countFiles)
	write(t, filepath.Join(folder, "job.yml"), "all: {class: Directory, location: \"s3://generated/\"}\n")
	cmd := exec.CommandContext(t.Context(), installed.python, "-m", "arvados_pseudoblock.commands.cwl_s3", "--print", "tool.cwl", "job.yml")
	cmd.Dir, cmd.Env = folder, slices.Concat(s.environment(t, "verified"), installed.environment(t), []string{"TMPDIR=" + folder})
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	var job struct {
		All struct{ Location string } `json:"all"`
	}
	if err := json.Unmarshal(out, &job); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("files are left: %v, %v", left, err)
	}
	return strings.TrimPrefix(job.All.Location, "keep:"), errs.String()
}

// hasVersions checks that the collection of an input names each object and its
// version.
func (s *standalone) hasVersions(t *testing.T, pdh string, made *madeUp) {
	t.Helper()
	var record struct {
		Text string `json:"manifest_text"`
	}
	if err := s.api(t).Call(context.Background(), http.MethodGet, "arvados/v1/collections/"+pdh, api.Params{}, &record); err != nil {
		t.Fatal(err)
	}
	n := 0
	for token := range strings.FieldsSeq(record.Text) {
		l, err := locator.Parse(token)
		if err != nil || len(l.Refs()) == 0 {
			continue // a name
		}
		o, err := locator.DecodeObject(l.Refs()[0].B)
		if want := "s3://generated/" + made.key(n) + "?versionId=" + made.version(n); err != nil || o.String() != want {
			t.Fatalf("input %d is %v, %v; want %s", n, o, err, want)
		}
		n++
	}
	if n != made.keys {
		t.Errorf("the input names %d objects of %d", n, made.keys)
	}
}
