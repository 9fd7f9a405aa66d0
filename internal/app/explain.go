// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/importer"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
)

// Explain answers as the server of a configuration file would, without
// listening and without opening volumes. The error is about the file; what
// stands in the way of a read is in the report.
func Explain(ctx context.Context, configFile string, q importer.Question) (importer.Report, error) {
	c, err := config.Load(configFile)
	if err != nil {
		return importer.Report{}, err
	}
	if err := checkKeyFile(c.Issuer.KeyFile); err != nil {
		return importer.Report{}, err
	}
	log := newLogger(new(slog.LevelVar), false, io.Discard)
	all := shared{s3: newS3Metrics(newRegistry()), memory: resolver.NewBuffers(0)}
	g, err := build(ctx, c, all, log)
	if err != nil {
		return importer.Report{}, err
	}
	defer g.close()
	report, _ := g.state.Importer.Explain(ctx, q) // the report tells of the error
	return report, nil
}

// checkKeyFile keeps a question from making the key file of the issuer, which
// would belong to whoever asks, and which no STS would know.
func checkKeyFile(name string) error {
	if _, err := os.Stat(name); name != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the key file of the issuer, %s, is not there yet: start the server first, which makes it", name)
	}
	return nil
}

// Limits on the answer of a server.
const (
	maxReport    = 1 << 20
	reportWithin = time.Minute
)

// AskServer puts the question to a running keepstore. The token goes to that
// host only: no proxy of the environment is used, and no redirect followed.
// The error may hold text of the server.
func AskServer(ctx context.Context, base *url.URL, q importer.Question) (importer.Report, error) {
	to := url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/s3/access", RawQuery: url.Values{"url": {q.URL}}.Encode()}
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return importer.Report{}, err
	}
	req.Header.Set("Authorization", "Bearer "+q.Token.Reveal())
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return importer.Report{}, fmt.Errorf("%s does not answer: %w", base.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols { // no limit ends a read of this body
		return readReport(resp, nil)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxReport))
	if err != nil {
		return importer.Report{}, fmt.Errorf("the answer of %s broke off: %w", base.Host, err)
	}
	return readReport(resp, data)
}

func readReport(resp *http.Response, data []byte) (importer.Report, error) {
	var answer struct {
		importer.Report
		Errors []string `json:"errors"`
	}
	err := json.Unmarshal(data, &answer)
	switch {
	case err == nil && resp.StatusCode == http.StatusOK && len(answer.Steps) > 0:
		return answer.Report, nil
	case err == nil && len(answer.Errors) > 0 && resp.StatusCode != http.StatusNotFound: // an API server has no such route
		return importer.Report{}, errors.New(answer.Errors[0])
	}
	return importer.Report{}, fmt.Errorf("the server answers %s, which no keepstore does here: check its URL", resp.Status)
}
