// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"errors"
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/arvados-s3/keepstore/creds"
	"github.com/arvados-s3/keepstore/s3read"
)

// TestFilterByRegexp: expressions are looked for at every depth, globs and
// expressions of one side are alternatives, and what excludes wins.
func TestFilterByRegexp(t *testing.T) {
	keys := []string{"p/a.bam", "p/a.txt", "p/sub/b.bam", "p/sub/deep/c.bam", "p/sub/deep/c.bam.bai", "p/tmp/d.bam"}
	rows := []struct {
		name string
		s    Source
		want []string
	}{
		{"anywhere in the path", Source{IncludeRegexp: []string{"b"}}, []string{"a.bam", "sub/b.bam", "sub/deep/c.bam", "sub/deep/c.bam.bai", "tmp/d.bam"}},
		{"to the end", Source{IncludeRegexp: []string{`\.bam$`}}, []string{"a.bam", "sub/b.bam", "sub/deep/c.bam", "tmp/d.bam"}},
		{"from the prefix on, not from the bucket", Source{IncludeRegexp: []string{`^p/`}}, nil},
		{"the first folder", Source{IncludeRegexp: []string{`^sub/`}}, []string{"sub/b.bam", "sub/deep/c.bam", "sub/deep/c.bam.bai"}},
		{"exclude wins", Source{IncludeRegexp: []string{`\.bam$`}, ExcludeRegexp: []string{`(^|/)tmp/`}}, []string{"a.bam", "sub/b.bam", "sub/deep/c.bam"}},
		{"exclude alone, at any depth", Source{ExcludeRegexp: []string{`[^/]*\.bam$`}}, []string{"a.txt", "sub/deep/c.bam.bai"}},
		{"glob or expression", Source{Include: []string{"*.txt"}, IncludeRegexp: []string{"deep/"}}, []string{"a.txt", "sub/deep/c.bam", "sub/deep/c.bam.bai"}},
		{"a glob excludes what an expression includes", Source{Exclude: []string{"*.bai"}, IncludeRegexp: []string{"deep/"}}, []string{"sub/deep/c.bam"}},
		{"an expression excludes what a glob includes", Source{Include: []string{"**/*.bam"}, ExcludeRegexp: []string{"(?i)DEEP|TMP"}}, []string{"a.bam", "sub/b.bam"}},
	}
	for _, row := range rows {
		row.s.URL = "s3://data/p/"
		got := run(t, newImporter(t, &bucket{versions: objects(keys...)}), Request{Sources: []Source{row.s}})
		var paths []string
		for _, f := range got.files {
			paths = append(paths, f.Path)
		}
		if !slices.Equal(paths, row.want) || got.done.SkippedBy[reasonExcluded] != int64(len(keys)-len(row.want)) {
			t.Errorf("%s: got %q, done %+v", row.name, paths, got.done)
		}
	}
}

