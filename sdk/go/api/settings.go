// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Settings say which API server a [Client] talks to, and as whom.
type Settings struct {
	// Host is "host" or "host:port", which mean https, or has a scheme:
	// "https://host" or "http://host:port".
	Host string
	// Token is sent with every request.
	Token Token
	// Insecure accepts any certificate.
	Insecure bool
	// CAFile is a PEM file of the certificate authorities to trust in place
	// of the system's; it may be empty.
	CAFile string
	// Proxy names the proxy for a request, as that of [http.Transport] does; nil
	// means none. Programs that people run may give [http.ProxyFromEnvironment],
	// as stock clients do.
	Proxy func(*http.Request) (*url.URL, error) `json:"-"`
	// Timeout bounds each request; zero means 5 minutes, as stock clients have.
	Timeout time.Duration
	// MaxReply bounds the body of a reply in bytes; zero means 256 MiB, which
	// holds the largest manifest that an API server takes.
	MaxReply int64
}

const (
	hostVariable     = "ARVADOS_API_HOST"
	tokenVariable    = "ARVADOS_API_TOKEN"
	insecureVariable = "ARVADOS_API_HOST_INSECURE"
	// maxSettingsFile is far more than a settings file has.
	maxSettingsFile = 1 << 20
)

// FromEnv returns the settings that stock Arvados clients would use in the
// environment, which is a list of NAME=VALUE such as os.Environ returns: the
// variables ARVADOS_API_HOST, ARVADOS_API_TOKEN and ARVADOS_API_HOST_INSECURE,
// and what of these is not set from $HOME/.config/arvados/settings.conf. A
// variable that is set to nothing counts as set.
//
// What is missing from both stays empty, and [New] says so. A file that
// exists and cannot be read is an error only if the environment does not name
// host and token.
func FromEnv(environ []string) (Settings, error) {
	variables := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			variables[name] = strings.TrimSpace(value)
		}
	}
	file, err := readSettings(variables["HOME"])
	if err != nil && (variables[hostVariable] == "" || variables[tokenVariable] == "") {
		return Settings{}, err
	}
	for _, name := range []string{hostVariable, tokenVariable, insecureVariable} {
		if _, set := variables[name]; !set {
			variables[name] = file[name]
		}
	}
	return Settings{
		Host:     variables[hostVariable],
		Token:    NewToken(variables[tokenVariable]),
		Insecure: isTrue(variables[insecureVariable]),
	}, nil
}

func readSettings(home string) (map[string]string, error) {
	if home == "" {
		return nil, nil
	}
	path := filepath.Join(home, ".config", "arvados", "settings.conf")
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxSettingsFile) {
		return nil, unusable(nil, "the settings file %s is no file, or longer than %d bytes", path, maxSettingsFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, unusable(err, "the settings file %s cannot be read: %s", path, reason(err))
	}
	return parseSettings(text), nil
}

// parseSettings reads lines NAME=VALUE, with space around both. Like the
// stock clients it passes over comments and what it does not understand.
func parseSettings(text []byte) map[string]string {
	settings := map[string]string{}
	for line := range bytes.Lines(text) {
		name, value, ok := strings.Cut(string(line), "=")
		if name = strings.TrimSpace(name); ok && !strings.HasPrefix(name, "#") {
			settings[name] = strings.TrimSpace(value)
		}
	}
	return settings
}

func isTrue(text string) bool {
	return slices.Contains([]string{"1", "t", "true", "y", "yes"}, strings.ToLower(text))
}

// reason is the cause of a failure with a file, without its name.
func reason(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
