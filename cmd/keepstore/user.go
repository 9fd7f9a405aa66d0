// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/api"
)

const usersPath = "arvados/v1/users"

// user is what is shown of a user.
type user struct {
	UUID     string `json:"uuid"`
	Email    string `json:"email"`
	Username string `json:"username"`
	FullName string `json:"full_name"`
	Admin    bool   `json:"is_admin"`
	Active   bool   `json:"is_active"`
}

func newUser() *cobra.Command {
	return newAccountGroup("user", "Make and show users of the API server",
		"User makes and shows users. Making one needs the token of an administrator.",
		newUserCreate, newUserList, newUserShow)
}

func newUserCreate(a *account) *cobra.Command {
	var u user
	cmd := &cobra.Command{
		Use:     "create",
		Short:   "Make a user and print the UUID",
		Example: "  keepstore user create --data ./data --email ann@example.org --name 'Ann Example'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				made, err := createUser(ctx, c, u)
				if err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), made, []string{made.UUID})
			})
		},
	}
	cmd.Flags().StringVar(&u.Email, "email", "", "e-mail address")
	cmd.Flags().StringVar(&u.FullName, "name", "", "first and last name")
	cmd.Flags().StringVar(&u.Username, "username", "", "user name; the API server makes one from the e-mail address without it")
	cmd.Flags().BoolVar(&u.Admin, "admin", false, "make an administrator, who may do everything")
	cmd.Flags().BoolVar(&u.Active, "active", true, "let the user do something")
	_ = cmd.MarkFlagRequired("email") // the flag exists
	return cmd
}

func createUser(ctx context.Context, c *api.Client, u user) (made user, err error) {
	first, last, _ := strings.Cut(u.FullName, " ")
	attributes := map[string]any{"email": u.Email, "is_admin": u.Admin, "is_active": u.Active, "first_name": first, "last_name": last}
	if u.Username != "" {
		attributes["username"] = u.Username
	}
	return made, c.Call(ctx, http.MethodPost, usersPath, api.Params{"user": attributes}, &made)
}

func newUserList(a *account) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show the users that you may see",
		Example: "  keepstore user list --data ./data",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) error {
				users, err := collect[user](ctx, c, usersPath, nil)
				if err != nil {
					return err
				}
				rows := [][]string{{"UUID", "E-MAIL", "NAME", "ADMIN", "ACTIVE"}}
				for _, u := range users {
					rows = append(rows, []string{u.UUID, u.Email, u.FullName, yesNo(u.Admin), yesNo(u.Active)})
				}
				return a.print(cmd.OutOrStdout(), users, rows...)
			})
		},
	}
}

// collect returns a whole list, which is never nil.
func collect[T any](ctx context.Context, c *api.Client, path string, filters [][]any) ([]T, error) {
	found := []T{}
	for item, err := range c.All(ctx, path, api.Params{"filters": filters}) {
		var one T
		if err == nil {
			err = json.Unmarshal(item, &one)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func newUserShow(a *account) *cobra.Command {
	return &cobra.Command{
		Use:     "show [USER]",
		Short:   "Show a user, or whose token is used",
		Long:    "Show shows a user, named by UUID or e-mail address; without a name, the one whose token is used.",
		Example: "  keepstore user show ann@example.org",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, func(ctx context.Context, c *api.Client) (err error) {
				var u user
				if len(args) == 0 {
					err = c.Call(ctx, http.MethodGet, usersPath+"/current", nil, &u)
				} else {
					u, err = findUser(ctx, c, args[0])
				}
				if err != nil {
					return err
				}
				return a.print(cmd.OutOrStdout(), u, []string{"uuid", u.UUID}, []string{"e-mail", u.Email}, []string{"user name", u.Username},
					[]string{"name", u.FullName}, []string{"admin", yesNo(u.Admin)}, []string{"active", yesNo(u.Active)})
			})
		},
	}
}

// findUser returns the user with the UUID or e-mail address. An empty name, as
// of a shell variable that is not set, is never the user of the token, who may
// be an administrator.
func findUser(ctx context.Context, c *api.Client, name string) (found user, err error) {
	switch {
	case isUUID(name, "tpzed"):
		return found, c.Call(ctx, http.MethodGet, usersPath+"/"+name, nil, &found)
	case !strings.Contains(name, "@"):
		return found, usagef("a user is named by UUID, such as zzzzz-tpzed-0123456789abcde, or by e-mail address, not %q", name)
	}
	users, err := collect[user](ctx, c, usersPath, [][]any{{"email", "=", name}})
	if err == nil && len(users) != 1 {
		err = fmt.Errorf("you see %d users with the e-mail address %s, in place of one: name the user by UUID", len(users), printable(name))
	}
	if err != nil {
		return user{}, err
	}
	return users[0], nil
}
