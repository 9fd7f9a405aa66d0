// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// linksResolve checks every link of a Markdown file that stays inside the
// repository: the file or folder exists, and so does the heading.
func linksResolve(t *Tree) []string {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	var faults []string
	for _, name := range t.sorted() {
		if path.Ext(name) != ".md" || inTestdata(name) {
			continue
		}
		for n, line := range prose(t.Files[name]) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if why := t.resolve(name, m[1]); why != "" {
					faults = append(faults, fmt.Sprintf("%s:%d: the link %s %s", name, n+1, m[1], why))
				}
			}
		}
	}
	return faults
}

// resolve says what is wrong with a link in the file from, or nothing.
func (t *Tree) resolve(from, link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return "is not a URL"
	}
	if u.Scheme != "" {
		return ""
	}
	target := from
	if u.Path != "" {
		target = path.Join(path.Dir(from), u.Path)
	}
	text, isFile := t.Files[target]
	switch {
	case !isFile && !t.hasFolder(target):
		return "leads to nothing: " + target + " does not exist"
	case u.Fragment != "" && !hasHeading(text, u.Fragment):
		return "names a heading that " + target + " does not have"
	}
	return ""
}

func (t *Tree) hasFolder(dir string) bool {
	if dir == "." {
		return true
	}
	for name := range t.Files {
		if strings.HasPrefix(name, dir+"/") {
			return true
		}
	}
	return false
}

// hasHeading reports whether a heading has this anchor, made as GitHub makes
// them: lower case, spaces to hyphens, other punctuation dropped.
func hasHeading(text, anchor string) bool {
	drop := regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	for _, line := range prose(text) {
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		slug := drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}

// prose returns the lines of a Markdown text, code made blank.
func prose(text string) []string {
	lines := strings.Split(text, "\n")
	code := regexp.MustCompile("`[^`]*`")
	fenced := false
	for i, line := range lines {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence || fenced {
			lines[i] = ""
		} else if !strings.HasPrefix(line, "#") {
			lines[i] = code.ReplaceAllString(line, "`code`")
		}
		fenced = fenced != fence
	}
	return lines
}
