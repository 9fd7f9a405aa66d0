// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// copying are the flags of cp and mv.
type copying struct {
	force bool
	// placed says what was put where in this run: no source of the same command
	// may take its place, whatever the flags.
	placed map[string]placed
}

const copyHelp = `
TARGET is a folder if it ends with /, is one already, or is the collection
itself; else it is the new path. Of a whole COLLECTION all is taken that is in
it. Files that are there already are refused, unless --force replaces them;
folders that are there already always are.`

func newCp() *cobra.Command {
	var o copying
	cmd := &cobra.Command{
		Use:   "cp COLLECTION[/PATH]... COLLECTION[/PATH]",
		Short: "Copy files within and between collections",
		Long: `Cp copies files and folders to the last of its arguments, the TARGET, which must
be in a collection named by UUID. No data moves: the copies have the same blocks
and S3 object versions.
` + copyHelp,
		Example: `  keepstore cp zzzzz-4zz18-0123456789abcde/a.bam zzzzz-4zz18-0123456789abcde/b.bam
  keepstore cp 0123456789abcdef0123456789abcdef+57/data zzzzz-4zz18-0123456789abcde/`,
		Args: cobra.MinimumNArgs(2),
	}
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "replace files that are there already")
	return command(cmd, func(ctx context.Context, s *session, args []string) error { return o.copy(ctx, s, args, false) })
}

func newMv() *cobra.Command {
	var o copying
	cmd := &cobra.Command{
		Use:   "mv COLLECTION/PATH... COLLECTION[/PATH]",
		Short: "Move files within and between collections",
		Long: `Mv moves files and folders to the last of its arguments, the TARGET. No data
moves. Between collections the files are in the new one before they are taken
out of the old one, and looked for after that: when mv breaks off they may be in
both, and never in none.
` + copyHelp,
		Example: `  keepstore mv zzzzz-4zz18-0123456789abcde/old.bam zzzzz-4zz18-0123456789abcde/new.bam`,
		Args:    cobra.MinimumNArgs(2),
	}
	cmd.Flags().BoolVarP(&o.force, "force", "f", false, "replace files that are there already")
	return command(cmd, func(ctx context.Context, s *session, args []string) error { return o.copy(ctx, s, args, true) })
}

// taken is what was taken from a source, with the hash of its content.
type taken struct {
	target
	hash string
}

func (o *copying) copy(ctx context.Context, s *session, args []string, move bool) error {
	all, err := parseTargets(args)
	if exit := (*Exit)(nil); errors.As(err, &exit) {
		return usagef("%w; for local files there are keepstore put and keepstore get", exit.Err)
	}
	sources, to := all[:len(all)-1], all[len(all)-1]
	if err := to.mustBeStored(); err != nil {
		return err
	}
	from := map[string]*collection.Collection{}
	for _, t := range sources {
		if err := t.mustBeStored(); move && err != nil {
			return err
		}
		if move && t.path == "." {
			return usagef("%s is a whole collection: mv takes paths in collections", t)
		}
		if from[t.id] == nil && t.id != to.id {
			if from[t.id], err = s.load(ctx, t); err != nil {
				return err
			}
		}
	}
	var moved []taken
	stored, err := s.edit(ctx, to.id, func(c *collection.Collection) error {
		from[to.id], moved, o.placed = c, nil, map[string]placed{}
		into := to
		into.folder = into.isFolder(c, len(sources))
		for _, t := range sources {
			found, err := o.place(s.client, c, into, from[t.id], t, move)
			if err != nil {
				return readable(err)
			}
			moved = append(moved, found...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	removed, err := s.editAll(ctx, others(moved), func(c *collection.Collection, t target) error { return removeSame(s.client, c, t, moved) })
	if len(moved) > 0 { // what is in no other place any more must be here, also when the user gives up now
		var lost error
		stored, lost = o.settle(context.WithoutCancel(ctx), s, to, stored)
		err = errors.Join(err, lost)
	}
	return s.printEdited(append([]record{stored}, removed...), err)
}

// isFolder reports whether things are to be put into the target.
func (t target) isFolder(c *collection.Collection, sources int) bool {
	info, err := c.Stat(t.path)
	return t.folder || sources > 1 || t.path == "." || err == nil && info.IsDir()
}

// place copies or moves one source. It returns what must be taken out of
// another collection then.
func (o *copying) place(client *collection.Client, c *collection.Collection, to target, from *collection.Collection, t target, move bool) ([]taken, error) {
	paths := []string{t.path}
	if t.path == "." {
		entries, err := from.ReadDir(".")
		if err != nil {
			return nil, err
		}
		paths, to.folder = nil, true
		for _, e := range entries {
			paths = append(paths, e.Name())
		}
	}
	var found []taken
	for _, name := range paths {
		at := to.path
		if to.folder {
			at = path.Join(to.path, path.Base(name))
		}
		same := t.id == to.id
		if before, twice := o.placed[at]; twice {
			return nil, usagef("%s and %s would both become %s", before.from, target{id: t.id, path: name}, quote(at))
		}
		if err := o.free(c, at, same && at == name); err != nil {
			return nil, err
		}
		o.placed[at] = placed{from: target{id: t.id, path: name}}
		if same && move {
			if err := c.Rename(name, at); err != nil {
				return nil, err
			}
			continue
		}
		if err := c.Copy(at, from, name); err != nil {
			return nil, err
		}
		if err := o.remember(client, c, at); err != nil {
			return nil, err
		}
		if move {
			hash, err := contentHash(client, from, name)
			if err != nil {
				return nil, err
			}
			found = append(found, taken{target{id: t.id, path: name}, hash})
		}
	}
	return found, nil
}

// free makes a path free, if that is allowed.
func (o *copying) free(c *collection.Collection, at string, itself bool) error {
	info, err := c.Stat(at)
	switch {
	case err != nil:
		return nil // what is wrong shows when something is put there
	case itself:
		return usagef("%s would be copied or moved to itself", quote(at))
	case info.IsDir():
		return &sentence{"there is a folder " + quote(at) + " already: remove it first, or choose another path", fs.ErrExist}
	case !o.force:
		return &sentence{"there is a file " + quote(at) + " already: give --force to replace it", fs.ErrExist}
	}
	return c.Remove(at)
}

// contentHash tells whether a file or folder still is what it was.
func contentHash(client *collection.Client, c *collection.Collection, name string) (string, error) {
	one, err := alone(client, c, name)
	if err != nil {
		return "", err
	}
	return one.PDH()
}

func others(moved []taken) []target {
	var all []target
	for _, m := range moved {
		all = append(all, m.target)
	}
	return all
}

// removeSame takes out what was moved, unless somebody changed it meanwhile.
func removeSame(client *collection.Client, c *collection.Collection, t target, moved []taken) error {
	for _, m := range moved {
		if m.target != t {
			continue
		}
		if hash, err := contentHash(client, c, t.path); err != nil || hash != m.hash {
			return &sentence{t.String() + " was changed while it was moved: it stays, and the new place has the content of before", err}
		}
	}
	return readable(c.Remove(t.path))
}
