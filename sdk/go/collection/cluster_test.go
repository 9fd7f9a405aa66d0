// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is an API server and a Keep service that do what a real one cannot
// be made to do at will: let signatures expire, and give a wrong text. Real
// servers stand in test/collection.
type cluster struct {
	t      *testing.T
	url    string
	signer *locator.Signer
	client *Client

	mu     sync.Mutex
	text   string // unsigned
	data   map[string]string
	expiry time.Time // of the signatures of the next load
	now    time.Time
	loads  int
	pdh    string // of the answer, if it is to be wrong
	uuid   string // the same
	// listing answers imports.
	listing http.HandlerFunc
}

const testToken = "v2/zzzzz-gj3su-000000000000000/secret"

func newCluster(t *testing.T) *cluster {
	t.Helper()
	signer, err := locator.NewSigner([]byte("key"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, signer: signer, data: map[string]string{}, now: time.Now()}
	c.expiry = c.now.Add(time.Hour)
	server := httptest.NewServer(c)
	c.url = server.URL
	a, err := api.New(api.Settings{Host: c.url, Token: api.NewToken(testToken)})
	if err != nil {
		t.Fatal(err)
	}
	c.client, err = NewClient(a, Options{Keep: keep.Options{Services: []string{c.url}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close(); a.Close(); server.Close() })
	return c
}

// ServeHTTP answers for both servers.
func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/arvados/v1/collections/"):
		c.load(w, strings.TrimPrefix(r.URL.Path, "/arvados/v1/collections/"))
	case strings.HasPrefix(r.URL.Path, "/discovery/"):
		fmt.Fprint(w, `{"pseudoBlocks":true}`)
	case r.URL.Path == "/s3/import":
		c.listing(w, r)
	default:
		c.block(w, r)
	}
}

func (c *cluster) load(w http.ResponseWriter, id string) {
	c.loads++
	if c.uuid != "" {
		id = c.uuid
	}
	reply := map[string]any{"uuid": id, "portable_data_hash": c.pdh, "manifest_text": c.sign(c.text)}
	if c.pdh == "" {
		parsed, err := Parse(c.text)
		if err != nil {
			c.t.Error(err)
			return
		}
		reply["portable_data_hash"], _ = parsed.PDH()
	}
	_ = json.NewEncoder(w).Encode(reply) // the client is told by a broken answer
}

func (c *cluster) sign(text string) string {
	signed, err := manifest.Map(text, func(l locator.Locator) locator.Locator { return c.signer.Sign(l, testToken, c.expiry) })
	if err != nil {
		c.t.Error(err)
	}
	return signed
}

// block serves blocks of known data, and ranges of references.
func (c *cluster) block(w http.ResponseWriter, r *http.Request) {
	text, _ := url.PathUnescape(strings.TrimPrefix(r.URL.Path, "/"))
	l, err := locator.Parse(text)
	if err == nil {
		err = c.signer.Verify(l, testToken, c.now)
	}
	if err != nil {
		w.Header().Set("X-Keep-Error", string(KindOf(err)))
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader([]byte(c.data[l.Reduced()])))
}

