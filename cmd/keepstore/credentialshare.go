// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const linksPath = "arvados/v1/links"

// permission is a permission link to a record.
type permission struct {
	UUID  string `json:"uuid"`
	Tail  string `json:"tail_uuid"`
	Level string `json:"name"`
}

func newCredentialShare(a *account) *cobra.Command {
	var with, level string
	var remove bool
	cmd := &cobra.Command{
		Use:   "share NAME",
		Short: "Share a record with a user or group, or no longer",
		Long: `Share lets a user or the members of a group use a record, by a permission link.
With --remove it takes all permission links of the user or group to the record
away again; keepstore follows within a minute. You must manage the record.

Whoever may read a record can, in containers, get its secret.`,
		Example: "  keepstore credential share lab --with zzzzz-j7d0g-0123456789abcde",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains([]string{"can_read", "can_write", "can_manage"}, level) {
				return usagef("--level must be can_read, can_write or can_manage")
			}
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				links, err := share(ctx, c, args[0], with, level, remove)
				if err != nil {
					return err
				}
				rows := [][]string{}
				for _, l := range links {
					rows = append(rows, []string{l.UUID})
				}
				return a.print(cmd.OutOrStdout(), links, rows...)
			})
		},
	}
	cmd.Flags().StringVar(&with, "with", "", "UUID of a user or group, or e-mail address of a user that you may see")
	cmd.Flags().StringVar(&level, "level", "can_read", "can_read, can_write or can_manage")
	cmd.Flags().BoolVar(&remove, "remove", false, "do not share any more")
	_ = cmd.MarkFlagRequired("with") // the flag exists
	return cmd
}

// share returns the link that it made, or those that it took away.
func share(ctx context.Context, c *api.Client, name, with, level string, remove bool) ([]permission, error) {
	record, err := findCredential(ctx, c, name)
	if err != nil {
		return nil, err
	}
	tail := with
	if !isUUID(with, "j7d0g") && !isUUID(with, "tpzed") {
		u, err := findUser(ctx, c, with)
		if err != nil {
			return nil, err
		}
		tail = u.UUID
	}
	if remove {
		return unshare(ctx, c, record, tail)
	}
	var made permission
	link := map[string]any{"link_class": "permission", "name": level, "tail_uuid": tail, "head_uuid": record.UUID}
	err = c.Call(ctx, http.MethodPost, linksPath, api.Params{"link": link}, &made)
	return []permission{made}, err
}

func unshare(ctx context.Context, c *api.Client, record credential, tail string) ([]permission, error) {
	links, err := permissions(ctx, c, record.UUID)
	if err != nil {
		return nil, err
	}
	links = slices.DeleteFunc(links, func(l permission) bool { return l.Tail != tail })
	if len(links) == 0 {
		return nil, fmt.Errorf("the record %s is not shared with %s, as far as you may see", record.UUID, tail)
	}
	for _, l := range links {
		if err := c.Call(ctx, http.MethodDelete, linksPath+"/"+l.UUID, nil, nil); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// permissions lists the permission links to a record that the caller may see.
func permissions(ctx context.Context, c *api.Client, uuid string) ([]permission, error) {
	return collect[permission](ctx, c, linksPath, [][]any{{"link_class", "=", "permission"}, {"head_uuid", "=", uuid}})
}
