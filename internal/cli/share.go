// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// sharing are the flags of share.
type sharing struct {
	with             []string
	write, manage    bool
	read, link, stop bool
	expires          string
}

func newShare() *cobra.Command {
	var o sharing
	cmd := &cobra.Command{
		Use:   "share COLLECTION",
		Short: "Share a collection with users and groups, or by a link; tell with whom it is",
		Long: `Share tells with whom a collection is shared, and by which links of yours. You
must manage the collection.

With --with it lets users, or the members of groups, use it: to read, unless
--can-write or --can-manage says otherwise. What they were allowed before is
changed to that. With --link it makes a sharing link and prints it: a token that
opens this collection, to read, for whoever has it. With --stop it ends these
permissions, or all your links to the collection.

A person is named by UUID or e-mail address, a group by UUID or name; names work
for those that you may see.

Sharing gives no rights in S3. Where the access rules have mode token or role,
each reader needs their own, and a link opens nothing: this is said when you
share.`,
		Example: `  keepstore share zzzzz-4zz18-0123456789abcde
  keepstore share zzzzz-4zz18-0123456789abcde --with ann@example.org --can-write
  keepstore share zzzzz-4zz18-0123456789abcde --with zzzzz-j7d0g-0123456789abcde --stop
  keepstore share zzzzz-4zz18-0123456789abcde --link --expires 2027-01-31
  keepstore share zzzzz-4zz18-0123456789abcde --link --stop`,
		Args: cobra.ExactArgs(1),
	}
	cmd.Flags().StringArrayVar(&o.with, "with", nil, "a user or group; may be given several times")
	cmd.Flags().BoolVar(&o.read, "can-read", false, "let them read it (the default)")
	cmd.Flags().BoolVar(&o.write, "can-write", false, "let them change it, too")
	cmd.Flags().BoolVar(&o.manage, "can-manage", false, "let them share it, too")
	cmd.Flags().BoolVar(&o.link, "link", false, "make a sharing link, for whoever has it")
	cmd.Flags().StringVar(&o.expires, "expires", "", "end of the life of the link: a time such as 2027-01-31T12:00:00Z, or a day; never without it")
	cmd.Flags().BoolVar(&o.stop, "stop", false, "share it no more")
	cmd.MarkFlagsMutuallyExclusive("with", "link")
	cmd.MarkFlagsMutuallyExclusive("can-read", "can-write", "can-manage", "stop")
	cmd.MarkFlagsMutuallyExclusive("can-read", "can-write", "can-manage", "link")
	return command(cmd, o.work)
}

func (o *sharing) work(ctx context.Context, s *session, args []string) error {
	targets, err := parseWhole("share", args)
	if err == nil {
		err = targets[0].mustBeStored()
	}
	if err != nil {
		return err
	}
	ends, err := o.check()
	if err != nil {
		return err
	}
	uuid := targets[0].id
	people, err := s.findPeople(ctx, o.with)
	switch {
	case err != nil:
		return err
	case o.stop && o.link:
		return s.endLinks(ctx, uuid)
	case o.stop:
		return s.unshare(ctx, uuid, people)
	case o.link:
		return s.makeLink(ctx, uuid, ends)
	case len(people) > 0:
		return s.share(ctx, uuid, people, o.level())
	}
	return s.showShares(ctx, uuid)
}

// check looks for flags that do not go together, before anything is done.
func (o *sharing) check() (ends time.Time, err error) {
	given := o.read || o.write || o.manage
	switch {
	case o.stop && !o.link && len(o.with) == 0:
		return ends, usagef("--stop needs --with, for whom to share it no more, or --link, for all your links")
	case given && len(o.with) == 0:
		return ends, usagef("--%s needs --with, to say who may", strings.ReplaceAll(string(o.level()), "_", "-"))
	case o.expires != "" && (!o.link || o.stop):
		return ends, usagef("--expires is for a link that is made: permissions do not end by themselves")
	}
	at, err := parseTime(o.expires)
	if err != nil || at != nil && !at.After(time.Now()) {
		return ends, usagef("--expires must be a time to come, such as 2027-01-31T12:00:00Z, or a day, which means its beginning in UTC")
	}
	if at != nil {
		ends = *at
	}
	return ends, nil
}

func (o *sharing) level() collection.Level {
	switch {
	case o.manage:
		return collection.CanManage
	case o.write:
		return collection.CanWrite
	}
	return collection.CanRead
}
