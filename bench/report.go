// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// row is one line of the results.
type row struct {
	Section string `json:"section"`
	Name    string `json:"name"`
	Unit    string `json:"unit"`
	// Ours, Peer and Direct are what was measured; the last two may be nil.
	Ours   *spread `json:"keepstore"`
	Peer   *spread `json:"nginx,omitempty"`
	Direct *spread `json:"direct,omitempty"`
	// Judged is the number that the target speaks of: a ratio, a difference or
	// the number itself.
	Judged *spread `json:"judged,omitempty"`
	Target string  `json:"target,omitempty"`
	Met    *bool   `json:"met,omitempty"`
	Note   string  `json:"note,omitempty"`
}

// report is all results of one run.
type report struct {
	Machine machine  `json:"machine"`
	Notes   []string `json:"notes"`
	// Sections says how each section was measured.
	Sections map[string]circumstances `json:"sections"`
	Rows     []row                    `json:"rows"`
}

// circumstances are those of one section.
type circumstances struct {
	Command string `json:"command"`
	Date    string `json:"date"`
	Version string `json:"keepstore"`
	// Others is the share of the machine's CPU time that programs other than
	// the bench used meanwhile, in percent.
	Others float64 `json:"other_programs_percent"`
}

// atMost and atLeast judge the median of Judged.
func (r row) atMost(limit float64, text string) row {
	return r.judge(text, func(v float64) bool { return v <= limit })
}

func (r row) atLeast(limit float64, text string) row {
	return r.judge(text, func(v float64) bool { return v >= limit })
}

func (r row) judge(text string, ok func(float64) bool) row {
	r.Target = text
	if r.Judged != nil {
		met := ok(r.Judged.Median)
		r.Met = &met
	}
	return r
}

// against fills the peer's and the direct numbers, and judges the ratio to
// the peer.
func (r row) against(peer, direct []float64) row {
	r.Peer, r.Direct = spreadOf(peer), spreadOf(direct)
	if r.Peer != nil {
		r.Judged = spreadOf(combine(r.Ours.Samples, peer, ratio))
	}
	return r
}

func (r row) cells() []string {
	met := "–"
	if r.Met != nil {
		met = map[bool]string{true: "yes", false: "no"}[*r.Met]
	}
	target := r.Target
	if target == "" {
		target = "–"
	}
	return []string{r.Name, r.Unit, r.Ours.text(), r.Peer.text(), r.Direct.text(), r.Judged.text(), target, met}
}

func headings() []string {
	return []string{"what", "unit", "keepstore", "nginx", "direct", "judged", "target", "met"}
}

// text is the median, and the range where there is one.
func (s *spread) text() string {
	switch {
	case s == nil:
		return "–"
	case len(s.Samples) == 1 || s.Min == s.Max:
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// number prints three digits that count, and large numbers with commas.
func number(v float64) string {
	size := max(v, -v)
	switch {
	case size >= 1e6:
		return number(math.Floor(v/1000)) + fmt.Sprintf(",%03d", int64(size)%1000)
	case size >= 1000:
		digits := fmt.Sprintf("%.0f", v)
		return digits[:len(digits)-3] + "," + digits[len(digits)-3:]
	case size >= 100 || v == 0:
		return fmt.Sprintf("%.0f", v)
	case size >= 10:
		return fmt.Sprintf("%.1f", v)
	case size >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// print writes the rows of a section to the terminal.
func (r *report) print(section string) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%s\n%s\n", section, strings.Join(headings(), "\t"))
	for _, line := range r.Rows {
		if line.Section == section {
			fmt.Fprintln(w, strings.Join(line.cells(), "\t"))
		}
	}
	_ = w.Flush() // standard output may be closed
}

// save writes RESULTS.md and results.json. Sections that were not measured
// this time stay as they were, if they are of a machine like this one.
func (r *report) save(dir string) error {
	var old report
	if text := read(filepath.Join(dir, "results.json")); text != "" && json.Unmarshal([]byte(text), &old) == nil {
		r.keep(old)
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "results.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(r.markdown()), 0o644)
}

// keep takes over the sections of an older report that this one lacks.
func (r *report) keep(old report) {
	if old.Machine.CPU != r.Machine.CPU || old.Machine.Cores != r.Machine.Cores {
		return
	}
	rows := r.Rows
	r.Rows = nil
	for _, s := range sections() {
		from := rows
		before, known := old.Sections[s.name]
		if _, measured := r.Sections[s.name]; !measured && known {
			from = old.Rows
			r.Sections[s.name] = before
		}
		for _, line := range from {
			if line.Section == s.name {
				r.Rows = append(r.Rows, line)
			}
		}
	}
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of the bench\n\nMade by `make bench`; do not edit. What is measured and how: [doc.go](doc.go).\n\n%s\n", r.Machine.markdown())
	b.WriteString("Numbers are medians of rounds, with the range in parentheses. *nginx* is the peer (`proxy_pass`), *direct* a client of the S3 server itself.\n" +
		"For ordinary blocks *nginx* serves and stores the files itself, and *direct* is a loop that reads or writes them without a server.\n" +
		"*Judged* is the number that the target speaks of: a ratio to the peer (×; for ordinary blocks to direct), a difference to direct (+), or the number itself.\n")
	section := ""
	for _, line := range r.Rows {
		if line.Section != section {
			section = line.Section
			c := r.Sections[section]
			fmt.Fprintf(&b, "\n## %s\n\n`%s`, %s, keepstore %s. Other programs used %.0f %% of the CPU meanwhile.\n\n| %s |\n|%s\n",
				section, c.Command, c.Date, c.Version, c.Others, strings.Join(headings(), " | "), strings.Repeat("---|", len(headings())))
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(line.cells(), " | "))
	}
	b.WriteString("\n## Notes\n\n")
	for _, note := range r.notes() {
		fmt.Fprintf(&b, "- %s\n", note)
	}
	return b.String()
}

// notes are those of the run and of its rows.
func (r *report) notes() []string {
	notes := r.Notes
	for _, line := range r.Rows {
		if line.Note != "" {
			notes = append(notes[:len(notes):len(notes)], line.Name+": "+line.Note)
		}
	}
	return notes
}
