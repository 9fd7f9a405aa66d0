// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// importing are the flags of import.
type importing struct {
	destination
	include, exclude []string
	// The same as regular expressions.
	includeRegexp, excludeRegexp []string
	prices                       string
	asOf, from, form             string
	dryRun                       bool
	restart, noResume            bool
	// spaced is the first line of --from that may lack a tab, or 0.
	spaced int
}

func newImport() *cobra.Command {
	var o importing
	cmd := &cobra.Command{
		Use:   "import S3URL...",
		Short: "Put references to S3 objects into a collection",
		Long: `Import makes a new collection, or adds to one, with S3 objects where they lie:
nothing is copied, and each file is pinned to the version of its object. It
prints the UUID of the collection.

An S3URL that ends with /, or names only a bucket, stands for all objects below,
any other for one object. URLs are percent-decoded: write % as %25, ? as %3F and
# as %23. --from reads more of them from a file, one a line, each with a tab and
its place in the collection behind it if that is to be another than the name of
the object or the root. Empty lines, and those that begin with #, are comments.
A list of any length is one import.

Filters are for what a prefix stands for. A pattern without / looks at the last
part of a key, else at the path below the prefix: dir/** is all in a folder. A
regular expression (RE2, as in Go) is looked for anywhere in that path, unless ^
or $ ties it down. A key is imported when no --exclude and no --exclude-regexp
fits and, if there is an --include or --include-regexp, one of these does.

--dry-run tells counts, bytes, storage classes, owners (those of single objects
S3 does not tell), what is there already, the requests that S3 was asked, and an
estimate of their price: AWS list prices, or those of --prices.

What is left out is told with the reason, and when it is data, the exit status
is 3. An import is stored when it is complete, or not at all.

An import that was interrupted, even by a crash, goes on where it was when the
same command is run again within 24 hours. For this it keeps a journal below
$XDG_STATE_HOME/keepstore/imports or ~/.local/state/keepstore/imports, which
nobody but you can read and which is removed when the import is stored.`,
		Example: `  keepstore import --name hg38 s3://genomics-ref/hg38/
  keepstore import --dry-run --include '**/*.bam' --exclude 'tmp/**' s3://lab-raw/2026/
  keepstore import --dry-run --exclude-regexp '(^|/)run-[0-9]{2}/tmp/' s3://lab-raw/2026/
  keepstore import --update-collection zzzzz-4zz18-0123456789abcde --path ref --as-of 2026-10-01 s3://genomics-ref/hg38/`,
	}
	o.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.from, "from", "", "file with more S3 URLs, or - for standard input")
	f.StringArrayVar(&o.include, "include", nil, "take only keys that this pattern fits; may be given several times")
	f.StringArrayVar(&o.exclude, "exclude", nil, "leave out keys that this pattern fits; may be given several times")
	f.StringArrayVar(&o.includeRegexp, "include-regexp", nil, "take only keys in which this regular `expression` is found; may be repeated")
	f.StringArrayVar(&o.excludeRegexp, "exclude-regexp", nil, "leave out keys in which this regular `expression` is found; may be repeated")
	f.StringVar(&o.prices, "prices", "", "for --dry-run: price of 1,000 LIST, and of 1,000 GET or HEAD `requests`, such as 0.005,0.0004")
	f.StringVar(&o.asOf, "as-of", "", "take the versions of this time or day, such as 2026-10-01T12:00:00Z")
	f.StringVar(&o.form, "form", "", "form of the blocks: opaque, derived or content; as the API server needs it without this")
	f.BoolVar(&o.dryRun, "dry-run", false, "tell what would be imported, and store nothing")
	f.BoolVar(&o.restart, "restart", false, "begin anew, though an earlier run of this command was interrupted")
	f.BoolVar(&o.noResume, "no-resume", false, "begin anew, and keep nothing on disk to go on with")
	cmd.MarkFlagsMutuallyExclusive("restart", "no-resume")
	return command(cmd, o.work)
}

// report is what import tells programs.
type report struct {
	Collections []record `json:"collections"`
	DryRun      bool     `json:"dry_run"`
	Status      string   `json:"status"`
	collection.Progress
	SkippedBy map[string]int64        `json:"skipped_by_reason"`
	Classes   map[string]int64        `json:"storage_classes"`
	Owners    []collection.OwnerCount `json:"owners,omitempty"`
	// Pieces is how many GETs one read of all files takes.
	Pieces  int64                `json:"read_requests"`
	Clashes int64                `json:"clashes"`
	Left    []collection.Skipped `json:"skipped_keys"`

	outlook
	prices prices
	clash  collection.Clash
}

func (o *importing) work(ctx context.Context, s *session, args []string) error {
	sources, err := o.sources(s.in, args)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	c, err := o.target(ctx, s)
	if err != nil {
		return err
	}
	prices, err := parsePrices(o.prices)
	if err != nil {
		return err
	}
	j := o.journal(s, sources)
	defer j.close()
	r := report{prices: prices, DryRun: o.dryRun, Collections: []record{}, Left: []collection.Skipped{}}
	result, err := o.run(ctx, s, c, sources, &r, j)
	if err != nil || result.Skipped > 0 {
		o.hint(s)
	}
	if err != nil {
		return badSource(err)
	}
	r.Status, r.Progress, r.SkippedBy, r.Classes, r.Clashes = result.Status, result.Progress, result.SkippedBy, result.Classes, result.Clashes
	r.Owners, r.Pieces = result.Owners, result.Pieces
	r.outlook = newOutlook(result)
	if r.Files == 0 {
		j.remove()
		return o.nothing(&r)
	}
	if !o.dryRun {
		if err := o.store(ctx, s, c, sources, &r); err != nil {
			return j.kept(err)
		}
		j.remove()
	}
	return r.print(s)
}

