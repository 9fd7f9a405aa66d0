// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/creds/issuer"
)

func newIssuer() *cobra.Command {
	return newGroup("issuer", "Look at and change the keys that name users to an STS", newRotate(), newShow())
}

func newRotate() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "rotate FILE",
		Short: "Add a key that signs from later on, and drop keys long replaced",
		Long: `Rotate adds a key to the key file of the issuer (issuer.key_file) and drops
keys that another replaced more than an hour ago. Servers that use the file
publish the new key within a minute. They begin to sign with it by themselves,
when the time of --sign-in has passed. By then each STS must have read the
published keys again; an hour is enough for most.

A key that somebody has stolen is not rotated: put another in its place, or
remove the file to have one made, and send SIGHUP. The new one signs at once.`,
		Example: `  keepstore issuer rotate /etc/keepstore/issuer.pem && systemctl reload keepstore
  keepstore issuer rotate --sign-in 24h /etc/keepstore/issuer.pem`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return fmt.Errorf("--sign-in is %v: give a time from now on, such as 1h", wait)
			}
			now := time.Now()
			keys, err := issuer.Rotate(args[0], wait, now)
			if err != nil {
				return fault(err)
			}
			if err := printKeys(cmd.OutOrStdout(), keys, now); err != nil {
				return fault(err)
			}
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "Bring the file to each server that has a copy of it, now: the new key must be published before it signs.")
			return fault(err)
		},
	}
	cmd.Flags().DurationVar(&wait, "sign-in", issuer.Overlap, "how long the new key is published before it signs")
	return cmd
}

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "List the keys of a key file, without their private parts",
		Long: `Show lists the keys of the issuer: kid, algorithm, when each begins to sign,
what it does now, and the SHA-1 of its certificate, which Ceph's gateway wants
as the thumbprint of the provider.`,
		Example: "  keepstore issuer show /etc/keepstore/issuer.pem",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := issuer.ReadKeys(args[0])
			if err != nil {
				return err
			}
			return fault(printKeys(cmd.OutOrStdout(), keys, time.Now()))
		},
	}
}

func printKeys(w io.Writer, keys []issuer.Key, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KID\tALGORITHM\tSIGNS FROM\tNOW\tCERTIFICATE SHA-1")
	for n, k := range keys {
		from, state := "ever", "signs"
		if !k.SignFrom.IsZero() {
			from = k.SignFrom.Format(time.RFC3339)
		}
		switch {
		case k.SignFrom.After(now):
			state = "waits"
		case n+1 < len(keys) && !keys[n+1].SignFrom.After(now):
			state = "replaced"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Algorithm(), from, state, k.Fingerprint())
	}
	return table.Flush()
}
