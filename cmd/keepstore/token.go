// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const tokensPath = "arvados/v1/api_client_authorizations"

// token is what is shown of a token, which is not the token itself.
type token struct {
	UUID      string     `json:"uuid"`
	OwnerUUID string     `json:"owner_uuid"`
	Scopes    []string   `json:"scopes"`
	CreatedAt *time.Time `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
}

func newToken() *cobra.Command {
	return newAccountGroup("token", "Make, show and revoke tokens",
		`Token makes, shows and revokes tokens of the API server. A token is named by its
UUID. The token itself is shown once, when it is made.`,
		newTokenCreate, newTokenList, newTokenShow, newTokenRevoke)
}

func newTokenCreate(a *account) *cobra.Command {
	var owner, expires string
	var scopes []string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it",
		Long: `Create makes a token and prints it on standard output, once: the API server
keeps it in a form that cannot be read back. Without --user it is one more token
of your own; for others it needs the token of an administrator.

A scope is "all", or a method and a path such as
"GET /arvados/v1/collections/", where a path that ends with / stands for all
below it. A token without scope "all" has no rights in S3 of its own.`,
		Example: "  keepstore token create --data ./data --user ann@example.org --expires 90d > token",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			attributes := map[string]any{"scopes": scopes}
			if expires != "" {
				at, err := parseExpiry(expires, time.Now())
				if err != nil {
					return err
				}
				attributes["expires_at"] = at
			}
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				return a.createToken(ctx, cmd, c, given(cmd, "user", &owner), attributes)
			})
		},
	}
	cmd.Flags().StringVar(&owner, "user", "", "UUID or e-mail address of the user whom the token stands for")
	cmd.Flags().StringArrayVar(&scopes, "scope", []string{"all"}, "what the token may do; may be given several times")
	cmd.Flags().StringVar(&expires, "expires", "", "end of its life: a time, a day, or from now such as 90d; never without it")
	return cmd
}

func (a *account) createToken(ctx context.Context, cmd *cobra.Command, c *api.Client, owner *string, attributes map[string]any) error {
	if owner != nil {
		u, err := findUser(ctx, c, *owner)
		if err != nil {
			return err
		}
		attributes["owner_uuid"] = u.UUID
	}
	var made struct {
		token
		Secret string `json:"api_token,omitempty"`
		Token  string `json:"token"`
	}
	if err := c.Call(ctx, http.MethodPost, tokensPath, api.Params{"api_client_authorization": attributes}, &made); err != nil {
		return err
	}
	made.Token, made.Secret = "v2/"+made.UUID+"/"+made.Secret, ""
	return a.print(cmd.OutOrStdout(), made, []string{made.Token})
}

func newTokenList(a *account) *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show your tokens",
		Long: `List shows your tokens, without what makes them work. The API server of
keepstore standalone shows an administrator those of everyone; stock ones do not.`,
		Example: "  keepstore token list --data ./data --user ann@example.org",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				tokens, err := listTokens(ctx, c, given(cmd, "user", &owner))
				if err != nil {
					return err
				}
				rows := [][]string{{"UUID", "USER", "EXPIRES", "SCOPES"}}
				for _, t := range tokens {
					rows = append(rows, []string{t.UUID, t.OwnerUUID, timeText(t.ExpiresAt), strings.Join(t.Scopes, ", ")})
				}
				return a.print(cmd.OutOrStdout(), tokens, rows...)
			})
		},
	}
	cmd.Flags().StringVar(&owner, "user", "", "UUID or e-mail address: show the tokens of that user only")
	return cmd
}

// listTokens goes on by offset, since stock API servers ignore other filters
// of tokens than those for one UUID. For the same reason it filters itself.
func listTokens(ctx context.Context, c *api.Client, owner *string) ([]token, error) {
	only := ""
	if owner != nil {
		u, err := findUser(ctx, c, *owner)
		if err != nil {
			return nil, err
		}
		only = u.UUID
	}
	found := []token{}
	for seen := 0; ; {
		var page struct{ Items []token }
		params := api.Params{"order": []string{"uuid asc"}, "limit": "1000", "offset": strconv.Itoa(seen), "count": "none"}
		if err := c.Call(ctx, http.MethodGet, tokensPath, params, &page); err != nil || len(page.Items) == 0 {
			return found, err
		}
		for _, t := range page.Items {
			if only == "" || t.OwnerUUID == only {
				found = append(found, t)
			}
		}
		seen += len(page.Items)
	}
}

func newTokenShow(a *account) *cobra.Command {
	return &cobra.Command{
		Use:     "show [UUID]",
		Short:   "Show what a token may do",
		Long:    "Show shows a token, named by its UUID; without one, that which is used.",
		Example: "  keepstore token show",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			uuid := "current"
			if len(args) == 1 {
				uuid = args[0]
			}
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				var t token
				if uuid != "current" && !isUUID(uuid, "gj3su") {
					return notToken()
				}
				if err := c.Call(ctx, http.MethodGet, tokensPath+"/"+uuid, nil, &t); err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), t, []string{"uuid", t.UUID}, []string{"user", t.OwnerUUID},
					[]string{"made", timeText(t.CreatedAt)}, []string{"expires", timeText(t.ExpiresAt)}, []string{"scopes", strings.Join(t.Scopes, ", ")})
			})
		},
	}
}

// notToken does not repeat the argument, which may be a whole token.
func notToken() error {
	return usagef("a token is named by its UUID, such as zzzzz-gj3su-0123456789abcde; the token itself does not belong on a command line")
}

func newTokenRevoke(a *account) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke UUID",
		Short: "End the life of a token at once",
		Long: `Revoke ends the life of a token at the API server at once. Servers that
remember who a token belongs to, such as keepstore, follow within a minute.`,
		Example: "  keepstore token revoke zzzzz-gj3su-0123456789abcde",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				var t token
				if !isUUID(args[0], "gj3su") {
					return notToken()
				}
				if err := c.Call(ctx, http.MethodDelete, tokensPath+"/"+args[0], nil, &t); err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), t, []string{t.UUID})
			})
		},
	}
}
