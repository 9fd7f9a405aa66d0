// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/arvados-s3/keepstore/internal/keep"
)

// volumeMetrics counts operations on volumes, by mount and fixed words.
type volumeMetrics struct {
	operations *prometheus.CounterVec
	bytes      *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	aside      prometheus.Counter
}

func newVolumeMetrics(r *prometheus.Registry) *volumeMetrics {
	m := &volumeMetrics{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepstore_volume_operations_total", Help: "Operations on volumes, by result.",
		}, []string{"mount", "op", "result"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keepstore_volume_bytes_total", Help: "Bytes of blocks read, written and deleted.",
		}, []string{"mount", "op"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keepstore_volume_seconds", Help: "Time of operations on volumes.",
			Buckets: prometheus.ExponentialBuckets(.001, 4, 9),
		}, []string{"mount", "op"}),
		aside: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "keepstore_volume_damaged_total", Help: "Reads that found a stored block with a wrong MD5.",
		}),
	}
	r.MustRegister(m.operations, m.bytes, m.duration, m.aside)
	return m
}

func (m *volumeMetrics) observe(e keep.Event) {
	m.operations.WithLabelValues(e.Mount, e.Op, e.Result).Inc()
	m.bytes.WithLabelValues(e.Mount, e.Op).Add(float64(e.Bytes))
	m.duration.WithLabelValues(e.Mount, e.Op).Observe(e.Took.Seconds())
}

// storeCollector tells the lengths of the lists of work, under the names that
// Arvados uses.
type storeCollector struct{ store *keep.Store }

func describe(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

// Describe lists nothing, since Collect always gives the same.
func (c *storeCollector) Describe(chan<- *prometheus.Desc) {}

// Collect tells the lengths.
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	q := c.store.Queues()
	for _, row := range []struct {
		name, help string
		value      int
	}{
		{"arvados_keepstore_pull_queue_pending_entries", "Entries of the pull list that nobody works on yet.", q.PullPending},
		{"arvados_keepstore_pull_queue_inprogress_entries", "Entries of the pull list that are worked on.", q.PullBusy},
		{"arvados_keepstore_trash_queue_pending_entries", "Entries of the trash list that nobody works on yet.", q.TrashPending},
		{"arvados_keepstore_trash_queue_inprogress_entries", "Entries of the trash list that are worked on.", q.TrashBusy},
	} {
		to <- prometheus.MustNewConstMetric(describe(row.name, row.help), prometheus.GaugeValue, float64(row.value))
	}
}
