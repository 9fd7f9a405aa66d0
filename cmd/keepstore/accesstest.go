// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/internal/app"
	"github.com/arvados-s3/keepstore/internal/importer"
)

// accessTest is what "access test" is asked.
type accessTest struct {
	url, server, config, token, tokenFile string
}

func newAccessTest() *cobra.Command {
	var a accessTest
	cmd := &cobra.Command{
		Use:   "test URL",
		Short: "Show step by step what decides about reading an object",
		Long: `Test goes the way of a read, or for a URL that ends with "/" that of a listing,
and shows each step: the URL, the token, the access rule, the credentials and
whose they are, the session, and what S3 says. It shows no secret.

With --server it asks a running keepstore with your token. With --config it
answers in place of one, from the same file as "keepstore serve", without
listening; that is for the operator, who can read the keys in it anyway.

The token is that of --token, of a file, or of ARVADOS_API_TOKEN. Other users
of this machine can see what is on a command line: prefer the others.

Exit status: 0 it can be read, 1 it cannot, 2 the command line or a file is
wrong.`,
		Example: `  keepstore access test --server https://keep.zzzzz.example.org s3://bucket/prefix/
  keepstore access test --config /etc/keepstore/keepstore.yml --token-file token 's3://bucket/key?versionId=abc'`,
		Args: oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.url = args[0]
			report, err := a.ask(cmd.Context())
			if err != nil {
				return err
			}
			return printReport(cmd.OutOrStdout(), report)
		},
	}
	cmd.Flags().StringVar(&a.server, "server", "", "URL of the running keepstore to ask")
	cmd.Flags().StringVar(&a.config, "config", "", "configuration file to answer from")
	cmd.Flags().StringVar(&a.token, "token", "", "token to test; other users of this machine can see it")
	cmd.Flags().StringVar(&a.tokenFile, "token-file", "", "file with the token to test")
	cmd.MarkFlagsMutuallyExclusive("server", "config")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	return cmd
}

func (a *accessTest) ask(ctx context.Context) (importer.Report, error) {
	if a.server == "" && a.config == "" {
		return importer.Report{}, errors.New("say whom to ask: --server URL of a running keepstore, or --config FILE of keepstore serve")
	}
	token, err := a.findToken()
	if err != nil {
		return importer.Report{}, err
	}
	if a.config != "" {
		return app.Explain(ctx, a.config, importer.Question{URL: a.url, Token: token, Operator: true})
	}
	return a.askServer(ctx, token)
}

func (a *accessTest) findToken() (creds.Secret, error) {
	text := a.token
	switch {
	case a.tokenFile != "":
		data, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return creds.Secret{}, err
		}
		text = string(data)
	case text == "":
		text = os.Getenv("ARVADOS_API_TOKEN")
	}
	if text = strings.TrimSpace(text); text == "" {
		return creds.Secret{}, errors.New("name a token: --token-file FILE, or set ARVADOS_API_TOKEN")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return creds.Secret{}, errors.New("the token holds a character that no token has")
	}
	return creds.NewSecret(text), nil
}

// askServer tells a URL that is wrong from a server that fails.
func (a *accessTest) askServer(ctx context.Context, token creds.Secret) (importer.Report, error) {
	base, err := url.Parse(a.server)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil {
		return importer.Report{}, errors.New("--server must be a URL such as https://keep.zzzzz.example.org")
	}
	report, err := app.AskServer(ctx, base, importer.Question{URL: a.url, Token: token})
	if err != nil {
		return report, fault(errors.New(plain(err.Error())))
	}
	return report, nil
}

// printReport prints a step a line, and fails if the last one did.
func printReport(w io.Writer, r importer.Report) error {
	yes, no := "ok", "no"
	if isTerminal(w) {
		yes, no = "✓", "✗"
	}
	for _, step := range r.Steps {
		mark := yes
		if !step.OK {
			mark = no
		}
		if _, err := fmt.Fprintf(w, "%-2s  %-11s  %s\n", mark, plain(step.Step), plain(step.Text)); err != nil {
			return fault(err)
		}
	}
	if !r.Readable {
		return fault(errors.New("it cannot be read now: " + plain(r.Error)))
	}
	return nil
}

// isTerminal reports whether people look at w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// plain makes text of a server harmless for a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}
