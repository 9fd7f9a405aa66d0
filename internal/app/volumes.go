// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/config"
	"github.com/arvados-s3/keepstore/internal/keep"
	"github.com/arvados-s3/keepstore/internal/peer"
	"github.com/arvados-s3/keepstore/internal/volume"
	"github.com/arvados-s3/keepstore/internal/volume/directory"
	"github.com/arvados-s3/keepstore/internal/volume/s3volume"
	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock/resolver"
	"github.com/prometheus/client_golang/prometheus"
)

// openStore opens the volumes, or returns nil if there are none. They stay
// open over reloads: a volume that was opened anew would not know what is
// being written through the old one.
func openStore(ctx context.Context, c *config.Config, memory *resolver.Buffers, r *prometheus.Registry, log *slog.Logger) (*keep.Store, error) {
	if len(c.Volumes) == 0 {
		return nil, nil
	}
	m := newVolumeMetrics(r)
	mounts, err := openMounts(ctx, c, m, log)
	if err != nil {
		return nil, errors.Join(append([]error{err}, closeMounts(mounts)...)...)
	}
	store := keep.Open(keep.Options{Mounts: mounts, Memory: memory, Incoming: memory.Half(), Log: log, Observe: m.observe}, policy(c, nil))
	r.MustRegister(&storeCollector{store})
	for _, mount := range mounts {
		log.Info("volume", "mount", mount.UUID, "device", mount.Volume.DeviceID(), "read_only", mount.ReadOnly, "classes", mount.Classes)
	}
	return store, nil
}

// openMounts returns what it opened also with an error.
func openMounts(ctx context.Context, c *config.Config, m *volumeMetrics, log *slog.Logger) ([]keep.Mount, error) {
	iam, err := creds.NewIAM(ctx, c.Endpoints)
	if err != nil {
		return nil, err
	}
	var mounts []keep.Mount
	seen := map[string]int{}
	for i, v := range c.Volumes {
		opened, err := openVolume(ctx, c, v, iam, func(e volume.Event) {
			m.aside.Inc()
			log.Error("a stored block is damaged", "volume", i, "block", string(e.Hash), "moved_to", e.Place)
		})
		if err != nil {
			return mounts, fmt.Errorf("volumes[%d]: %w", i, err)
		}
		mount := keep.Mount{UUID: v.UUID, Volume: opened, ReadOnly: v.ReadOnly, Replication: v.Replication, Classes: v.Classes, Priority: v.Priority}
		if mount.UUID == "" {
			mount.UUID = mountUUID(c.ClusterID, opened.DeviceID())
		}
		mounts = append(mounts, mount)
		if first, ok := seen[opened.DeviceID()]; ok {
			return mounts, fmt.Errorf("volumes[%d] is the same device as volumes[%d]: a block would be counted twice", i, first)
		}
		seen[opened.DeviceID()] = i
	}
	return mounts, nil
}

func closeMounts(mounts []keep.Mount) []error {
	var errs []error
	for _, m := range mounts {
		errs = append(errs, m.Volume.Close())
	}
	return errs
}

func openVolume(ctx context.Context, c *config.Config, v config.Volume, iam *creds.IAMSource, observe func(volume.Event)) (volume.Volume, error) {
	serial := 0
	if v.Serialize {
		serial = 1
	}
	if v.Driver == config.DriverDirectory {
		return opened(directory.Open(directory.Options{
			Root: v.Root, ReadOnly: v.ReadOnly, MaxIO: serial, TrashLifetime: c.Trash.Lifetime, Observe: observe,
		}))
	}
	identity, err := iam.Credentials(ctx, &creds.Rule{Endpoint: v.Endpoint, Bucket: v.Bucket}, creds.Caller{})
	if err != nil {
		return nil, err
	}
	return opened(s3volume.Open(s3volume.Options{
		Access: creds.Access{Endpoint: v.Endpoint, Provider: identity.Provider, As: identity.As}, Bucket: v.Bucket, Prefix: v.Prefix,
		ReadOnly: v.ReadOnly, MaxIO: serial, TrashLifetime: c.Trash.Lifetime, Observe: observe,
	}))
}

// opened keeps a nil pointer out of the interface, and adds the cause of a
// failure, which is for the operator who reads it.
func opened[V volume.Volume](v V, err error) (volume.Volume, error) {
	if err == nil {
		return v, nil
	}
	if cause := errors.Unwrap(err); cause != nil {
		err = fmt.Errorf("%w (%w)", err, cause)
	}
	return nil, err
}

// mountUUID makes the UUID of a mount from what its device is, so that all
// servers agree on it and it stays the same when a disk moves.
func mountUUID(cluster, device string) string {
	sum := sha256.Sum256([]byte("keepstore-mount-v1\n" + device))
	return cluster + "-nyw5e-" + hex.EncodeToString(sum[:])[:15]
}

// policy is what a reload may change of the store.
func policy(c *config.Config, fetcher *peer.Client) keep.Policy {
	p := keep.Policy{Trash: c.Trash.Enabled, MinAge: c.Signing.TTL}
	if fetcher != nil {
		p.Fetcher = fetcher
	}
	return p
}

// newPeer returns a client of other Keep servers, or nil without a system root
// token.
func newPeer(c *config.Config, signer *locator.Signer) (*peer.Client, error) {
	if c.SystemRootToken.IsZero() {
		return nil, nil
	}
	return peer.New(peer.Options{Signer: signer, Token: c.SystemRootToken, CAFile: c.API.CAFile})
}
