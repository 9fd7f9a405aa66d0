// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// putting are the flags of put.
type putting struct {
	destination
	exclude  []string
	filename string
	noFollow bool
}

func newPut() *cobra.Command {
	var o putting
	cmd := &cobra.Command{
		Use:   "put PATH...",
		Short: "Upload files and folders",
		Long: `Put uploads files and folders, as ordinary blocks, into a new collection, or
adds them to one. It prints the UUID of the collection. Of a folder that is
written with / at the end, the files come without its name. The path - is
standard input, and --filename its name.

A collection is stored when all files are there, or not at all. What is neither
a file nor a folder is left out, and the exit status is then 3. So it is when
a file changed while it was read; what is stored of it may be torn.`,
		Example: `  keepstore put --name results ./results/
  keepstore put --update-collection zzzzz-4zz18-0123456789abcde --path doc README.md`,
		Args: cobra.MinimumNArgs(1),
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&o.exclude, "exclude", nil, "leave out files and folders of a name that this pattern fits, such as '*.tmp'; may be given several times")
	f.StringVar(&o.filename, "filename", "stdin", "name of the file that standard input becomes")
	f.BoolVar(&o.noFollow, "no-follow-links", false, "leave out symbolic links, in place of what they lead to")
	return command(cmd, o.work)
}

// local is a file to upload.
type local struct {
	from, to string
	size     int64
}

// gathering finds the files to upload.
type gathering struct {
	o       *putting
	files   []local
	bytes   int64    // that are to be read, at first; then those that were
	kept    int64    // that were in the collection already
	skipped []string // sentences
	changed []string // files that changed while they were read, quoted
}

func (o *putting) work(ctx context.Context, s *session, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	for _, pattern := range o.exclude {
		if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
			return usagef("--exclude must be a pattern for names, such as *.tmp, not %s", quote(pattern))
		}
	}
	g := &gathering{o: o}
	for _, arg := range args {
		if err := g.argument(arg); err != nil {
			return &Exit{Usage, err}
		}
	}
	c, err := o.open(ctx, s)
	if err != nil {
		return err
	}
	found := len(g.files)
	if g.files, err = o.unclashed(c, g.files); err != nil {
		return err
	}
	g.kept = int64(found - len(g.files))
	if o.update != "" {
		c = s.client.New() // it is merged when all is there
	}
	if err := g.upload(ctx, s, c); err != nil {
		if ctx.Err() != nil {
			return &sentence{"nothing was stored; the same command begins again", err}
		}
		return readable(err)
	}
	stored, err := o.store(ctx, s, c, g.files, "Upload of "+filepath.Base(args[0]))
	if err != nil {
		return err
	}
	return g.report(s, stored)
}

// store stores what was uploaded. In a collection that is to be added to, others
// may have put something in the way meanwhile.
func (o *putting) store(ctx context.Context, s *session, c *collection.Collection, files []local, defaultName string) ([]record, error) {
	if o.update == "" {
		return o.save(ctx, c, defaultName)
	}
	stored, err := s.editWith(ctx, o.update, collection.SaveOptions{Name: o.name}, func(now *collection.Collection) error {
		files, err := o.unclashed(now, files)
		if err != nil {
			return err
		}
		return addFiles(now, c, files)
	})
	if err != nil {
		return nil, err
	}
	return []record{stored}, nil
}

// addFiles puts files of one collection into another, in place of files that are
// there.
func addFiles(c, from *collection.Collection, files []local) error {
	for _, f := range files {
		if _, err := c.Stat(f.to); err == nil {
			if err := c.Remove(f.to); err != nil {
				return err
			}
		}
		if err := c.Copy(f.to, from, f.to); err != nil {
			return readable(err)
		}
	}
	return nil
}

// argument gathers what one argument names.
func (g *gathering) argument(arg string) error {
	if arg == "-" {
		if !fs.ValidPath(g.o.filename) {
			return fmt.Errorf("--filename must be a path in the collection, not %s", quote(g.o.filename))
		}
		g.files = append(g.files, local{"-", path.Join(g.o.path, g.o.filename), -1})
		return nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return err
	}
	to := g.o.path
	if whole, err := filepath.Abs(arg); err == nil && whole != "/" && !strings.HasSuffix(arg, "/") {
		to = path.Join(to, filepath.Base(whole))
	}
	return g.walk(arg, to, info, nil)
}

