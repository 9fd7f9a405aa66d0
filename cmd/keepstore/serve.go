// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/config"
)

func newServe() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve beside an Arvados cluster",
		Long: `Serve answers Keep requests for pseudo-blocks and imports from S3, beside an
Arvados cluster. SIGHUP reads the configuration again: a sound file takes
effect at once for new requests, a faulty one is reported and the old settings
stay. SIGTERM stops listening and lets requests in progress finish.`,
		Example: "  keepstore serve --config /etc/keepstore/keepstore.yml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forbidCores(); err != nil {
				return fault(err)
			}
			options, stop := serveOptions(cmd, file)
			defer stop()
			return serveError(app.Serve(cmd.Context(), options))
		},
	}
	cmd.Flags().StringVar(&file, "config", "/etc/keepstore/keepstore.yml", "configuration file")
	return cmd
}

func newStandalone() *cobra.Command {
	var file, data, listen string
	var https, release bool
	cmd := &cobra.Command{
		Use:   "standalone",
		Short: "Serve without an Arvados cluster, with an API server of its own",
		Long: `Standalone runs keepstore and a small Arvados API server in one process, with
all data in one folder. It is for one machine, for trying out and for tests.
The configuration file needs only endpoints and access rules. The first start
makes a user; its token is in the file admin-token of the data folder. More
users, tokens and credential records are made with keepstore user, token and
credential, which find all they need with --data.

Stock Arvados clients want https: --api-tls makes a certificate in the data
folder and prints its name. Clients trust it with SSL_CERT_FILE, or trust
anything with ARVADOS_API_HOST_INSECURE=1.`,
		Example: "  keepstore standalone --data ./data --config keepstore.yml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := forbidCores(); err != nil {
				return fault(err)
			}
			options, stop := serveOptions(cmd, file)
			defer stop()
			return serveError(app.Standalone(cmd.Context(), app.StandaloneOptions{
				Options: options, DataDir: data, APIListen: listen, APITLS: https, ReleaseSecrets: release,
				APICertificate: func(name string) {
					fmt.Fprintf(cmd.OutOrStdout(), "Certificate file: %s\n", name)
				},
				APIReady: func(url, tokenFile string) {
					fmt.Fprintf(cmd.OutOrStdout(), "API server: %s\nToken file: %s\n", url, tokenFile)
				},
			}))
		},
	}
	cmd.Flags().StringVar(&file, "config", "keepstore.yml", "configuration file with endpoints and access rules")
	cmd.Flags().StringVar(&data, "data", "keepstore-data", "folder for everything that must be kept")
	cmd.Flags().StringVar(&listen, "api-listen", "127.0.0.1:25108", "address of the API server")
	cmd.Flags().BoolVar(&https, "api-tls", false, "serve the API over https, with a certificate made in the data folder")
	cmd.Flags().BoolVar(&release, "release-credential-secrets", false,
		"give the secret of a credential record to the full tokens of those who manage it; otherwise to nobody, since Arvados gives secrets to running containers only")
	return cmd
}

func serveOptions(cmd *cobra.Command, file string) (o app.Options, stop func()) {
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	return app.Options{
		ConfigFile: file,
		Log:        cmd.ErrOrStderr(),
		Reload:     reload,
		Ready: func(address string) {
			fmt.Fprintf(cmd.OutOrStdout(), "Keep service: http://%s\n", address)
		},
	}, func() { signal.Stop(reload) }
}

// serveError tells a faulty file from a failure to serve.
func serveError(err error) error {
	if config.IsFault(err) {
		return err
	}
	return fault(err)
}

func newConfig() *cobra.Command {
	var standalone bool
	check := &cobra.Command{
		Use:   "check FILE",
		Short: "Print every fault of a configuration file",
		Long: `Check reads a configuration file as serve does, without starting anything,
and prints all its faults, one a line, with file and line number.`,
		Example: "  keepstore config check /etc/keepstore/keepstore.yml",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			provided := config.Provided{}
			if standalone {
				provided = config.Standalone()
			}
			c, err := config.LoadWith(args[0], provided)
			if err != nil {
				hintStandalone(cmd, args[0], standalone)
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is sound: %s, %s\n", args[0], count(len(c.Endpoints), "endpoint"), count(len(c.Rules), "access rule"))
			return nil
		},
	}
	check.Flags().BoolVar(&standalone, "standalone", false, "check a file for standalone mode")
	return newGroup("config", "Work with configuration files", check)
}

// hintStandalone tells of a file with faults that it has none for standalone
// mode.
func hintStandalone(cmd *cobra.Command, file string, standalone bool) {
	if standalone {
		return
	}
	if _, err := config.LoadWith(file, config.Standalone()); err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "keepstore: for keepstore standalone the file is sound; keepstore serve finds these faults (see --standalone):")
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
