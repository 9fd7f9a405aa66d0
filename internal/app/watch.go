// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/arvados-s3/keepstore/internal/arvados"
)

// How often the API server is asked what it knows: seldom once it answered,
// soon again while it does not.
const (
	watchEvery = 5 * time.Minute
	watchRetry = 2 * time.Second
	// watchTimeout bounds how long a start or reload waits for the answer.
	watchTimeout = 5 * time.Second
)

// apiWatch keeps the last answer of the API server's discovery document.
type apiWatch struct {
	knows  atomic.Pointer[bool] // nil before the first answer
	cancel context.CancelFunc
	ended  chan struct{}
}

// watchAPI asks once before it returns, so that a reload does not fall back
// to the careful answer for a moment, and then goes on in the background.
func watchAPI(api *arvados.Client, log *slog.Logger) *apiWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &apiWatch{cancel: cancel, ended: make(chan struct{})}
	wait := w.ask(ctx, api, log)
	go func() {
		defer close(w.ended)
		for sleep(ctx, wait) {
			wait = w.ask(ctx, api, log)
		}
	}()
	return w
}

// ask asks once and returns how long to wait before the next time.
func (w *apiWatch) ask(ctx context.Context, api *arvados.Client, log *slog.Logger) (wait time.Duration) {
	limited, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	discovery, err := api.Discovery(limited)
	if err == nil {
		w.knows.Store(&discovery.PseudoBlocks)
		return watchEvery
	}
	if ctx.Err() == nil {
		log.Warn("API server does not answer", "error", err.Error(), "cause", errors.Unwrap(err))
	}
	return watchRetry
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// pseudoBlocks reports whether the API server knows pseudo-blocks. Before its
// first answer nothing is assumed: either guess could harm, and an error that
// asks to try again does not.
func (w *apiWatch) pseudoBlocks() (bool, error) {
	if knows := w.knows.Load(); knows != nil {
		return *knows, nil
	}
	return false, &arvados.Error{Kind: arvados.Unavailable, Text: "the Arvados API server has not answered since this server was started: try again in a moment"}
}

func (w *apiWatch) close() {
	w.cancel()
	<-w.ended
}
