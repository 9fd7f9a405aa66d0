// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const (
	credentialsPath = "arvados/v1/credentials"
	awsKeyClass     = "arv:aws_access_key"
	awsRoleClass    = "aws_iam_role"
	// noSecret stands where an API server wants a secret and there is none: a
	// role needs no secret to be named.
	noSecret = "none"
	// maxSecret is the longest secret that the embedded API server takes.
	maxSecret = 8 << 10
)

// credential is what is shown of a credential record.
type credential struct {
	UUID        string     `json:"uuid"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Class       string     `json:"credential_class"`
	Scopes      []string   `json:"scopes"`
	ExternalID  string     `json:"external_id"`
	ExpiresAt   *time.Time `json:"expires_at"`
}

func newCredential() *cobra.Command {
	return newAccountGroup("credential", "Make, show, share and delete credential records",
		`Credential works with the records of keys and roles that the API server keeps for
its users. keepstore uses them under access rules of mode token: a record of class
arv:aws_access_key has an access key (external id and secret), one of class
aws_iam_role names a role (external id), and the scopes say for which buckets.`,
		newCredentialCreate, newCredentialList, newCredentialShow, newCredentialDelete, newCredentialShare)
}

// newRecord is a record that is to be made.
type newRecord struct {
	credential
	expires, secretFile string
}

func newCredentialCreate(a *account) *cobra.Command {
	var r newRecord
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Store a key or name a role, and print the UUID",
		Long: `Create makes a credential record and prints its UUID. Names are unique in a
cluster. The secret is read from a file, or from standard input when that is -;
line ends after it are left out. It cannot be read back by list and show.`,
		Example: `  keepstore credential create --name lab --scope s3://lab-raw --external-id AKIA0123456789ABCDEF --secret-file secret --expires 2027-06-30
  keepstore credential create --name readers --class aws_iam_role --scope 's3://*' --external-id arn:aws:iam::111122223333:role/readers`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			attributes, err := r.attributes(cmd.InOrStdin(), time.Now())
			if err != nil {
				return err
			}
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				var made credential
				if err := c.Call(ctx, http.MethodPost, credentialsPath, api.Params{"credential": attributes}, &made); err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), made, []string{made.UUID})
			})
		},
	}
	cmd.Flags().StringVar(&r.Name, "name", "", "name of the record")
	cmd.Flags().StringVar(&r.Class, "class", awsKeyClass, "what the record holds: "+awsKeyClass+", "+awsRoleClass+", or a name of your own")
	cmd.Flags().StringArrayVar(&r.Scopes, "scope", nil, "bucket that it is for, such as s3://bucket, or s3://*; may be given several times")
	cmd.Flags().StringVar(&r.ExternalID, "external-id", "", "the access key id, or the ARN of the role")
	cmd.Flags().StringVar(&r.Description, "description", "", "text for people")
	cmd.Flags().StringVar(&r.expires, "expires", "365d", "end of its life: a time, a day, or from now")
	cmd.Flags().StringVar(&r.secretFile, "secret-file", "", "file with the secret, or - for standard input")
	for _, name := range []string{"name", "external-id"} {
		_ = cmd.MarkFlagRequired(name) // the flag exists
	}
	return cmd
}

func (r *newRecord) attributes(stdin io.Reader, now time.Time) (map[string]any, error) {
	at, err := parseExpiry(r.expires, now)
	if err != nil {
		return nil, err
	}
	secret, err := r.secret(stdin)
	if err != nil {
		return nil, err
	}
	attributes := map[string]any{
		"name": r.Name, "credential_class": r.Class, "scopes": append([]string{}, r.Scopes...),
		"external_id": r.ExternalID, "secret": secret, "expires_at": at,
	}
	if r.Description != "" {
		attributes["description"] = r.Description
	}
	return attributes, nil
}

func (r *newRecord) secret(stdin io.Reader) (string, error) {
	if r.secretFile == "" && r.Class == awsRoleClass {
		return noSecret, nil
	}
	if r.secretFile == "" {
		return "", usagef("a record of class %s needs a secret: give --secret-file FILE, or - for standard input", r.Class)
	}
	in := stdin
	if r.secretFile != "-" {
		f, err := os.Open(r.secretFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSecret+2))
	secret := strings.TrimRight(string(text), "\r\n")
	if err == nil && (secret == "" || len(secret) > maxSecret) {
		err = usagef("the secret in --secret-file %s is empty or longer than %d bytes", r.secretFile, maxSecret)
	}
	return secret, err
}

func newCredentialList(a *account) *cobra.Command {
	var class, scope string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the records that you may see",
		Example: "  keepstore credential list --scope s3://lab-raw",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				filters := [][]any{}
				if class != "" {
					filters = append(filters, []any{"credential_class", "=", class})
				}
				if scope != "" {
					filters = append(filters, []any{"scopes", "contains", scope})
				}
				found, err := collect[credential](ctx, c, credentialsPath, filters)
				if err != nil {
					return err
				}
				rows := [][]string{{"UUID", "NAME", "CLASS", "EXTERNAL ID", "EXPIRES", "SCOPES"}}
				for _, r := range found {
					rows = append(rows, []string{r.UUID, r.Name, r.Class, r.ExternalID, timeText(r.ExpiresAt), strings.Join(r.Scopes, ", ")})
				}
				return a.print(cmd.OutOrStdout(), found, rows...)
			})
		},
	}
	cmd.Flags().StringVar(&class, "class", "", "show records of this class only")
	cmd.Flags().StringVar(&scope, "scope", "", "show records with exactly this scope only")
	return cmd
}

func newCredentialShow(a *account) *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a record and with whom it is shared",
		Long:    "Show shows a record, by name or UUID, and the permission links to it that you may see. It does not show the secret.",
		Example: "  keepstore credential show lab",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				r, err := findCredential(ctx, c, args[0])
				if err != nil {
					return err
				}
				links, err := permissions(ctx, c, r.UUID)
				if err != nil {
					return err
				}
				rows := [][]string{{"uuid", r.UUID}, {"name", r.Name}, {"description", r.Description}, {"class", r.Class},
					{"external id", r.ExternalID}, {"expires", timeText(r.ExpiresAt)}, {"scopes", strings.Join(r.Scopes, ", ")}}
				for _, l := range links {
					rows = append(rows, []string{l.Level, l.Tail})
				}
				return a.print(cmd.OutOrStdout(), struct {
					credential
					Links []permission `json:"links"`
				}{r, links}, rows...)
			})
		},
	}
}

// findCredential returns the record with the UUID or name.
func findCredential(ctx context.Context, c *api.Client, name string) (found credential, err error) {
	if isUUID(name, "oss07") {
		return found, c.Call(ctx, http.MethodGet, credentialsPath+"/"+name, nil, &found)
	}
	records, err := collect[credential](ctx, c, credentialsPath, [][]any{{"name", "=", name}})
	if err == nil && len(records) != 1 {
		err = fmt.Errorf("you see %d credential records of the name %q, in place of one", len(records), name)
	}
	if err != nil {
		return credential{}, err
	}
	return records[0], nil
}

func newCredentialDelete(a *account) *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a record with its secret",
		Long:    "Delete deletes a record, by name or UUID. keepstore stops using it within a minute.",
		Example: "  keepstore credential delete lab",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				r, err := findCredential(ctx, c, args[0])
				if err != nil {
					return err
				}
				if err := c.Call(ctx, http.MethodDelete, credentialsPath+"/"+r.UUID, nil, nil); err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), r, []string{r.UUID})
			})
		},
	}
}
