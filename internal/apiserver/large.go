// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"
	"time"
)

// A manifest takes about ten times its length of memory while it is checked
// and stored, so that only few large ones are taken at once.
const (
	maxLarge     = 2
	maxLargeWait = time.Minute
	// maxLargeTime is how long the body may take to come.
	maxLargeTime = 10 * time.Minute
)

// enter waits for a place if the body of the request is, or may be, large.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	if r.ContentLength >= 0 && r.ContentLength <= maxBody {
		return func() {}, nil
	}
	timer := time.NewTimer(maxLargeWait)
	defer timer.Stop()
	select {
	case s.large <- struct{}{}:
	case <-timer.C:
		return nil, fail(Unavailable, "too many large requests are being answered: try again in a moment")
	case <-r.Context().Done():
		return nil, storage(r.Context().Err())
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(maxLargeTime)) // best effort
	return func() { <-s.large }, nil
}