// walk gathers a file or folder. above are the folders that lead to it.
func (g *gathering) walk(from, to string, info fs.FileInfo, above []fs.FileInfo) error {
	switch {
	case info.Mode().IsRegular():
		g.files = append(g.files, local{from, to, info.Size()})
		return nil
	case !info.IsDir():
		g.skipped = append(g.skipped, quote(from)+" is neither a file nor a folder")
		return nil
	}
	for _, a := range above {
		if os.SameFile(a, info) {
			g.skipped = append(g.skipped, quote(from)+" leads back to a folder above it")
			return nil
		}
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	above = append(above[:len(above):len(above)], info)
	for _, e := range entries {
		if err := g.entry(filepath.Join(from, e.Name()), to, e, above); err != nil {
			return err
		}
	}
	return nil
}

func (g *gathering) entry(from, to string, e fs.DirEntry, above []fs.FileInfo) error {
	for _, pattern := range g.o.exclude {
		if fits, _ := path.Match(pattern, e.Name()); fits { // the pattern was checked
			return nil
		}
	}
	if e.Type()&fs.ModeSymlink != 0 && g.o.noFollow {
		g.skipped = append(g.skipped, quote(from)+" is a symbolic link")
		return nil
	}
	info, err := os.Stat(from)
	switch {
	case err != nil && e.Type()&fs.ModeSymlink != 0:
		g.skipped = append(g.skipped, quote(from)+" is a symbolic link that leads nowhere")
		return nil
	case err != nil:
		return err
	case !fs.ValidPath(e.Name()):
		g.skipped = append(g.skipped, quote(from)+" has a name that is not UTF-8, which no collection can have")
		return nil
	}
	return g.walk(from, path.Join(to, e.Name()), info, above)
}

// unclashed leaves out what is not to replace files of the collection.
func (o *putting) unclashed(c *collection.Collection, files []local) ([]local, error) {
	clash, err := o.onClash()
	if err != nil {
		return nil, err
	}
	kept, seen := files[:0:0], map[string]string{}
	for _, f := range files {
		if before, twice := seen[f.to]; twice {
			return nil, usagef("%s and %s would both become %s", quote(before), quote(f.from), quote(f.to))
		}
		seen[f.to] = f.from
		info, err := c.Stat(f.to)
		switch {
		case err != nil && inTheWay(c, f.to):
			return nil, &sentence{quote(f.to) + " cannot be put below a file: give another --path", err}
		case err == nil && info.IsDir() && clash != collection.ClashKeep:
			return nil, &sentence{quote(f.to) + " is a folder in the collection: give another --path", fs.ErrExist}
		case errors.Is(err, fs.ErrNotExist) || err == nil && clash == collection.ClashReplace:
			kept = append(kept, f)
		case err != nil:
			return nil, readable(err)
		case clash == collection.ClashRefuse:
			return nil, &sentence{quote(f.to) + " is in the collection already: give another --path, or --on-clash replace or keep", fs.ErrExist}
		}
	}
	return kept, nil
}

// upload stores the files.
func (g *gathering) upload(ctx context.Context, s *session, c *collection.Collection) error {
	for _, f := range g.files {
		g.bytes += max(0, f.size)
	}
	m := s.meter("uploading", g.bytes)
	defer m.end()
	g.bytes = 0
	for _, f := range g.files {
		if err := g.uploadOne(ctx, s, c, f, m); err != nil {
			return err
		}
	}
	return c.Flush(ctx)
}

func (g *gathering) uploadOne(ctx context.Context, s *session, c *collection.Collection, f local, m *meter) error {
	var in io.Reader
	changed := func(int64) bool { return false }
	if f.from == "-" {
		in = endingWith(ctx, s.in)
	} else {
		file, before, err := openLocal(f.from)
		if err != nil {
			return err
		}
		defer file.Close()
		if in = file; before.Size() > 0 { // or one that grows would have no end; some of /proc say 0
			in = io.LimitReader(file, before.Size())
		}
		changed = func(n int64) bool {
			after, err := file.Stat()
			return err != nil || n != before.Size() || after.Size() != n || !after.ModTime().Equal(before.ModTime())
		}
	}
	out, err := c.Create(ctx, f.to)
	if err != nil {
		return err
	}
	n, err := io.Copy(out, &metered{ctx, in, m})
	if err != nil {
		out.Discard()
		return err
	}
	if g.bytes += n; changed(n) {
		g.changed = append(g.changed, quote(f.from))
	}
	return out.Close()
}

// openLocal opens a file. That it was one is some time ago: it does not wait
// for the other end of what is a pipe by now.
func openLocal(name string) (*os.File, fs.FileInfo, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("it is no file any more")}
	}
	if err != nil {
		_ = file.Close() // the first error tells more
		return nil, nil, err
	}
	return file, info, nil
}

// endingWith reads in until ctx ends, also when in has nothing to say: standard
// input cannot be told to stop, so its goroutine lives as long as the program.
func endingWith(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	context.AfterFunc(ctx, func() { w.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(w, in)
		w.CloseWithError(err)
	}()
	return r
}

// metered tells a meter what is read, until its context ends.
type metered struct {
	ctx   context.Context
	r     io.Reader
	meter *meter
}

// Read reads.
func (m *metered) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.meter.add(int64(n))
	return n, err
}

// uploaded is what put tells programs.
type uploaded struct {
	Collections []record `json:"collections"`
	Files       int      `json:"files"`
	Bytes       int64    `json:"bytes"`
	Left        []string `json:"left_out"`
	Changed     []string `json:"changed"`
}

func (g *gathering) summary() string {
	text := fmt.Sprintf("%s with %s", plural(int64(len(g.files)), "file"), size(g.bytes))
	if g.kept > 0 {
		text += "; " + are(g.kept, "file") + " in the collection already and left as before"
	}
	return text
}

func (g *gathering) report(s *session, stored []record) error {
	for _, why := range g.skipped {
		s.say("left out: %s", why) // names are quoted
	}
	for _, name := range g.changed {
		s.say("changed while it was read: %s; what is stored may be of before and after", name) // quoted
	}
	if !s.json && !s.quiet {
		s.say("%s", g.summary())
	}
	var err error
	if s.json {
		err = s.printJSON(uploaded{stored, len(g.files), g.bytes, append([]string{}, g.skipped...), append([]string{}, g.changed...)})
	} else {
		err = s.printUUIDs(stored)
	}
	switch {
	case err != nil || len(g.skipped)+len(g.changed) == 0:
		return err
	case len(g.changed) == 0:
		return partialf("%s left out", plural(int64(len(g.skipped)), "path"))
	case len(g.skipped) == 0:
		return partialf("%s changed while they were read", plural(int64(len(g.changed)), "file"))
	}
	return partialf("%s left out, and %s changed while they were read", plural(int64(len(g.skipped)), "path"), plural(int64(len(g.changed)), "file"))
}
