// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests. Labels are fixed words only, so that their number
// does not grow with keys, buckets or tokens.
type metrics struct {
	duration *prometheus.HistogramVec
	sent     *prometheus.CounterVec
	active   prometheus.Gauge
	imports  prometheus.Gauge
	imported prometheus.Counter
	panics   prometheus.Counter
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keepstore_request_duration_seconds", Help: "Time from request to the end of the answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 240},
		}, []string{"route", "code"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepstore_sent_bytes_total", Help: "Bytes of answers sent to clients.",
		}, []string{"route"}),
		active:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "arvados_concurrent_requests", Help: "Requests being answered."}),
		imports:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "keepstore_imports_running", Help: "Imports running."}),
		imported: prometheus.NewCounter(prometheus.CounterOpts{Name: "keepstore_imported_files_total", Help: "Files of completed imports."}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "keepstore_panics_total", Help: "Requests that ended in a fault of the program."}),
	}
	r.MustRegister(m.duration, m.sent, m.active, m.imports, m.imported, m.panics)
	return m
}

func (m *metrics) observe(route string, status int, bytes int64, took time.Duration) {
	m.duration.WithLabelValues(route, strconv.Itoa(status)).Observe(took.Seconds())
	m.sent.WithLabelValues(route).Add(float64(bytes))
}

func (m *metrics) importBegins() (ends func()) {
	m.imports.Inc()
	return m.imports.Dec
}
