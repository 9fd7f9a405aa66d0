// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
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
)

// apiWatch keeps what the API server's discovery document says. Until it has
// answered once, the careful answer holds: it does not know pseudo-blocks.
type apiWatch struct {
	known  atomic.Bool
	cancel context.CancelFunc
	ended  chan struct{}
}

func watchAPI(api *arvados.Client, log *slog.Logger) *apiWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &apiWatch{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for ctx.Err() == nil {
			w.ask(ctx, api, log)
		}
	}()
	return w
}

// ask asks once and waits until it is time to ask again.
func (w *apiWatch) ask(ctx context.Context, api *arvados.Client, log *slog.Logger) {
	wait := watchEvery
	discovery, err := api.Discovery(ctx)
	if err == nil {
		w.known.Store(discovery.PseudoBlocks)
	} else if ctx.Err() == nil {
		wait = watchRetry
		log.Warn("API server does not answer", "error", err.Error(), "cause", causeOf(err))
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (w *apiWatch) pseudoBlocks() bool { return w.known.Load() }

func (w *apiWatch) close() {
	w.cancel()
	<-w.ended
}
