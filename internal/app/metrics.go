// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/arvados-s3/keepstore/s3read"
)

// s3Metrics counts requests to S3, by endpoint name and fixed words.
type s3Metrics struct {
	requests *prometheus.CounterVec
	received *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newS3Metrics(r *prometheus.Registry) *s3Metrics {
	m := &s3Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepstore_s3_requests_total", Help: "Requests to S3, retries included, by result.",
		}, []string{"endpoint", "op", "result"}),
		received: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepstore_s3_received_bytes_total", Help: "Bytes of bodies received from S3.",
		}, []string{"endpoint", "op"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keepstore_s3_request_seconds", Help: "Time from a request to S3 to the end of its body.",
			Buckets: prometheus.ExponentialBuckets(.001, 4, 9),
		}, []string{"endpoint", "op"}),
	}
	r.MustRegister(m.requests, m.received, m.duration)
	return m
}

func (m *s3Metrics) observe(e s3read.Event) {
	m.requests.WithLabelValues(e.Endpoint, e.Op, e.Kind).Inc()
	m.received.WithLabelValues(e.Endpoint, e.Op).Add(float64(e.Bytes))
	m.duration.WithLabelValues(e.Endpoint, e.Op).Observe(e.Duration.Seconds())
}

// newRegistry returns a registry with the metrics of the process itself.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	running := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "arvados_version_running", Help: "The version that runs.", ConstLabels: prometheus.Labels{"version": Version()},
	})
	running.Set(1)
	r.MustRegister(running, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
