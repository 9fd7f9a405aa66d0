// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"log/slog"

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
