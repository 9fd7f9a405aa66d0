// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const settingsFile = `# my cluster
  ARVADOS_API_HOST = file.example.org
ARVADOS_API_TOKEN=v2/file/token=with=signs

nonsense
#ARVADOS_API_HOST=comment.example.org
ARVADOS_API_HOST_INSECURE=Yes
`

func home(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".config/arvados"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".config/arvados/settings.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFromEnv(t *testing.T) {
	dir := home(t, settingsFile)
	for _, c := range []struct {
		name        string
		environ     []string
		host, token string
		insecure    bool
	}{
		{"file", []string{"HOME=" + dir}, "file.example.org", "v2/file/token=with=signs", true},
		{"environment wins", []string{"HOME=" + dir, "ARVADOS_API_HOST=env.example.org"}, "env.example.org", "v2/file/token=with=signs", true},
		{"set to nothing", []string{"HOME=" + dir, "ARVADOS_API_HOST_INSECURE="}, "file.example.org", "v2/file/token=with=signs", false},
		{"environment only", []string{"ARVADOS_API_HOST=h", "ARVADOS_API_TOKEN=t", "ARVADOS_API_HOST_INSECURE=1"}, "h", "t", true},
		{"not insecure", []string{"ARVADOS_API_HOST=h", "ARVADOS_API_TOKEN=t", "ARVADOS_API_HOST_INSECURE=0"}, "h", "t", false},
		{"no file", []string{"HOME=" + t.TempDir()}, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := api.FromEnv(c.environ)
			if err != nil {
				t.Fatal(err)
			}
			if s.Host != c.host || s.Token.Reveal() != c.token || s.Insecure != c.insecure {
				t.Errorf("got %q, %q, %v", s.Host, s.Token.Reveal(), s.Insecure)
			}
		})
	}
}

// TestFromEnvUnusableFile: the file counts only when it is needed.
func TestFromEnvUnusableFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, ".config/arvados/settings.conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := api.FromEnv([]string{"HOME=" + dir, "ARVADOS_API_HOST=h"}); err == nil || !strings.Contains(err.Error(), "settings.conf") {
		t.Errorf("got %v", err)
	}
	s, err := api.FromEnv([]string{"HOME=" + dir, "ARVADOS_API_HOST=h", "ARVADOS_API_TOKEN=t"})
	if err != nil || s.Host != "h" {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestNewChecksSettings(t *testing.T) {
	token := api.NewToken("v2/a/b")
	for host, want := range map[string]string{
		"zzzzz.example.org":        "https://zzzzz.example.org",
		"zzzzz.example.org:8443":   "https://zzzzz.example.org:8443",
		"https://z.example.org/":   "https://z.example.org",
		"http://127.0.0.1:25108":   "http://127.0.0.1:25108",
		"[::1]:8000":               "https://[::1]:8000",
		"":                         "",
		"ftp://z.example.org":      "",
		"https://user:pw@z.org":    "",
		"https://z.org/arvados/v1": "",
		"z.org?x":                  "",
		"https://":                 "",
		"z.org#x":                  "",
		"two words":                "",
	} {
		c, err := api.New(api.Settings{Host: host, Token: token})
		switch {
		case want == "" && err == nil:
			t.Errorf("host %q is taken as %s", host, c.Address())
		case want == "" && (strings.Contains(err.Error(), "pw") || !strings.Contains(err.Error(), "ARVADOS_API_HOST")):
			t.Errorf("host %q: %v", host, err)
		case want != "" && (err != nil || c.Address() != want):
			t.Errorf("host %q: %v, %v", host, c, err)
		}
	}
	for _, bad := range []string{"", "two words", "line\n", "ü", strings.Repeat("x", 5000)} {
		if _, err := api.New(api.Settings{Host: "h", Token: api.NewToken(bad)}); err == nil || len(err.Error()) > 200 {
			t.Errorf("token %.20q: %v", bad, err)
		}
	}
	for _, file := range []string{"missing.pem", "settings_test.go"} {
		if _, err := api.New(api.Settings{Host: "h", Token: token, CAFile: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("CA file %s: %v", file, err)
		}
	}
}
