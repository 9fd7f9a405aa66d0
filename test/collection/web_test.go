// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestFileServer: a collection behind the web server of the standard library.
func TestFileServer(t *testing.T) {
	r := newRig(t)
	c, data := r.big(300_000)
	server := httptest.NewServer(http.FileServer(http.FS(c)))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for header, want := range map[string]string{
		"":                    string(data),
		"bytes=5-9":           string(data[5:10]),
		"bytes=299990-":       string(data[299990:]),
		"bytes=-10":           string(data[299990:]),
		"bytes=100000-299999": string(data[100000:]),
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/object", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("Range", header)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want || header != "" && resp.StatusCode != http.StatusPartialContent {
			t.Errorf("%q: %d with %d bytes, want %d: %v", header, resp.StatusCode, len(got), len(want), err)
		}
	}
}
