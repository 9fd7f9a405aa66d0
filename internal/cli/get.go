// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// maxThreads is more than helps anywhere.
const maxThreads = 256

// getting are the flags of get.
type getting struct {
	force, skip bool
	threads     int
}

func newGet() *cobra.Command {
	var o getting
	cmd := &cobra.Command{
		Use:   "get COLLECTION[/PATH] [DESTINATION]",
		Short: "Download files and folders",
		Long: `Get downloads a file, or all that is in a folder or collection. DESTINATION is
a folder, or the name of a file for one file; the folder where you are without
it, and standard output if it is -. Folders are made as needed.

A file has its name when all its bytes are there; before, it is called
.keepstore-….part. When get broke off, the same command goes on with these, if
the collection still has the same content there, and begins them anew if not.
Files that it had completed are not fetched again, if nobody changed them and
the collection has the same content there: a list of them, also .keepstore-….part,
is in DESTINATION as long as some are missing. Other files that are there
already are refused, unless --force replaces them or --skip-existing leaves them.`,
		Example: `  keepstore get zzzzz-4zz18-0123456789abcde/sample.bam
  keepstore get --skip-existing 0123456789abcdef0123456789abcdef+57/data ./data`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := cmd.Flags()
	f.BoolVarP(&o.force, "force", "f", false, "replace files that are there already")
	f.BoolVar(&o.skip, "skip-existing", false, "leave files as they are that are there already and have the right size")
	f.IntVar(&o.threads, "threads", 4, "how many files to download at once")
	command(cmd, o.work).MarkFlagsMutuallyExclusive("force", "skip-existing")
	return cmd
}

func (o *getting) work(ctx context.Context, s *session, args []string) error {
	t, err := parseTarget(args[0])
	if err != nil {
		return err
	}
	to := "."
	if len(args) == 2 {
		to = args[1]
	}
	switch {
	case to == "-":
		return s.cat(ctx, t, "")
	case o.threads < 1 || o.threads > maxThreads || to == "":
		return usagef("--threads must be 1 to %d, and DESTINATION a name", maxThreads)
	}
	c, err := s.load(ctx, t)
	if err != nil {
		return err
	}
	d, err := o.plan(c, t, to)
	if err != nil {
		return readable(err)
	}
	defer d.root.Close()
	d.client = s.client
	if err := o.wantAll(d); err != nil {
		d.finished.end(true)
		return readable(err)
	}
	return d.run(ctx, s, o.threads)
}

// wanted is a file to download.
type wanted struct {
	from string // path in the collection
	to   string // path below the root of the download
	size int64
	// there is the file that is to be replaced, or nil.
	there fs.FileInfo
}

// download is the work of one get.
type download struct {
	c      *collection.Collection
	client *collection.Client
	root   *os.Root
	// finished are the files that were completed; nil if nobody keeps a list.
	finished *finished
	files    []wanted
	bytes    int64
	// existing counts files that were left as they are.
	existing int64

	mu     sync.Mutex
	done   int64 // files; guarded by mu, like what follows
	got    int64 // bytes from the servers
	failed int64
}

// plan finds out what is to be downloaded to where. It makes the destination.
func (o *getting) plan(c *collection.Collection, t target, to string) (*download, error) {
	info, err := c.Stat(t.path)
	if err != nil {
		return nil, err
	}
	folder, name := to, ""
	if !info.IsDir() {
		name = path.Base(t.path)
		if there, err := os.Stat(to); !strings.HasSuffix(to, "/") && (err != nil || !there.IsDir()) {
			folder, name = filepath.Dir(to), filepath.Base(to)
		}
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	d := &download{c: c}
	if d.root, err = os.OpenRoot(folder); err != nil {
		return nil, err
	}
	if !info.IsDir() {
		d.files = []wanted{{from: t.path, to: name, size: info.Size()}}
	} else {
		err = fs.WalkDir(c, t.path, func(from string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			below := strings.TrimPrefix(strings.TrimPrefix(from, t.path), "/")
			if t.path == "." {
				below = from
			}
			if e.IsDir() {
				return d.root.MkdirAll(path.Clean("./"+below), 0o777)
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			d.files = append(d.files, wanted{from: from, to: below, size: info.Size()})
			return nil
		})
	}
	if err != nil {
		_ = d.root.Close() // the first error tells more
		return nil, err
	}
	if len(d.files) > 1 { // one file is there, or is not
		d.finished = openFinished(d.root, t)
	}
	return d, nil
}

// wantAll leaves out what is there already.
func (o *getting) wantAll(d *download) error {
	all := d.files
	d.files = nil
	for _, w := range all {
		if err := o.want(d, w); err != nil {
			return err
		}
	}
	return nil
}

// want adds a file, unless one is there already.
func (o *getting) want(d *download, w wanted) error {
	there, err := d.root.Lstat(w.to)
	p := partial{d: d, wanted: w, client: d.client}
	switch {
	case err == nil && d.finished.has(w.to, there, p.name):
		d.existing++
		return nil
	case err != nil || o.force && !there.IsDir():
	case o.skip && there.Mode().IsRegular() && there.Size() == w.size:
		d.existing++
		return nil
	case there.IsDir():
		return fmt.Errorf("%s is a folder already, and a file in the collection: remove it first", quote(w.to))
	case o.skip:
		return fmt.Errorf("%s is there already and has not the %d bytes of the file in the collection: remove it, or give --force", quote(w.to), w.size)
	default:
		return fmt.Errorf("%s is there already: give --force to replace it, or --skip-existing to leave it", quote(w.to))
	}
	if err == nil {
		w.there = there
	}
	d.files = append(d.files, w)
	d.bytes += w.size
	return nil
}

// run downloads all files. What fails does not keep the others from coming.
func (d *download) run(ctx context.Context, s *session, threads int) error {
	m := s.meter("downloading", d.bytes)
	defer m.end()
	var group errgroup.Group // without its context: one failure must not stop the others
	group.SetLimit(threads)
	for _, w := range d.files {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			p := &partial{d: d, wanted: w, client: s.client, meter: m}
			d.note(ctx, m, w, p.fetch(ctx))
			return nil
		})
	}
	_ = group.Wait() // note has the errors
	m.end()
	return d.report(ctx, s)
}

// note counts a file.
func (d *download) note(ctx context.Context, m *meter, w wanted, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		d.done++
	case ctx.Err() == nil:
		d.failed++
		m.say("%s", clean(quote(w.to)+" is missing: "+readable(err).Error()))
	}
}

