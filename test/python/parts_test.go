// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package python

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/testenv"
	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// TestPartsAsInGo: an import that is too large for one request is stored in
// the same parts by Go, by arv-import-s3, and by the method of a Python
// collection; one that is not, as one collection with the same hash.
func TestPartsAsInGo(t *testing.T) {
	t.Parallel()
	minio := servers.MinIO(t)
	s := &standalone{log: &testenv.Output{}, bucket: minio.Bucket(t, "parts", true)}
	s.putMany(t, minio)
	s.configure(t, minio, "auto", "", app.StandaloneOptions{})
	installed, small := installShim(t, "shim-python"), s.smallRequests(t, 1<<20+20_000)
	for _, c := range []struct {
		name, host string
		urls       []string
		parts      int
	}{
		{"in order", small, []string{"many/"}, 4},
		{"out of order", small, []string{"many/a.txt", "many/deep/"}, 3},
		{"whole", strings.TrimPrefix(s.apiURL, "https://"), []string{"many/a.txt", "many/deep/"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, path := range c.urls {
				c.urls[i] = "s3://" + s.bucket + "/" + path
			}
			environment := append(s.environment(t, "insecure"), "ARVADOS_API_HOST="+c.host)
			want := s.savedByGo(t, environment, c.urls)
			if len(want) < c.parts || (c.parts == 1) != (len(want) == 1) {
				t.Fatalf("Go makes %d parts", len(want))
			}
			run := func(args ...string) []stored {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), args[0], append(args[1:], c.urls...)...)
				cmd.Env = slices.Concat(environment, installed.environment(t))
				var errs bytes.Buffer
				cmd.Stderr = &errs
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%v: %v\n%s", args, err, &errs)
				}
				return s.look(t, environment, strings.Fields(string(out)))
			}
			program := run(filepath.Join(installed.site, "bin", "arv-import-s3"), "--name", "saved")
			method := run(installed.python, "scripts/save_parts.py", "saved")
			for i := range method {
				if method[i].properties["mine"] != 1.0 {
					t.Errorf("the caller's property is lost: %v", method[i].properties)
				}
				delete(method[i].properties, "mine")
			}
			for who, got := range map[string][]stored{"arv-import-s3": program, "save_parts": method} {
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s stored\n%v\nand Go\n%v", who, got, want)
				}
			}
		})
	}
}

// stored is what is compared of a collection.
type stored struct {
	name, hash string
	properties map[string]any
}

// savedByGo imports and saves with sdk/go/collection.
func (s *standalone) savedByGo(t *testing.T, environment, urls []string) []stored {
	t.Helper()
	c := client(t, environment).New()
	var sources []collection.Source
	for _, one := range urls {
		sources = append(sources, collection.Source{URL: one})
	}
	if _, err := c.ImportFromS3(t.Context(), sources, collection.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	o := collection.SaveOptions{Name: "saved", UniqueName: true}
	err := c.Save(t.Context(), o)
	records := []collection.Record{c.Record()}
	if collection.KindOf(err) == collection.TooLarge {
		records, err = c.SaveParts(t.Context(), o)
	}
	if err != nil {
		t.Fatal(err)
	}
	var uuids []string
	for _, r := range records {
		uuids = append(uuids, r.UUID)
	}
	return s.look(t, environment, uuids)
}

// look is lookAt, and removes what was stored, so that the next has the same
// name.
func (s *standalone) look(t *testing.T, environment, uuids []string) []stored {
	t.Helper()
	all := s.lookAt(t, environment, uuids)
	for _, uuid := range uuids {
		if err := server(t, environment).Call(t.Context(), http.MethodDelete, "arvados/v1/collections/"+uuid, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// lookAt loads what was stored, and leaves out the time.
func (s *standalone) lookAt(t *testing.T, environment, uuids []string) []stored {
	t.Helper()
	var all []stored
	for _, uuid := range uuids {
		var r struct {
			Name       string         `json:"name"`
			PDH        string         `json:"portable_data_hash"`
			Properties map[string]any `json:"properties"`
		}
		if err := server(t, environment).Call(t.Context(), http.MethodGet, "arvados/v1/collections/"+uuid, nil, &r); err != nil {
			t.Fatal(err)
		}
		sources, _ := r.Properties["arv:s3_sources"].([]any)
		for _, one := range sources {
			delete(one.(map[string]any), "imported_at")
		}
		all = append(all, stored{r.Name, r.PDH, r.Properties})
	}
	return all
}

func server(t *testing.T, environment []string) *api.Client {
	t.Helper()
	settings, err := api.FromEnv(environment)
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func client(t *testing.T, environment []string) *collection.Client {
	t.Helper()
	c, err := collection.NewClient(server(t, environment), collection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// putMany puts objects of which no request of 20,000 bytes can hold the names:
// with odd names, empty ones, and in folders whose names with a "/" sort
// otherwise than without.
func (s *standalone) putMany(t *testing.T, minio *testenv.Server) {
	t.Helper()
	put := func(key string, data string) {
		key = "many/" + key
		if _, err := minio.Client(t).PutObject(context.Background(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: strings.NewReader(data)}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 120 {
		put(fmt.Sprintf("z/plain-%03d", i), strconv.Itoa(i))
		put(fmt.Sprintf("a/<&> \u00e9\u2003\\%03d:x", i), strconv.Itoa(i))
		put(fmt.Sprintf("a-b/%03d/one", i), strconv.Itoa(i))
		put(fmt.Sprintf("deep/%d/%d/\U0001f600-%03d", i%3, i%7, i), strconv.Itoa(i))
	}
	put("a/empty", "")
	put("a/\u00e9", "e")
	put("a.txt", "e")
}

// smallRequests is the host of a proxy before the API server, which says that
// a request has at most so many bytes.
func (s *standalone) smallRequests(t *testing.T, most int) string {
	t.Helper()
	target, err := url.Parse(s.apiURL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the discovery document names it
		r.Out.Header.Del("Accept-Encoding")
	}}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	proxy.Transport = transport
	proxy.ModifyResponse = func(r *http.Response) error {
		if !strings.HasPrefix(r.Request.URL.Path, "/discovery/") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = bytes.Replace(body, []byte(`"maxRequestSize":134217728`), []byte(`"maxRequestSize":`+strconv.Itoa(most)), 1)
		if !json.Valid(body) || !bytes.Contains(body, []byte(strconv.Itoa(most))) {
			return fmt.Errorf("no discovery document to change: %.100s", body)
		}
		r.Header.Del("Content-Encoding")
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		r.ContentLength, r.Body = int64(len(body)), io.NopCloser(bytes.NewReader(body))
		return nil
	}
	server := httptest.NewTLSServer(proxy)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "https://")
}
