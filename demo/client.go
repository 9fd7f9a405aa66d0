// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/importer"
)

// client speaks to keepstore as one user, over HTTP like anyone else.
type client struct {
	url   string
	token creds.Secret
}

// reply is a whole answer.
type reply struct {
	status  int
	header  http.Header
	trailer http.Header
	body    []byte
}

// line returns the first line of the body, which is what an error says.
func (r reply) line() string {
	line, _, _ := strings.Cut(string(r.body), "\n")
	return line
}

// told returns what an error says, without the form around it.
func (r reply) told() string {
	text := r.line()
	var list struct{ Errors []string }
	if json.Unmarshal(r.body, &list) == nil && len(list.Errors) > 0 {
		text = list.Errors[0]
	}
	text, _, _ = strings.Cut(text, " [req ")
	return text
}

// word returns the word of an error.
func (r reply) word() string {
	word, _, _ := strings.Cut(r.told(), ":")
	return word
}

// wants turns any other status into an error.
func (r reply) wants(status int) error {
	if r.status == status {
		return nil
	}
	return fmt.Errorf("keepstore answered %d where %d was expected: %s", r.status, status, short(r.line(), 300))
}

func (c client) do(ctx context.Context, method, path string, header map[string]string, body []byte) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, fmt.Errorf("the answer broke off: %w", err)
	}
	return reply{status: answer.StatusCode, header: answer.Header, trailer: answer.Trailer, body: text}, nil
}

// read returns a block, or with a range ("0-99") a part of it.
func (c client) read(ctx context.Context, locator, span string) (reply, error) {
	header := map[string]string{}
	if span != "" {
		header["Range"] = "bytes=" + span
	}
	return c.do(ctx, http.MethodGet, locator, header, nil)
}

// imported is the answer to an import.
type imported struct {
	reply
	request string
	files   []importer.File
	skipped []importer.Skipped
	done    *importer.Done
}

// good returns an error unless the import brought at least one file.
func (i imported) good() error {
	if err := i.wants(http.StatusOK); err != nil {
		return err
	}
	if len(i.files) == 0 {
		return fmt.Errorf("the import brought no file: %s", short(i.line(), 300))
	}
	return nil
}

// file returns the imported file that was made of a key.
func (i imported) file(key string) (importer.File, error) {
	path := strings.TrimPrefix(key, prefix)
	for _, f := range i.files {
		if f.Path == path {
			return f, nil
		}
	}
	return importer.File{}, fmt.Errorf("the import has no file %q", path)
}

// importRequest asks for all below a prefix, or for one object, in the form
// that the design began with.
func importRequest(url string) string {
	text, _ := json.Marshal(importer.Request{Form: "opaque", Sources: []importer.Source{{URL: url}}}) // plain strings
	return string(text)
}

// importAs imports and asks for an answer of the given type.
func (c client) importAs(ctx context.Context, accept, request string) (reply, error) {
	return c.do(ctx, http.MethodPost, "s3/import", map[string]string{"Content-Type": "application/json", "Accept": accept}, []byte(request))
}

// importURL imports and reads the lines of the answer.
func (c client) importURL(ctx context.Context, url string) (imported, error) {
	i := imported{request: importRequest(url)}
	var err error
	if i.reply, err = c.importAs(ctx, "application/x-ndjson", i.request); err != nil || i.status != http.StatusOK {
		return i, err
	}
	lines := bufio.NewScanner(bytes.NewReader(i.body))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := i.add(lines.Bytes()); err != nil {
			return i, err
		}
	}
	if i.done == nil {
		return i, errors.Join(lines.Err(), errors.New("the import has no \"done\" line, so it is not complete"))
	}
	return i, lines.Err()
}

func (i *imported) add(line []byte) error {
	var kind struct{ Type, Text string }
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("a line of the import is no JSON: %w", err)
	}
	switch kind.Type {
	case "file":
		i.files = append(i.files, importer.File{})
		return json.Unmarshal(line, &i.files[len(i.files)-1])
	case "skipped":
		i.skipped = append(i.skipped, importer.Skipped{})
		return json.Unmarshal(line, &i.skipped[len(i.skipped)-1])
	case "done":
		i.done = &importer.Done{}
		return json.Unmarshal(line, i.done)
	case "error":
		return fmt.Errorf("the import broke off: %s", kind.Text)
	}
	return nil // progress
}
