// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/internal/apiserver"
)

// TestFirstUserAfterAKill: a process that died between making the first user
// and writing the token file leaves a folder that the next one can use.
func TestFirstUserAfterAKill(t *testing.T) {
	dir := t.TempDir()
	api, err := apiserver.Open(apiserver.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	for _, broken := range []func(file string) error{
		func(string) error { return nil }, // the first start
		os.Remove,
		func(file string) error { return os.Truncate(file, 0) },
	} {
		if err := broken(dir + "/admin-token"); err != nil {
			t.Fatal(err)
		}
		file, err := firstUser(t.Context(), api, dir)
		if err != nil {
			t.Fatal(err)
		}
		token, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/arvados/v1/users/current", nil)
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
		got := httptest.NewRecorder()
		api.Handler().ServeHTTP(got, r)
		if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"is_admin":true`) {
			t.Errorf("the token of the file gives %d %s", got.Code, got.Body)
		}
	}
	if info, err := os.Stat(dir + "/admin-token"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token file: %v %v", info, err)
	}
}
