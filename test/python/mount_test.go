// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
)

// withMounts reports whether tests are to mount. "make test" decides it, since
// not every machine lets its programs mount.
func withMounts() bool { return os.Getenv("KEEPSTORE_TEST_FUSE") == "1" }

// mounting is a keepstore, the package, and the environment that has arv-mount.
type mounting struct {
	*standalone
	environment []string
	python      string // of arv-mount's environment
	stock       string // arv-mount
	minio       *testenv.Server
}

func startMounting(t *testing.T, bucket string) *mounting {
	t.Helper()
	program, err := os.Readlink(testenv.Bin(t, "arv-mount"))
	if err != nil {
		t.Fatal(err)
	}
	minio := servers.MinIO(t)
	s := &standalone{log: &testenv.Output{}, bucket: minio.Bucket(t, bucket, true)}
	s.configure(t, minio, "auto", "", app.StandaloneOptions{})
	installed := installShim(t, "shim-python")
	return &mounting{s, slices.Concat(s.environment(t, "verified"), installed.environment(t)), filepath.Join(filepath.Dir(program), "python"), program, minio}
}

// imports makes a collection of all objects and returns its UUID.
func (m *mounting) imports(t *testing.T, form string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), m.python, "-m", "arvados_pseudoblock.commands.import_s3", "--form", form, "s3://"+m.bucket+"/data/")
	cmd.Env = m.environment
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// mount mounts a collection by a program and returns the folder; the test's
// end unmounts it, and wants the program to end well.
func (m *mounting) mount(t *testing.T, uuid string, program ...string) string {
	t.Helper()
	folder := t.TempDir()
	args := append(program[1:], "--foreground", "--read-only", "--disable-event-listening", "--retries", "0", "--collection", uuid, folder)
	cmd := exec.Command(program[0], args...)
	cmd.Env = m.environment
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if out, err := exec.Command("fusermount", "-u", "-z", folder).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v %s", err, out)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%v ended with %v\n%s", program, err, &log)
			}
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill() // it is told below
			<-ended
			t.Errorf("%v did not end after the unmount\n%s", program, &log)
		}
		if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
			t.Errorf("after the unmount there are %v, %v", entries, err)
		}
	})
	for deadline := time.Now().Add(time.Minute); !isMount(t, folder); time.Sleep(20 * time.Millisecond) {
		if len(ended) > 0 || time.Now().After(deadline) {
			t.Fatalf("%v does not mount\n%s", program, &log)
		}
	}
	return folder
}

// isMount reports whether a folder is on another device than the one above it.
func isMount(t *testing.T, folder string) bool {
	t.Helper()
	var here, above syscall.Stat_t
	if err := syscall.Stat(folder, &here); err != nil {
		return false // of a mount that is just being made
	}
	if err := syscall.Stat(filepath.Dir(folder), &above); err != nil {
		t.Fatal(err)
	}
	return here.Dev != above.Dev
}

func (m *mounting) shim() []string {
	return []string{m.python, "-m", "arvados_pseudoblock", "run", m.stock}
}

// TestMount reads references through the real arv-mount, started by the
// package: whole files, random pieces, several readers; and the bytes stay
// what they were when the objects are overwritten and deleted.
func TestMount(t *testing.T) {
	t.Parallel()
	if !withMounts() {
		return // .ci/fuse.sh has said why
	}
	m := startMounting(t, "mount")
	folders := map[string]string{}
	for _, form := range []string{"opaque", "derived"} {
		folders[form] = m.mount(t, m.imports(t, form), m.shim()...)
	}
	want := m.objectsNow(t)
	for form, folder := range folders {
		t.Run(form, func(t *testing.T) { compareTree(t, folder, want) })
	}
	m.overwriteAll(t)
	for form, folder := range folders {
		t.Run(form+" after the objects changed", func(t *testing.T) { compareTree(t, folder, want) })
		// In a new process nothing is warm.
		t.Run(form+" mounted anew", func(t *testing.T) { compareTree(t, m.mount(t, m.collection(t, folder), m.shim()...), want) })
	}
	t.Run("big", func(t *testing.T) {
		const name = "two blocks.bin"
		whole, err := os.ReadFile(filepath.Join(folders["derived"], name))
		if err != nil {
			t.Fatal(err)
		}
		fresh := m.mount(t, m.collection(t, folders["derived"]), m.shim()...)
		readBig(t, filepath.Join(fresh, name), whole)
	})
}

