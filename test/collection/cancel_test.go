// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/arvados-s3/keepstore/internal/faultproxy"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// canceling is a rig with imports that are still under way when they are
// canceled.
type canceling struct {
	*rig
	mu   sync.Mutex
	last time.Time // of the requests of S3; guarded by mu
}

// parts stores n objects whose ETag is no MD5 of their bytes, so that content
// form must read them.
func (r *rig) parts(prefix string, n int) {
	r.t.Helper()
	ctx := context.Background()
	for i := range n {
		key := aws.String(fmt.Sprintf("%s%03d", prefix, i))
		up, err := r.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &r.bucket, Key: key})
		if err != nil {
			r.t.Fatal(err)
		}
		part, err := r.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: &r.bucket, Key: key, UploadId: up.UploadId,
			PartNumber: aws.Int32(1), Body: bytes.NewReader(bytesOf(byte(i), 64<<10))})
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &r.bucket, Key: key, UploadId: up.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// underWay is a case of TestCancelEndsRequests: what is imported, what is asked of S3 for
// it, and when to cancel.
type underWay struct {
	form    string
	sources []string
	asked   *regexp.Regexp
	delay   time.Duration
	after   int
	// whole is how many requests the whole import would send.
	whole int
}

func (c *canceling) cases() map[string]underWay {
	listed := underWay{"", []string{c.url("many/list/")}, regexp.MustCompile(`\?.*prefix=many(/|%2F)list`), 3 * time.Second, 1, 2}
	singles := underWay{"", nil, regexp.MustCompile(`/many/list/`), 200 * time.Millisecond, 40, 1200}
	for i := range 1200 {
		singles.sources = append(singles.sources, c.url(fmt.Sprintf("many/list/%03d/%05d", i/100, i)))
	}
	content := underWay{"content", []string{c.url("many/parts/")}, regexp.MustCompile(`/many/parts/`), 500 * time.Millisecond, 40, 240}
	return map[string]underWay{"listing": listed, "objects": singles, "content": content}
}

// watch lets requests of S3 take long, and notes when they come.
func (c *canceling) watch(u underWay) {
	c.lab.Set(faultproxy.Rule{Path: u.asked, Choose: func() []faultproxy.Action {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last = time.Now()
		return []faultproxy.Action{faultproxy.Delay(u.delay)}
	}})
}

// count counts the requests of S3 for an import.
func (c *canceling) count(u underWay) int {
	n := 0
	for _, request := range c.lab.Log() {
		if u.asked.MatchString(request.Path + "?" + request.Query) {
			n++
		}
	}
	return n
}

// stopped waits until the server has ended the import of a client that went
// away, and returns when it had.
func (c *canceling) stopped(before int) time.Time {
	c.t.Helper()
	c.await("the end of the import", func() bool { return c.left() > before })
	return time.Now()
}

// left counts the imports whose client went away.
func (c *canceling) left() int {
	return len(regexp.MustCompile(`"route":"import".*"status":499`).FindAllString(c.log.String(), -1))
}

// fence imports something else through the same server and proxy. All that
// was on its way to S3 before has arrived then.
func (c *canceling) fence() {
	c.t.Helper()
	c.imported(c.admin, "many/fence/")
}

// collections counts what is stored.
func (c *canceling) collections() int {
	c.t.Helper()
	var list struct {
		Available int `json:"items_available"`
	}
	c.call(http.MethodGet, "collections", api.Params{"limit": 0, "count": "exact"}, &list)
	return list.Available
}

// TestCancelEndsRequests: an import that is canceled, interrupted or killed
// sends no more requests to S3, whether it lists, asks for objects or reads
// them, and leaves no collection.
func TestCancelEndsRequests(t *testing.T) {
	c := &canceling{rig: newRig(t)}
	c.many("many/list/", 1200)
	c.many("many/fence/", 3)
	c.parts("many/parts/", 120)
	for how, begin := range map[string]func(*testing.T, underWay) (cancel func()){
		"context": c.byContext, "interrupt": c.bySignal(os.Interrupt), "kill": c.bySignal(os.Kill)} {
		for what, u := range c.cases() {
			t.Run(how+"/"+what, func(t *testing.T) { c.cancel(t, u, begin) })
		}
	}
}

func (c *canceling) cancel(t *testing.T, u underWay, begin func(*testing.T, underWay) (cancel func())) {
	stored, ended := c.collections(), c.left()
	c.watch(u)
	cancel := begin(t, u)
	c.await("the first request", func() bool { return c.count(u) >= u.after })
	canceled := time.Now()
	cancel()
	end := c.stopped(ended)
	c.fence()
	sent := c.count(u)
	c.fence()
	if again := c.count(u); again != sent || sent >= u.whole {
		t.Errorf("%d requests were sent, then %d, of %d", sent, again, u.whole)
	}
	if reads := slices.ContainsFunc(c.lab.Log(), func(r faultproxy.Request) bool { return r.Range != "" }); reads != (u.form == "content") {
		t.Errorf("that bytes were read is %t", reads)
	}
	if now := c.collections(); now != stored {
		t.Errorf("there are %d collections, not %d", now, stored)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("the last of %d requests came %s after the import was canceled, and the server ended it after %s",
		sent, max(0, c.last.Sub(canceled)).Round(time.Millisecond), end.Sub(canceled).Round(time.Millisecond))
}

// byContext imports with the SDK and cancels its context.
func (c *canceling) byContext(t *testing.T, u underWay) (cancel func()) {
	ctx, stop := context.WithCancel(t.Context())
	var sources []collection.Source
	for _, url := range u.sources {
		sources = append(sources, collection.Source{URL: url, Path: strings.TrimPrefix(url, c.url(""))})
	}
	made, done := c.admin.New(), make(chan error, 1)
	go func() {
		_, err := made.ImportFromS3(ctx, sources, collection.ImportOptions{Form: u.form})
		done <- err
	}()
	return func() {
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the import ended with %v", err)
		}
		if files, _ := made.Size(); files != 0 {
			t.Errorf("half of the import is there: %d files", files)
		}
	}
}

// bySignal imports on the command line and sends a signal.
func (c *canceling) bySignal(signal os.Signal) func(*testing.T, underWay) (cancel func()) {
	return func(t *testing.T, u underWay) (cancel func()) {
		list := filepath.Join(t.TempDir(), "list")
		text := ""
		for _, url := range u.sources {
			text += url + "\t" + strings.TrimPrefix(url, c.url("")) + "\n"
		}
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := c.command(t.TempDir(), "import", "--form", u.form, "--from", list)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return func() {
			_ = cmd.Process.Signal(signal) // Wait tells if it has ended
			err := cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); err == nil || signal == os.Interrupt && code != 130 || cmd.out.String() != "" {
				t.Errorf("it ended with %v, status %d: %s%s", err, code, cmd.out, cmd.log)
			}
		}
	}
}
