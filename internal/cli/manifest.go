// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/collection"
	"github.com/arvados-s3/keepstore/sdk/go/collection/manifest"
)

// manifesting are the flags of manifest.
type manifesting struct {
	normalize, hash, signed bool
}

// manifested is a manifest, for manifest --json.
type manifested struct {
	Hash  string `json:"portable_data_hash"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	Text  string `json:"manifest_text,omitempty"`
}

func newManifest() *cobra.Command {
	var o manifesting
	cmd := &cobra.Command{
		Use:   "manifest COLLECTION|FILE|-",
		Short: "Print, check and normalize manifests, and tell their portable data hash",
		Long: `Manifest prints the manifest of a collection that is named by its UUID or
portable data hash, or of a file, or of standard input (-). A file whose name
looks like a UUID needs a "./". The text is checked as it is read.

With --normalize it is printed in the normal form of Arvados: one line for each
folder, sorted, which may have another portable data hash. With --pdh only the
portable data hash is printed, in which each block counts with its identity.
Signatures are left out unless --signed asks for them: with a token, they open
the blocks. Files and standard input need no API server.`,
		Example: `  keepstore manifest --pdh zzzzz-4zz18-0123456789abcde
  keepstore manifest --normalize - < manifest.txt`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().BoolVar(&o.normalize, "normalize", false, "print the normal form of Arvados")
	cmd.Flags().BoolVar(&o.hash, "pdh", false, "print the portable data hash alone")
	cmd.Flags().BoolVar(&o.signed, "signed", false, "keep permission signatures")
	cmd.MarkFlagsMutuallyExclusive("pdh", "signed")
	online := command(cmd, o.loaded)
	withSession := online.RunE
	online.RunE = func(cmd *cobra.Command, args []string) error {
		if t, err := parseTarget(args[0]); err == nil && (t.path != "." || t.folder) {
			return usagef("manifest takes whole collections, not %s: leave the path out", t)
		} else if err == nil {
			return withSession(cmd, args)
		}
		asJSON, err := cmd.Flags().GetBool("json")
		if err != nil {
			return err
		}
		return o.local(&session{in: cmd.InOrStdin(), out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), json: asJSON}, args[0])
	}
	return online
}

// loaded prints the manifest of a stored collection.
func (o *manifesting) loaded(ctx context.Context, s *session, args []string) error {
	c, err := s.client.Load(ctx, args[0])
	if err != nil {
		return err
	}
	return o.show(s, c)
}

// local prints the manifest of a file.
func (o *manifesting) local(s *session, name string) error {
	text, err := readText(s, name)
	if err != nil {
		return &Exit{Usage, err}
	}
	c, err := collection.Parse(text)
	if err != nil {
		return &Exit{Usage, fmt.Errorf("%s is no manifest: %w", quote(name), err)}
	}
	return exitError(context.Background(), o.show(s, c))
}

func readText(s *session, name string) (string, error) {
	if name == "-" {
		text, err := io.ReadAll(s.in)
		return string(text), err
	}
	text, err := os.ReadFile(name)
	return string(text), err
}

func (o *manifesting) show(s *session, c *collection.Collection) error {
	text, err := c.ManifestText()
	if o.normalize {
		text, err = c.NormalizedText()
	}
	if err != nil {
		return err
	}
	text, info, err := manifest.Rewrite(text, func(l locator.Locator) (locator.Locator, error) {
		if o.signed {
			return l, nil
		}
		return l.Unsigned(), nil
	})
	switch {
	case err != nil:
		return err
	case s.json && o.hash:
		return s.printJSON(manifested{Hash: info.PDH, Files: info.Files, Bytes: info.Bytes})
	case s.json:
		return s.printJSON(manifested{info.PDH, info.Files, info.Bytes, text})
	case o.hash:
		text = info.PDH + "\n"
	}
	_, err = io.WriteString(s.out, text)
	return err
}