// TestMountStock: the stock arv-mount, without the package, gives no byte of a
// reference, neither its own nor another's; of content form it gives all.
func TestMountStock(t *testing.T) {
	t.Parallel()
	if !withMounts() {
		return // .ci/fuse.sh has said why
	}
	m := startMounting(t, "mount-stock")
	folder := m.mount(t, m.imports(t, "derived"), m.python, "scripts/impatient.py", m.stock)
	if data, err := os.ReadFile(filepath.Join(folder, "a b.txt")); err == nil || len(data) > 0 {
		t.Errorf("the stock arv-mount reads %d bytes of derived form, %v", len(data), err)
	}
	compareTree(t, m.mount(t, m.imports(t, "content"), m.stock), m.objectsNow(t))
}

// collection is the UUID of the collection that is mounted in a folder.
func (m *mounting) collection(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, ".arvados#collection"))
	if err != nil {
		t.Fatal(err)
	}
	var record struct {
		UUID string `json:"uuid"`
	}
	if err := json.Unmarshal(text, &record); err != nil || record.UUID == "" {
		t.Fatalf("%v: %s", err, text)
	}
	return record.UUID
}

func (m *mounting) objectsNow(t *testing.T) map[string]object {
	t.Helper()
	text, err := os.ReadFile(m.objects)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]object
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// overwriteAll puts other bytes of the same size in the place of each object,
// and deletes half of them.
func (m *mounting) overwriteAll(t *testing.T) {
	t.Helper()
	c, n := m.minio.Client(t), 0
	for name, o := range m.objectsNow(t) {
		key := "data/" + name
		if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &m.bucket, Key: &key, Body: bytes.NewReader(make([]byte, o.Size))}); err != nil {
			t.Fatal(err)
		}
		if n++; n%2 == 0 {
			if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &m.bucket, Key: &key}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// compareTree reads all files below a folder.
func compareTree(t *testing.T, folder string, want map[string]object) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != want[name].SHA256 {
			t.Errorf("%q has %d bytes, %v; want %+v", name, len(data), err, want[name])
		}
		seen++
		return nil
	})
	if err != nil || seen != len(want) {
		t.Errorf("%d files of %d, %v", seen, len(want), err)
	}
}

// readBig reads a file of more than one block by pieces of all sizes, in no
// order and by several readers, and then in a row.
func readBig(t *testing.T, path string, whole []byte) {
	t.Helper()
	for reader := range uint64(4) {
		t.Run("reader", func(t *testing.T) {
			t.Parallel()
			readPieces(t, path, whole, rand.New(rand.NewPCG(1, reader)))
		})
	}
}

func readPieces(t *testing.T, path string, whole []byte, random *rand.Rand) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range 100 {
		at := random.IntN(len(whole))
		piece := make([]byte, 1+random.IntN(300_000))
		n, err := f.ReadAt(piece, int64(at))
		if end := min(at+len(piece), len(whole)); !bytes.Equal(piece[:n], whole[at:end]) || n < len(piece) && err != io.EOF {
			t.Fatalf("%d bytes at %d, %v", n, at, err)
		}
	}
	if _, err := f.ReadAt(make([]byte, 1), int64(len(whole))); err != io.EOF {
		t.Errorf("beyond the end: %v", err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil || !bytes.Equal(hash.Sum(nil), sum(whole)) {
		t.Errorf("in a row: %v", err)
	}
}

func sum(data []byte) []byte {
	s := sha256.Sum256(data)
	return s[:]
}
