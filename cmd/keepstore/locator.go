// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

func newLocator() *cobra.Command {
	return newGroup("locator", "Explain and build locators", newExplain(), newBuild())
}

// signing are the files that are needed to check or make signatures. They
// are files, because command lines are visible to everyone on a machine.
type signing struct {
	keyFile, tokenFile string
	ttl                time.Duration
}

func (s *signing) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.keyFile, "key-file", "", "file with the blob signing key of the cluster")
	cmd.Flags().StringVar(&s.tokenFile, "token-file", "", "file with the token that the signature is for")
	cmd.Flags().DurationVar(&s.ttl, "ttl", 336*time.Hour, "BlobSigningTTL of the cluster")
	cmd.MarkFlagsRequiredTogether("key-file", "token-file")
}

// load returns the signer and the token, or nil when no files are named.
func (s *signing) load() (*locator.Signer, string, error) {
	if s.keyFile == "" {
		return nil, "", nil
	}
	key, err := os.ReadFile(s.keyFile)
	if err != nil {
		return nil, "", err
	}
	token, err := os.ReadFile(s.tokenFile)
	if err != nil {
		return nil, "", err
	}
	signer, err := locator.NewSigner(bytes.TrimSpace(key), s.ttl)
	return signer, strings.TrimSpace(string(token)), err
}

func newExplain() *cobra.Command {
	var files signing
	cmd := &cobra.Command{
		Use:   "explain LOCATOR",
		Short: "Decode a locator and show what it names",
		Long: `Explain decodes a locator and shows its form, identity and S3 URL. With
--key-file and --token-file it also checks the permission signature. It sends
nothing anywhere. The signature itself is never shown.`,
		Example: "  keepstore locator explain ffffffffffffffffffffffffffffffff+512+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD1hYmM+C256",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			signer, token, err := files.load()
			if err != nil {
				return err
			}
			return explain(cmd.OutOrStdout(), args[0], signer, token)
		},
	}
	files.flags(cmd)
	return cmd
}

func explain(w io.Writer, text string, signer *locator.Signer, token string) error {
	l, err := locator.Parse(text)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "size       %d\n", l.Size())
	if !pseudoblock.Is(l) {
		fmt.Fprintf(w, "form       ordinary block\nhash       %s\n", l.Hash())
		return explainSignature(w, l, signer, token)
	}
	block, err := pseudoblock.FromLocator(l)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "form       %s\nidentity   %s\n", block.Form, block.Identity)
	for _, e := range block.Extents {
		fmt.Fprintf(w, "url        %s\nbytes      %d-%d\n", e.Object.URL(), e.Offset, e.End()-1)
	}
	return explainSignature(w, l, signer, token)
}

func explainSignature(w io.Writer, l locator.Locator, signer *locator.Signer, token string) error {
	if l.Signature() == (locator.Signature{}) {
		fmt.Fprintln(w, "signature  none")
		return nil
	}
	expiry := l.Signature().Expiry().UTC().Format(time.RFC3339)
	if signer == nil {
		fmt.Fprintf(w, "signature  until %s, not checked (give --key-file and --token-file)\n", expiry)
		return nil
	}
	if err := signer.Verify(l, token, time.Now()); err != nil {
		fmt.Fprintf(w, "signature  until %s, refused\n", expiry)
		return fault(err)
	}
	fmt.Fprintf(w, "signature  until %s, valid for this token\n", expiry)
	return nil
}

func newBuild() *cobra.Command {
	var files signing
	var offset, size int64
	var form string
	cmd := &cobra.Command{
		Use:   "build URL",
		Short: "Make the locator of a range of an object version",
		Long: `Build makes a locator from a canonical S3 URL with a versionId. It sends
nothing anywhere, so it does not know whether the object exists. With
--key-file and --token-file the locator is signed.`,
		Example: `  keepstore locator build --size 512 --offset 256 's3://bucket/key?versionId=abc'`,
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := buildLocator(args[0], offset, size, form)
			if err != nil {
				return err
			}
			signer, token, err := files.load()
			if err != nil {
				return err
			}
			if signer != nil {
				l = signer.Sign(l, token, time.Now().Add(signer.TTL()))
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), l)
			return fault(err)
		},
	}
	cmd.Flags().Int64Var(&size, "size", 0, "number of bytes")
	cmd.Flags().Int64Var(&offset, "offset", 0, "offset of the first byte in the object")
	cmd.Flags().StringVar(&form, "form", "derived", "opaque or derived")
	_ = cmd.MarkFlagRequired("size") // the flag exists
	files.flags(cmd)
	return cmd
}

func buildLocator(url string, offset, size int64, formName string) (locator.Locator, error) {
	form, err := pseudoblock.ParseForm(formName)
	if err != nil {
		return locator.Locator{}, err
	}
	o, err := locator.ParseURL(url)
	if err != nil {
		return locator.Locator{}, err
	}
	return pseudoblock.Extent{Object: o, Offset: offset, Size: size}.Locator(form)
}
