// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/creds/role"
	"github.com/arvados-s3/keepstore/internal/app"
)

func newExternalID() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "external-id USER_UUID",
		Short: "Print the external id of a user, for the trust policy of a role",
		Long: `External-id prints the id with which this server assumes roles for a user at
endpoints that take no web tokens (web_identity: false). The owner of a role
writes it into the trust policy of the role, as condition sts:ExternalId. Then
the role can be assumed for that user and for nobody else. The id is no secret.

"` + role.ServerName + `" in place of the UUID prints the id for rules of mode iam with a role.`,
		Example: "  keepstore access external-id zzzzz-tpzed-000000000000000 --config /etc/keepstore/keepstore.yml",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != role.ServerName && !regexp.MustCompile(`^[a-z0-9]{5}-tpzed-[a-z0-9]{15}$`).MatchString(args[0]) {
				return errors.New("expected a user UUID, such as zzzzz-tpzed-000000000000000, or " + role.ServerName)
			}
			id, err := app.ExternalID(file, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), id)
			return fault(err)
		},
	}
	cmd.Flags().StringVar(&file, "config", "/etc/keepstore/keepstore.yml", "configuration file")
	return cmd
}
