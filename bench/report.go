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
	Command string   `json:"command"`
	Machine machine  `json:"machine"`
	Notes   []string `json:"notes"`
	// Others is, by section, the share of the machine's CPU time that programs
	// other than the bench used meanwhile, in percent.
	Others map[string]float64 `json:"other_programs_percent"`
	Rows   []row              `json:"rows"`
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

// save writes RESULTS.md and results.json.
func (r *report) save(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "results.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(r.markdown()), 0o644)
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results of the bench\n\nMade by `%s`; do not edit. What is measured and how: [doc.go](doc.go).\n\n%s\n", r.Command, r.Machine.markdown())
	b.WriteString("Numbers are medians of rounds, with the range in parentheses. *nginx* is the peer (`proxy_pass`), *direct* a client of the S3 server itself.\n" +
		"*Judged* is the number that the target speaks of: a ratio to the peer (×), a difference to direct (+), or the number itself.\n")
	section := ""
	for _, line := range r.Rows {
		if line.Section != section {
			section = line.Section
			fmt.Fprintf(&b, "\n## %s\n\nOther programs used %.0f %% of the CPU meanwhile.\n\n| %s |\n|%s\n", section, r.Others[section], strings.Join(headings(), " | "), strings.Repeat("---|", len(headings())))
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