// downloaded is what get tells programs.
type downloaded struct {
	Files    int64 `json:"files"`
	Existing int64 `json:"existing"`
	Failed   int64 `json:"failed"`
	Bytes    int64 `json:"bytes"`
	Received int64 `json:"received_bytes"`
}

func (d *download) report(ctx context.Context, s *session) error {
	missing := int64(len(d.files)) - d.done
	goOn := d.finished.end(missing > 0)
	if len(d.files) == 1 && d.existing == 0 { // it is there, or is not
		goOn = "the same command goes on"
	}
	if ctx.Err() != nil && missing > 0 {
		return &sentence{fmt.Sprintf("%s missing; %s", are(missing, "file"), goOn), ctx.Err()}
	}
	if s.json {
		if err := s.printJSON(downloaded{d.done, d.existing, d.failed, d.bytes, d.got}); err != nil {
			return err
		}
	} else if !s.quiet {
		s.say("%s", d.summary())
	}
	switch {
	case d.failed == 0:
		return nil
	case d.done+d.existing == 0:
		return &Exit{Failed, fmt.Errorf("nothing could be downloaded")}
	}
	return partialf("%s of %s could not be downloaded; the reasons stand above", count(d.failed), plural(int64(len(d.files)), "file"))
}

func (d *download) summary() string {
	text := fmt.Sprintf("%s with %s; %s received", plural(d.done, "file"), size(d.bytes), size(d.got))
	switch {
	case d.existing == 1:
		text += "; 1 was there already"
	case d.existing > 1:
		text += "; " + count(d.existing) + " were there already"
	}
	return text
}
