// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/api"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
	"github.com/arvados-s3/keepstore/sdk/go/keep"
)

// session is one run of a command: the clients, and where to print.
type session struct {
	api    *api.Client
	client *collection.Client
	// out is for results, err for what is said meanwhile; in may be read once.
	in       io.Reader
	out, err io.Writer
	// json asks for JSON on out, quiet for no progress on err.
	json, quiet bool
}

// work is what a command does.
type work func(ctx context.Context, s *session, args []string) error

// common are the flags that all commands have.
type common struct {
	data        string
	json, quiet bool
}

// command completes a command: with the flags that all have, the help about
// settings, and work that gets a session.
func command(cmd *cobra.Command, w work) *cobra.Command {
	var o common
	cmd.Flags().StringVar(&o.data, "data", "", "folder of a running keepstore standalone, to act as its administrator")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&o.quiet, "no-progress", false, "show no progress")
	cmd.Long += exitHelp + SettingsHelp
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.data == "" && cmd.Flags().Changed("data") { // as of a variable that is not set: not another cluster
			return usagef("--data is empty: name the folder of a running keepstore standalone, or leave it out")
		}
		s, err := o.session(cmd)
		if err != nil {
			return &Exit{Usage, err}
		}
		defer s.close()
		// A second Ctrl-C ends the program at once.
		stop := context.AfterFunc(cmd.Context(), func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
		defer stop()
		return exitError(cmd.Context(), w(cmd.Context(), s, args))
	}
	return cmd
}

func (o *common) session(cmd *cobra.Command) (*session, error) {
	settings, err := Settings(o.data, os.Environ())
	if err != nil {
		return nil, err
	}
	s := &session{in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), json: o.json, quiet: o.quiet}
	if s.api, err = api.New(settings); err != nil {
		return nil, err
	}
	var options keep.Options
	if o.data == "" { // as stock clients do
		options.Services = strings.Fields(os.Getenv("ARVADOS_KEEP_SERVICES"))
	}
	if s.client, err = collection.NewClient(s.api, collection.Options{Keep: options}); err != nil {
		s.api.Close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	s.client.Close()
	s.api.Close()
}

// load loads the collection of a target.
func (s *session) load(ctx context.Context, t target) (*collection.Collection, error) {
	return s.client.Load(ctx, t.id)
}
