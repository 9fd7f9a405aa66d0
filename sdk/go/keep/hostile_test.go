// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const hostileToken = "v2/zzzzz-gj3su-000000000000000/sesame"

// hostile is a client of one Keep service that does what serve says.
func hostile(t *testing.T, serve http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(serve)
	a, err := api.New(api.Settings{Host: server.URL, Token: api.NewToken(hostileToken)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(a, Options{Services: []string{server.URL}, Stall: 5 * time.Second, Replicas: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); a.Close(); server.CloseClientConnections(); server.Close() })
	return c
}

func parsed(t *testing.T, text string) locator.Locator {
	t.Helper()
	l, err := locator.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestExtentIsNoBlock: a text may name, by one hash and size, an extent of an S3
// object and an ordinary block. Bytes of the one never pass for the other.
func TestExtentIsNoBlock(t *testing.T) {
	content := strings.Repeat("0123456789", 100)
	c := hostile(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}, Size: 1000}
	extent, err := e.Locator(pseudoblock.Derived)
	if err != nil {
		t.Fatal(err)
	}
	block := parsed(t, extent.Stripped())
	for _, size := range []int64{100, 1000} {
		if b, err := c.View(t.Context(), extent, 0, size); err != nil || len(b) == 0 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		if b, err := c.View(t.Context(), block, 900, 10); !Is(err, Corrupt) {
			t.Errorf("after %d bytes of the extent: %d bytes of the block, %v", size, len(b), err)
		}
	}
	sum := md5.Sum([]byte(content))
	if b, err := c.View(t.Context(), parsed(t, hex.EncodeToString(sum[:])+"+1000"), 900, 10); err != nil || string(b) != "0123456789" {
		t.Errorf("of a true block %q, %v", b, err)
	}
}

// TestOtherProtocol: a service that switches protocols ends the request at
// once. Nothing would end a read of what it sends.
func TestOtherProtocol(t *testing.T) {
	c := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		_, _, _ = w.(http.Hijacker).Hijack() // and says nothing ever; the server is gone with the test
	})
	l := parsed(t, "acbd18db4cc2f85cedef654fccc4a4d8+3")
	_, get := c.View(t.Context(), l, 0, 3)
	_, put := c.Put(t.Context(), []byte("foo"))
	_, imported := c.Import(t.Context(), []byte("{}"))
	_, head := c.Head(t.Context(), l)
	for what, err := range map[string]error{"get": get, "head": head, "put": put, "import": imported} {
		if !Is(err, BadReply) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestAnswersAreSafeToShow: what a service sends back of token and signatures,
// and what plays tricks on a terminal, is in no sentence.
func TestAnswersAreSafeToShow(t *testing.T) {
	const signature = "0123456789abcdef0123456789abcdef01234567@67890abc"
	said := "token " + hostileToken + " secret sesame +A" + signature + " +Rzzzzz-" + signature + " \x1b[2J"
	c := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprintf(connection, "HTTP/1.1 403 %s\r\nX-Keep-Error: bad %s\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
			strings.ReplaceAll(said, "\x1b", "\x9b"), hostileToken, hostileToken, said)
		_ = connection.Close() // the client reads to the end
	})
	_, err := c.View(t.Context(), parsed(t, "acbd18db4cc2f85cedef654fccc4a4d8+3+A"+signature), 0, 3)
	e, ok := err.(*Error)
	if !ok || e.Status != http.StatusForbidden || !strings.Contains(e.Text, "[secret]") {
		t.Fatalf("got %v", err)
	}
	for _, bad := range []string{"sesame", "0123456789abcdef", "\x1b", "\x9b"} {
		if all := e.Text + e.Word() + e.RequestID; strings.Contains(all, bad) {
			t.Errorf("%q is in %q", bad, all)
		}
	}
}