// target returns the collection to import into: a new one, which is merged
// with one that is to be added to when the import is complete. A dry run
// looks for clashes in that itself.
func (o *importing) target(ctx context.Context, s *session) (*collection.Collection, error) {
	c, err := o.open(ctx, s)
	if err != nil || o.update == "" || o.dryRun {
		return c, err
	}
	return s.client.New(), nil
}

// store stores what was imported. When somebody else changed the collection
// that is to be added to, it is merged with again; nothing is listed twice.
func (o *importing) store(ctx context.Context, s *session, c *collection.Collection, sources []collection.Source, r *report) (err error) {
	if o.update == "" {
		r.Collections, err = o.save(ctx, c, o.defaultName(sources))
		return err
	}
	clash, err := o.onClash()
	if err != nil {
		return err
	}
	stored, err := s.editWith(ctx, o.update, collection.SaveOptions{Name: o.name}, func(now *collection.Collection) (err error) {
		r.clash = clash
		r.Clashes, err = now.Merge(c, clash)
		return clashed(err)
	})
	if err == nil {
		r.Collections = []record{stored}
	}
	return err
}

// defaultName says what a collection without a name is.
func (o *importing) defaultName(sources []collection.Source) string {
	name := "Import of " + sources[0].URL
	if more := len(sources) - 1; more > 0 {
		name += " and " + plural(int64(more), "other")
	}
	const most = 200 // API servers take 255 characters
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// run imports. An import that breaks off goes on where it was.
func (o *importing) run(ctx context.Context, s *session, c *collection.Collection, sources []collection.Source, r *report, j *journalFile) (*collection.ImportResult, error) {
	m := s.meter("importing", -1)
	defer m.end()
	clash, err := o.onClash()
	if err != nil {
		return nil, err
	}
	p := pace{started: time.Now()}
	options := collection.ImportOptions{Into: o.path, Form: o.form, Clash: clash, DryRun: o.dryRun, Owners: o.dryRun,
		Journal:  j.options(m, r, &p),
		Progress: func(at collection.Progress) { m.show(p.text(at, time.Now())) },
		Skipped: func(left collection.Skipped) {
			if s.json {
				r.Left = append(r.Left, left)
				return
			}
			m.say("left out: %s: %s", escaped(left.URL), clean(left.Text))
		}}
	result, err := c.ImportFromS3(ctx, sources, options)
	if collection.KindOf(err) == collection.BadJournal {
		m.say(cannotGoOn, clean(err.Error())+": "+escaped(j.f.Name()))
		options.Journal, j.refused = nil, true
		result, err = c.ImportFromS3(ctx, sources, options)
	}
	const rounds = 5 // of the tries that the library makes by itself
	for round := 1; err != nil && ctx.Err() == nil && result != nil && result.Unfinished != nil && round < rounds; round++ {
		m.say("the import broke off after %s and goes on: %s", plural(result.Unfinished.Files(), "file"), clean(err.Error()))
		result, err = c.ResumeImport(ctx, result.Unfinished)
	}
	if err != nil && ctx.Err() != nil {
		return nil, &sentence{j.again(result), err}
	}
	if err != nil && result != nil && result.Unfinished != nil {
		return nil, &sentence{err.Error() + "; " + j.again(result), err}
	}
	return result, err
}

// print tells what was done, or would be.
func (r *report) print(s *session) error {
	err := r.printResult(s)
	if err == nil && r.Status == "partial" {
		err = partialf("%s left out; the reasons stand above", are(r.data(), "key"))
	}
	return err
}

// data is how many keys with data were left out.
func (r *report) data() int64 {
	return r.Skipped - r.SkippedBy["excluded"] - r.SkippedBy["deleted"] - r.SkippedBy["folder-placeholder"]
}

func (r *report) printResult(s *session) error {
	switch {
	case s.json:
		return s.printJSON(r)
	case r.DryRun:
		defer r.outlook.say(s)
		return s.printTable(r.rows()...)
	}
	if len(r.Collections) > 1 {
		s.say("this is too much for one collection, so there are %d", len(r.Collections))
	}
	s.say("%s", clean(r.summary()))
	r.outlook.say(s)
	return s.printUUIDs(r.Collections)
}

// rows is the table of a dry run.
func (r *report) rows() [][]string {
	bytes := count(r.Bytes)
	if r.Bytes >= 1024 {
		bytes += " (" + size(r.Bytes) + ")"
	}
	rows := [][]string{
		{"keys", count(r.Listed)}, {"files", count(r.Files)}, {"bytes", bytes},
	}
	for _, class := range slices.Sorted(maps.Keys(r.Classes)) {
		rows = append(rows, []string{"storage class " + class, plural(r.Classes[class], "file")})
	}
	rows = append(rows, r.ownerRows()...)
	for _, more := range []struct {
		what string
		n    int64
	}{{"archived", r.Archived}, {"pinned by ETag only", r.WeakPins}, {"there already", r.Clashes}} {
		if more.n > 0 {
			rows = append(rows, []string{more.what, plural(more.n, "file")})
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.SkippedBy)) {
		rows = append(rows, []string{"left out: " + reason, plural(r.SkippedBy[reason], "key")})
	}
	return append(rows, r.priceRows()...)
}
