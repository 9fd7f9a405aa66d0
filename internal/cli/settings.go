// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/arvados-s3/keepstore/internal/running"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// SettingsHelp ends the help of commands that act for a user.
const SettingsHelp = `

The API server and the token come from the environment (ARVADOS_API_HOST,
ARVADOS_API_TOKEN, ARVADOS_API_HOST_INSECURE) and from what of these is not set
there in ~/.config/arvados/settings.conf, as stock Arvados clients have it, with
the proxies of HTTPS_PROXY, HTTP_PROXY and NO_PROXY; or, with --data, from the
folder of a running "keepstore standalone", as its administrator.`

// Settings returns the settings of the user's cluster: from the environment as
// stock clients read it or, if data is not empty, from the folder of a running
// standalone server.
func Settings(data string, environ []string) (api.Settings, error) {
	if data == "" {
		s, err := api.FromEnv(environ)
		s.Proxy = http.ProxyFromEnvironment // as stock clients do
		return s, err
	}
	url, err := running.URL(data)
	if err != nil {
		return api.Settings{}, err
	}
	token, err := os.ReadFile(filepath.Join(data, "admin-token"))
	if err != nil {
		return api.Settings{}, err
	}
	s := api.Settings{Host: url, Token: api.NewToken(strings.TrimSpace(string(token)))}
	if strings.HasPrefix(url, "https:") {
		s.CAFile = filepath.Join(data, "api-certificate.pem")
	}
	return s, nil
}