// TestRefusalsOfOwnRoutes: a route of keepstore's own says by itself all that
// there is to say, and what other servers answer is shown around it.
func TestRefusalsOfOwnRoutes(t *testing.T) {
	const sentence = `s3-not-found: "a" does not exist [req req-1]`
	long := "s3-not-found: " + strings.Repeat("x", 900) + " [req req-1]"
	for name, x := range map[string]struct{ word, body, want string }{
		"own":        {"s3-not-found", `{"errors":["s3-not-found: \"a\" does not exist [req req-1]"]}`, sentence},
		"long":       {"s3-not-found", `{"errors":["` + long + `"]}`, long},
		"secret":     {"s3-not-found", `{"errors":["s3-not-found: ` + hostileToken + `"]}`, "s3-not-found: "},
		"no word":    {"", `{"errors":["s3-not-found: x"]}`, "answers 404 Not Found: "},
		"other word": {"s3-denied", `{"errors":["s3-not-found: x"]}`, "answers 404 Not Found: "},
		"text":       {"s3-not-found", "s3-not-found: x", "answers 404 Not Found: s3-not-found: x"},
	} {
		c := hostile(t, func(w http.ResponseWriter, _ *http.Request) {
			if x.word != "" {
				w.Header().Set("X-Keep-Error", x.word)
			}
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, x.body)
		})
		_, imported := c.Import(t.Context(), []byte("{}"))
		for _, err := range []error{imported, c.Ask(t.Context(), "s3/uses", nil, nil)} {
			if err == nil || !strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: got %v", name, err)
			}
			if whole := strings.HasSuffix(x.want, "]"); whole && err.Error() != x.want {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}

// TestLyingServices: whatever a service sends, no wrong, missing or further byte
// is given out. The rows without a kind are right answers.
func TestLyingServices(t *testing.T) {
	content := []byte(strings.Repeat("0123456789", 100))
	sum := md5.Sum(content)
	block := hex.EncodeToString(sum[:]) + "+1000"
	e := pseudoblock.Extent{Object: locator.Object{Bucket: "bucket", Key: "key", VersionID: "v1"}, Size: 1000}
	extent, err := e.Locator(pseudoblock.Derived)
	if err != nil {
		t.Fatal(err)
	}
	const asked = "bytes 100-199/1000"
	send := func(status int, contentRange string, length int, body []byte, more ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprintf(connection, "HTTP/1.1 %d x\r\nConnection: close\r\nContent-Range: %s\r\n%s", status, contentRange, strings.Join(more, ""))
			if length >= 0 {
				fmt.Fprintf(connection, "Content-Length: %d\r\n", length)
			}
			_, _ = fmt.Fprintf(connection, "\r\n%s", body) // the client may have gone
			_ = connection.Close()
		}
	}
	part := content[100:200]
	for name, row := range map[string]struct {
		locator string
		serve   http.HandlerFunc
		want    Kind
	}{
		"extent":             {extent.String(), send(206, asked, 100, part), ""},
		"extent, longer":     {extent.String(), send(206, asked, 100, content), ""},         // the rest is no part of the answer
		"extent, shorter":    {extent.String(), send(206, asked, 100, part[:99]), BadReply}, // it goes on, with the same answer
		"extent, whole":      {extent.String(), send(200, "", 1000, content), BadReply},
		"extent, elsewhere":  {extent.String(), send(206, "bytes 200-299/1000", 100, part), BadReply},
		"extent, other size": {extent.String(), send(206, "bytes 100-199/999", 100, part), BadReply},
		"extent, two ranges": {extent.String(), send(206, asked, 101, content), BadReply},
		"extent, no length":  {extent.String(), send(206, asked, -1, part), BadReply},
		"extent, compressed": {extent.String(), send(206, asked, 100, part, "Content-Encoding: gzip\r\n"), BadReply},
		"extent, redirect":   {extent.String(), send(302, "", 0, nil, "Location: http://127.0.0.1:1/\r\n"), BadReply},
		"extent, nothing":    {extent.String(), send(204, "", -1, nil), BadReply},
		"block":              {block, send(200, "", 1000, content), ""},
		"block, other":       {block, send(200, "", 1000, []byte(strings.Repeat("x", 1000))), Corrupt},
		"block, shorter":     {block, send(200, "", 1000, content[:999]), Unreachable},
		"block, short":       {block, send(200, "", 999, content[:999]), BadReply},
		"block, long":        {block, send(200, "", 1001, append(content[:1000:1000], 'x')), BadReply},
		"block, a part":      {block, send(206, asked, 100, part), BadReply},
		"block, compressed":  {block, send(200, "", 1000, content, "Content-Encoding: gzip\r\n"), BadReply},
		"block, endless no":  {block, send(403, "", 1<<40, content), Denied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := hostile(t, row.serve)
			b, err := c.View(t.Context(), parsed(t, row.locator), 100, 100)
			switch {
			case row.want == "" && (err != nil || string(b) != string(part)):
				t.Errorf("%q, %v", b, err)
			case row.want != "" && !Is(err, row.want):
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
}
