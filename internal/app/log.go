// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"io"
	"log/slog"
)

func newLogger(level slog.Leveler, json bool, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