// TestExpiredSignature: signatures that have expired are renewed once, by
// loading the collection again, for all blocks and readers.
func TestExpiredSignature(t *testing.T) {
	c := newCluster(t)
	var names []string
	for i := range 5 {
		l := opaque(t, "key"+strconv.Itoa(i), 0, 10)
		parsed, _ := locator.Parse(l)
		c.data[parsed.Reduced()] = fmt.Sprintf("object %03d", i)
		c.text += fmt.Sprintf("./d%d %s 0:10:f\n", i, l)
		names = append(names, fmt.Sprintf("d%d/f", i))
	}
	const id = "zzzzz-4zz18-000000000000000"
	for _, how := range []string{id, "", "text"} {
		c.mu.Lock()
		c.expiry, c.loads = c.now.Add(time.Minute), 0
		if how == "" {
			parsed, _ := Parse(c.text)
			how, _ = parsed.PDH()
		}
		if how == "text" {
			how = c.sign(c.text)
		}
		c.mu.Unlock()
		loaded, err := c.client.Load(t.Context(), how)
		if err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.now, c.loads = c.now.Add(2*time.Minute), 0
		c.expiry = c.now.Add(time.Minute)
		c.mu.Unlock()
		c.client.keep.Close() // and a new one, whose cache is empty
		if c.client.keep, err = keep.New(c.client.api, keep.Options{Services: []string{c.url}}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i, name := range names {
			wg.Go(func() {
				if got, err := loaded.ReadFile(name); err != nil || string(got) != fmt.Sprintf("object %03d", i) {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			})
		}
		wg.Wait()
		if c.loads != 1 {
			t.Errorf("the collection was loaded %d times", c.loads)
		}
	}
}

// TestExpiredForever: when a load does not help, the error says so, and there
// is no end of loading.
func TestExpiredForever(t *testing.T) {
	c := newCluster(t)
	c.text = ". " + opaque(t, "key", 0, 10) + " 0:10:f\n"
	c.expiry = c.now.Add(-time.Minute)
	loaded, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.ReadFile("f"); KindOf(err) != "signature-expired" || c.loads != 2 {
		t.Errorf("after %d loads: %v", c.loads, err)
	}
}

// TestRenewedSpelling: a block that a text spells in several ways, all of one
// identity, keeps each when its signature is renewed.
func TestRenewedSpelling(t *testing.T) {
	c := newCluster(t)
	o := parsedOpaque(t, "key")
	derived := string(o.Identity()) + strings.TrimPrefix(o.String(), string(locator.Opaque))
	all := []string{o.String(), derived, o.Reduced()}
	c.text = ". " + strings.Join(all, " ") + " 0:30:f\n"
	loaded, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.expiry = c.expiry.Add(time.Hour)
	c.mu.Unlock()
	for _, text := range all {
		l, _ := locator.Parse(text)
		fresh, ok := loaded.origin.renew(t.Context(), l)
		if !ok || fresh.Unsigned().String() != text || fresh == l {
			t.Errorf("%s became %s, %v", text, fresh, ok)
		}
	}
}

func parsedOpaque(t *testing.T, key string) locator.Locator {
	t.Helper()
	l, err := locator.Parse(opaque(t, key, 0, 10))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestWrongHash: a text that is not that of its portable data hash is not
// used.
func TestWrongHash(t *testing.T) {
	c := newCluster(t)
	c.text = ". " + opaque(t, "key", 0, 10) + " 0:10:f\n"
	right, err := Parse(c.text)
	if err != nil {
		t.Fatal(err)
	}
	pdh, _ := right.PDH()
	for _, row := range []struct {
		id, pdh string
		bad     bool
	}{
		{"zzzzz-4zz18-000000000000000", "", false},
		{"zzzzz-4zz18-000000000000000", "0db9a2b9589a826664ad399fd128ab5f+101", true},
		{pdh, "", false},
		{pdh + "+Kzzzzz", "", false},
		{"0db9a2b9589a826664ad399fd128ab5f+101", "", true},
		{"0db9a2b9589a826664ad399fd128ab5f+101", "0db9a2b9589a826664ad399fd128ab5f+101", true},
	} {
		c.pdh = row.pdh
		if _, err := c.client.Load(t.Context(), row.id); (KindOf(err) == WrongHash) != row.bad || !row.bad && err != nil {
			t.Errorf("%s as %q: %v", row.id, row.pdh, err)
		}
	}
	c.pdh, c.uuid = "", "zzzzz-4zz18-000000000000001"
	if _, err := c.client.Load(t.Context(), "zzzzz-4zz18-000000000000000"); KindOf(err) != WrongHash {
		t.Errorf("of another collection: %v", err)
	}
	if _, err := c.client.Load(t.Context(), "no such thing"); KindOf(err) != BadPath {
		t.Errorf("got %v", err)
	}
}
