// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// difference is an answer that differs from that of a stock Keep server.
type difference struct {
	status int
	why    string
}

// differences are the recorded exchanges that we answer in another way, by
// name. docs/protocol.md has the same table.
func differences() map[string]difference {
	return map[string]difference{
		"PUT without token":        {401, "whoever may fill the disk must say who they are"},
		"POST /":                   {404, "unknown routes are 404"},
		"GET signed, Range header": {206, "`Range` is honoured, after the whole block was checked"},
		"GET signed with Basic auth (password=token)":  {400, "tokens come as `Bearer` only"},
		"GET signed with ?api_token=":                  {401, "tokens in URLs end up in logs"},
		"GET signed with cookie":                       {401, "a web page could make a browser send it"},
		"GET signed with lower-case bearer":            {200, "RFC 9110: the word is case-insensitive"},
		"GET wrong size (bigger)":                      {400, "a clear refusal in place of an answer that breaks off"},
		"GET wrong size (smaller)":                     {400, "a clear refusal in place of an empty answer"},
		"GET pseudo-block (stock keepstore)":           {400, "`+B` and `+C` mean something here, and these are not valid"},
		"GET with unknown hints before signature":      {400, "`+B` and `+C` mean something here, and do not belong to this hash"},
		"GET with unknown hints after signature":       {400, "the same"},
		"GET locator with slash":                       {400, "it is no locator"},
		"GET +R, OIDC-like token":                      {400, "blocks of other clusters are not fetched"},
		"GET +R (proxied to remote cluster)":           {400, "the same"},
		"GET +R, X-Keep-Signature local":               {400, "the same"},
		"HEAD +R, X-Keep-Signature local":              {400, "the same"},
		"HEAD +R":                                      {400, "the same"},
		"GET +R pseudo-block via STOCK keepstore":      {400, "the same; and a pseudo-block has no `+R`"},
		"HEAD +R pseudo-block via STOCK keepstore":     {400, "the same"},
		"GET +R pseudo-block, X-Keep-Signature local":  {400, "the same"},
		"HEAD +R pseudo-block, X-Keep-Signature local": {400, "the same"},
		"GET /_health/foo with ManagementToken":        {404, "unknown routes are 404"},
		"GET /metrics.json with ManagementToken":       {400, "metrics are Prometheus text only"},
		"GET /_inspect/requests with ManagementToken":  {404, "there is no such route: the log has the requests"},
		"GET / with ManagementToken":                   {404, "unknown routes are 404"},
		"GET /_health/ping OAuth2 scheme":              {200, "both schemes are accepted everywhere"},
		"PUT /trash bad json":                          {400, "the fault is the caller's"},
		"PUT /untrash":                                 {200, "a block that is there needs no bringing back; its time is refreshed"},
		"PATCH":                                        {405, "`Allow` says what is possible"},
	}
}

// TestDifferencesAreTold: the table in the documentation is that of the test.
func TestDifferencesAreTold(t *testing.T) {
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	all := differences()
	for _, m := range readRecording(t).Exchanges {
		d, ok := all[m.Name]
		if !ok {
			continue
		}
		row := fmt.Sprintf("| %s | %d | %d | %s |\n", m.Name, m.Response.Status, d.status, d.why)
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/protocol.md has no row\n%s", row)
		}
	}
}
