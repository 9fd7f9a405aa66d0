// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// rounds is how often all services are asked before giving up.
const rounds = 4

// do sends one request to one service. Silence longer than the limit ends it,
// also while the body is read; the returned answer must be closed.
func (c *Client) do(ctx context.Context, s service, method, path string, header http.Header, body []byte) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, method, s.url+"/"+path, bytes.NewReader(body))
	if err != nil {
		cancel(nil)
		return nil, fault(BadReply, err, "a request to the Keep service %s cannot be written", s.url)
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Authorization", "Bearer "+c.api.Settings().Token.Reveal())
	req.Header.Set("X-Keep-Pseudo-Blocks", "1")
	a := &answer{service: s, token: c.api.Settings().Token, limit: c.options.Stall + time.Duration(len(body))*time.Second/(32<<10), cancel: cancel}
	a.timer = time.AfterFunc(a.limit, func() { a.silent.Store(true); cancel(nil) })
	resp, err := c.http.Do(req)
	if err != nil {
		a.end()
		return nil, a.broken(err)
	}
	a.timer.Stop()
	a.Response = resp
	if resp.StatusCode == http.StatusSwitchingProtocols { // nothing ends a read of this body
		_ = a.Close()
		return nil, fault(BadReply, nil, "the Keep service %s answers with another protocol than HTTP", s.url)
	}
	return a, nil
}

// answer is the answer of a service, whose body is read under a limit on
// silence.
type answer struct {
	*http.Response
	service service
	token   api.Token // to take it out of texts
	limit   time.Duration
	timer   *time.Timer
	cancel  context.CancelCauseFunc
	silent  atomic.Bool
}

// Read reads from the body.
func (a *answer) Read(p []byte) (int, error) {
	a.timer.Reset(a.limit)
	n, err := a.Body.Read(p)
	a.timer.Stop() // the reader may take its time
	if err != nil && !errors.Is(err, io.EOF) {
		err = a.broken(err)
	}
	return n, err
}

// Close ends the request.
func (a *answer) Close() error {
	err := a.Body.Close()
	a.end()
	return err
}

func (a *answer) end() {
	a.timer.Stop()
	a.cancel(nil)
}

func (a *answer) broken(err error) error {
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		err = outer.Err // its text has the whole locator, with the signature
	}
	if a.silent.Load() {
		return fault(Unreachable, nil, "the Keep service %s was silent for %v", a.service.url, a.limit.Round(time.Second))
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault(Unreachable, err, "the Keep service %s cannot be reached, or broke off: %s", a.service.url, a.clean(err.Error()))
}

// refusal makes an error of an answer that is none of those wanted.
func (a *answer) refusal(what string) error {
	text, _ := io.ReadAll(io.LimitReader(a, 4<<10)) // the status says enough
	return a.refusalBy(what, text)
}

func (a *answer) refusalBy(what string, text []byte) error {
	e := &Error{Status: a.StatusCode, RequestID: a.clean(a.Header.Get("X-Request-Id")), Kind: a.kind(string(text))}
	said := a.clean(string(text))
	if said == "" {
		said = string(e.Kind)
	}
	e.Text = what + ": the Keep service " + a.service.url + " answers " + a.clean(a.Status) + ": " + said
	return e
}

// refused makes an error of an answer to one of keepstore's own routes, which
// says all that there is to say in one sentence; what is for others.
func (a *answer) refused(what string) error {
	word := a.Header.Get("X-Keep-Error")
	text, _ := io.ReadAll(io.LimitReader(a, 16<<10)) // the status says enough
	var reply struct{ Errors []string }
	if err := json.Unmarshal(text, &reply); err != nil || word == "" || len(reply.Errors) != 1 || !strings.HasPrefix(reply.Errors[0], word+": ") {
		return a.refusalBy(what, text)
	}
	return &Error{Status: a.StatusCode, RequestID: a.clean(a.Header.Get("X-Request-Id")), Kind: Kind(a.clean(word)),
		Text: cleanTo(a.token.Redact(reply.Errors[0]), 4<<10)}
}

// clean makes a text of the server safe to show.
func (a *answer) clean(text string) string { return clean(a.token.Redact(text)) }

// kind takes the word of one of our servers, or reads the answer of a stock
// one.
func (a *answer) kind(text string) Kind {
	if word := a.Header.Get("X-Keep-Error"); word != "" {
		return Kind(a.clean(word))
	}
	switch {
	case a.StatusCode == http.StatusUnauthorized && strings.Contains(text, "expired"):
		return Expired
	case a.StatusCode == http.StatusBadRequest && strings.Contains(text, "signature"):
		return BadSignature
	case a.StatusCode == http.StatusNotFound:
		return NotFound
	case a.StatusCode == http.StatusInsufficientStorage:
		return NotStored
	case a.StatusCode >= 500:
		return Unreachable
	case a.StatusCode >= 400:
		return Denied
	}
	return BadReply
}

// ask calls try for one service after the other, in the order of the block,
// until it succeeds, an answer is final, or all have been asked several times.
func (c *Client) ask(ctx context.Context, l locator.Locator, try func(service) error) error {
	var worst error
	for round := range rounds {
		services, err := c.list(ctx, round > 0)
		if err != nil {
			return err
		}
		again := false
		for _, s := range order(services, l.Identity(), hinted(l)) {
			err := try(s)
			if err == nil || final(err) {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if again = again || temporary(err); tells(err) >= tells(worst) {
				worst = err
			}
		}
		if !again || round == rounds-1 {
			break
		}
		wait := 100 * time.Millisecond << (2 * round)
		if err := pause(ctx, wait/2+rand.N(wait)); err != nil {
			return err
		}
	}
	return worst
}
