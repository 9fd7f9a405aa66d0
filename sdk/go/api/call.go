// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Params are the parameters of a request, such as "filters", "limit" or
// "collection". Values are what encoding/json can write.
type Params map[string]any

// maxQuery is the longest query that goes into a URL. Longer ones go into
// the body of a POST that stands for the GET, as stock clients do.
const maxQuery = 2000

// Call sends one request and decodes the JSON reply into into, which may be
// nil. The path is such as "arvados/v1/collections/UUID"; one with an empty
// part is refused, so that a UUID that is missing does not ask for something
// else. Parameters of GET and DELETE go into the query, others into a JSON
// body. Errors are of type [Error], with the status and the API server's
// reasons. Nothing is sent twice.
func (c *Client) Call(ctx context.Context, method, path string, params Params, into any) error {
	path = strings.TrimPrefix(path, "/")
	what := method + " " + c.clean(path)
	if slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool { return part == "" || part == "." || part == ".." }) {
		return unusable(nil, "%s is no request to an API server: its path has a part that is empty or dots", what)
	}
	req, err := c.request(ctx, method, path, params)
	if err != nil {
		return err
	}
	status, body, err := c.send(req, what)
	if err != nil {
		return err
	}
	return c.accept(what, status, body, into)
}

func (c *Client) request(ctx context.Context, method, path string, params Params) (*http.Request, error) {
	target := c.base
	target.Path = "/" + path
	header, body := http.Header{}, []byte(nil)
	var err error
	switch method {
	case http.MethodGet, http.MethodDelete:
		if target.RawQuery, err = encodeQuery(params); err != nil {
			break
		}
		if method == http.MethodGet && len(target.RawQuery) > maxQuery {
			method, body, target.RawQuery = http.MethodPost, []byte(target.RawQuery), ""
			header.Set("X-Http-Method-Override", http.MethodGet)
			header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if params == nil {
			params = Params{}
		}
		body, err = json.Marshal(params)
		header.Set("Content-Type", "application/json")
	default:
		err = fmt.Errorf("the method %s is not one of the Arvados API", method)
	}
	if err != nil {
		return nil, unusable(err, "a request to the API server cannot be written: %s", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, unusable(err, "a request to the API server cannot be written: %s", err)
	}
	header.Set("Accept", "application/json")
	header.Set("Authorization", "Bearer "+c.settings.Token.Reveal())
	req.Header = header
	return req, nil
}

// encodeQuery writes text as it is and other values as JSON.
func encodeQuery(params Params) (string, error) {
	query := url.Values{}
	for name, value := range params {
		text, ok := value.(string)
		if !ok {
			encoded, err := json.Marshal(value)
			if err != nil {
				return "", err
			}
			text = string(encoded)
		}
		query.Set(name, text)
	}
	return query.Encode(), nil
}

func (c *Client) send(req *http.Request, what string) (status int, body []byte, err error) {
	resp, err := c.http.Do(req)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // the URL is long, and said in short below
		}
		return 0, nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols { // no limit ends a read of this body
		return resp.StatusCode, nil, nil
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, c.settings.MaxReply+1))
	if err != nil {
		return 0, nil, c.unreachable(err)
	}
	if int64(len(body)) > c.settings.MaxReply {
		return 0, nil, &Error{Kind: BadReply, Status: resp.StatusCode,
			Text: fmt.Sprintf("the reply of the API server %s to %s is longer than %d bytes", c.address, what, c.settings.MaxReply)}
	}
	return resp.StatusCode, body, nil
}

func (c *Client) unreachable(err error) error {
	text := fmt.Sprintf("the API server %s cannot be reached, or broke off: %s", c.address, c.clean(err.Error()))
	if errors.Is(err, http.ErrSchemeMismatch) {
		text += "; if it is to be without https, as on this machine only, write http:// before its host"
	}
	return &Error{Kind: Unreachable, Err: err, Text: text}
}

// accept decodes a reply. Only the format of an API server counts: the page
// of some proxy in between says nothing.
func (c *Client) accept(what string, status int, body []byte, into any) error {
	if status >= 200 && status < 300 {
		if into == nil {
			return nil
		}
		if err := json.Unmarshal(body, into); err != nil {
			return &Error{Kind: BadReply, Status: status, Err: err,
				Text: fmt.Sprintf("the reply of the API server %s to %s is not the JSON that was asked for", c.address, what)}
		}
		return nil
	}
	var reply struct{ Errors []string }
	if status >= 400 && json.Unmarshal(body, &reply) == nil && len(reply.Errors) > 0 {
		return c.refused(what, status, reply.Errors)
	}
	return &Error{Kind: BadReply, Status: status,
		Text: fmt.Sprintf("%s answers %s with status %d and not as an Arvados API server: is the host right?", c.address, what, status)}
}