// TestBadRegexps: each is refused with a sentence that says where.
func TestBadRegexps(t *testing.T) {
	im := newImporter(t, &bucket{versions: objects("p/a")})
	rows := []struct{ pattern, want string }{
		{"a(b", "character 2: missing closing )"},
		{"(a)(b(c)", "character 4: missing closing )"},
		{"(ü)ü)", "character 5: unexpected )"},
		{`\[z-a[z-a]`, "character 7: invalid character class range"},
		{"[a", "character 1: missing closing ]"},
		{"ab**", "character 3: invalid nested repetition operator"},
		{"a|*", "character 3: missing argument to repetition operator"},
		{"a{1001}", "character 2: invalid repeat count"},
		{`x(?=y)`, "character 2: invalid or unsupported Perl syntax"},
		{`(a)\1`, "character 4: invalid escape sequence"},
		{`a\`, "trailing backslash"},
		{"", "is empty"},
		{strings.Repeat("a", 1025), "more than the limit of 1024"},
		{"(x{999}){999}", ""}, // Go itself refuses these
		{"x{999}y{999}", "more than 1000 steps"},
	}
	for _, row := range rows {
		for _, s := range []Source{{IncludeRegexp: []string{"fine", row.pattern}}, {ExcludeRegexp: []string{row.pattern}}} {
			s.URL = "s3://data/p/"
			_, err := im.newPlan(Request{Sources: []Source{s}})
			if wordOf(err) != "bad-request" || err == nil || !strings.Contains(err.Error(), row.want) || len(err.Error()) > 400 {
				t.Errorf("%.40q: %v, want %q", row.pattern, err, row.want)
			}
		}
	}
	if got := run(t, im, Request{Sources: []Source{{URL: "s3://data/p/", IncludeRegexp: []string{`x{900}|a`}}}}); got.done.Files != 1 {
		t.Errorf("the positive control gave %+v", got.done)
	}
}

// TestRegexpsAreBounded: for one source, and for all together, where the same
// expression counts once.
func TestRegexpsAreBounded(t *testing.T) {
	im := newImporter(t, &bucket{})
	many := func(n int, pattern func(int) string) (all []Source) {
		for i := range n {
			all = append(all, Source{URL: "s3://data/", Path: "p" + string(rune('A'+i/26)) + string(rune('a'+i%26)), IncludeRegexp: []string{pattern(i)}})
		}
		return all
	}
	same := func(int) string { return "x{900}" }
	other := func(i int) string { return strings.Repeat("y", i+1) + "x{900}" }
	if _, err := im.newPlan(Request{Sources: many(500, same)}); err != nil {
		t.Errorf("500 sources of one expression: %v", err)
	}
	if _, err := im.newPlan(Request{Sources: many(10, other)}); err != nil {
		t.Errorf("10 sources of 10 expressions: %v", err)
	}
	if _, err := im.newPlan(Request{Sources: many(12, other)}); err == nil || !strings.Contains(err.Error(), "more than 10000 steps") {
		t.Errorf("12 sources of 12 expressions: %v", err)
	}
	refused(t, im, "alice", Request{Sources: []Source{{URL: "s3://data/", Include: slices.Repeat([]string{"a"}, 60), ExcludeRegexp: slices.Repeat([]string{"a"}, 41)}}}, "bad-request")
	refused(t, im, "alice", Request{Sources: []Source{{URL: "s3://data/x", ExcludeRegexp: []string{"a"}}}}, "bad-request")
}

// TestResumeBindsFilters: a token is good for the same filters only.
func TestResumeBindsFilters(t *testing.T) {
	b := &bucket{versions: tree(30000), breakAfter: 25000}
	im := newImporter(t, b)
	r := Request{Owners: true, Sources: []Source{{URL: "s3://data/p/", IncludeRegexp: []string{"1"}, ExcludeRegexp: []string{"22"}}}}
	first := brokenOff(t, im, r)
	b.breakAfter = 0
	r.Resume = first.failed.Resume
	for name, change := range map[string]func(*Request){
		"other expressions": func(r *Request) { r.Sources[0].IncludeRegexp = []string{"2"} },
		"the other side": func(r *Request) {
			r.Sources[0].IncludeRegexp, r.Sources[0].ExcludeRegexp = []string{"22"}, []string{"1"}
		},
		"globs in their place": func(r *Request) { r.Sources[0].IncludeRegexp, r.Sources[0].Include = nil, []string{"1"} },
		"no owners":            func(r *Request) { r.Owners = false },
	} {
		t.Run(name, func(t *testing.T) {
			other := r
			other.Sources = slices.Clone(r.Sources)
			change(&other)
			refused(t, im, "alice", other, "bad-resume-token")
		})
	}
	whole, second := r, run(t, im, r)
	whole.Resume = ""
	if want := run(t, im, whole); second.done.PDH != want.done.PDH || second.done.Counts != want.done.Counts || want.done.SkippedBy[reasonExcluded] == 0 {
		t.Errorf("resumed %+v, undisturbed %+v", second.done, want.done)
	}
}

// TestOwners: they come with what is listed, and only when asked for.
func TestOwners(t *testing.T) {
	mine, nobodys := object("p/a"), object("p/b")
	mine.Owner = s3read.Owner{ID: "id-1", Name: "Ann"}
	b := &bucket{versions: []s3read.Version{mine, nobodys}}
	im := newImporter(t, b)
	got := run(t, im, Request{Owners: true, Sources: []Source{{URL: "s3://data/p/"}}})
	if f := got.files; f[0].Owner != "id-1" || f[0].OwnerName != "Ann" || f[1].Owner != "" {
		t.Errorf("the owners are %+v", f)
	}
	if f := run(t, im, prefix("s3://data/p/")).files; f[0].Owner != "" || f[0].OwnerName != "" {
		t.Errorf("nobody asked, and got %+v", f[0])
	}
}

// FuzzRegexps: whatever is written, the answer is a program of bounded size or
// a sentence with a position in the text.
func FuzzRegexps(f *testing.F) {
	where := regexp.MustCompile(` at character (\d+): `)
	f.Fuzz(func(t *testing.T, pattern, key string) {
		p, err := newProgram(pattern)
		if err != nil {
			if !utf8.ValidString(err.Error()) {
				t.Errorf("%q: %v", pattern, err)
			}
			if wrong := (*syntax.Error)(nil); where.MatchString(err.Error()) && errors.As(parseError(pattern), &wrong) {
				if at := position(pattern, wrong); at < 0 || at > len(pattern) {
					t.Errorf("%q is wrong at %d", pattern, at)
				}
			}
			return
		}
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := syntax.Compile(parsed.Simplify())
		if err != nil || len(compiled.Inst) > 3*maxSteps {
			t.Errorf("%q has %d steps and %d instructions, %v", pattern, p.steps, len(compiled.Inst), err)
		}
		if want := regexp.MustCompile(pattern).MatchString(key); (&chooser{regexps: []*regexp.Regexp{p.Regexp}}).fits(key) != want {
			t.Errorf("%q and %q: not %t", pattern, key, want)
		}
	})
}

func parseError(pattern string) error {
	_, err := syntax.Parse(pattern, syntax.Perl)
	return err
}

// brokenOff runs an import that breaks off with a resume token.
func brokenOff(t *testing.T, im *Importer, r Request) *lines {
	t.Helper()
	out := &lines{}
	if err := im.Run(t.Context(), r, creds.NewSecret("alice"), out, io.Discard); err == nil || out.failed == nil || out.failed.Resume == "" {
		t.Fatalf("the import did not break off: %v, %+v", err, out.failed)
	}
	return out
}
