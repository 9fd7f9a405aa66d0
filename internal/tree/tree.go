// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Tree is a repository: its files, and the Go packages among them.
type Tree struct {
	Fset     *token.FileSet
	Files    map[string]string // path to content
	Modules  map[string]string // directory of a go.mod to its module path
	Packages []*Package
}

// Package is one directory of Go files, its external tests included.
type Package struct {
	Dir   string
	Path  string // import path
	Name  string
	Files []*File
}

// File is one parsed Go file.
type File struct {
	Path string
	AST  *ast.File
	Test bool
}

// Rule is one house rule.
type Rule struct {
	Name  string
	Check func(*Tree) []string
}

// Load reads a tree. Folders that hold no source of ours (build output,
// caches, version control) are left out, and Go files under testdata are text.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet(), Files: map[string]string{}, Modules: map[string]string{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && isForeign(name):
			return fs.SkipDir
		case !d.Type().IsRegular() || name == ".git": // a file in a linked worktree
			return nil
		}
		text, err := fs.ReadFile(fsys, name)
		t.Files[name] = string(text)
		return err
	})
	if err != nil {
		return nil, err
	}
	t.findModules()
	return t, t.parse()
}

func isForeign(dir string) bool {
	switch path.Base(dir) {
	case ".", ".ci":
		return false
	case "node_modules", "__pycache__":
		return true
	}
	return dir == "bin" || strings.HasPrefix(path.Base(dir), ".")
}

func (t *Tree) findModules() {
	for name, text := range t.Files {
		if path.Base(name) != "go.mod" || inTestdata(name) {
			continue
		}
		for line := range strings.Lines(text) {
			if module, ok := strings.CutPrefix(line, "module "); ok {
				t.Modules[path.Dir(name)] = strings.TrimSpace(module)
			}
		}
	}
}

func inTestdata(name string) bool {
	return strings.HasPrefix(name, "testdata/") || strings.Contains(name, "/testdata/")
}

func (t *Tree) parse() error {
	byDir := map[string]*Package{}
	for _, name := range t.sorted() {
		if path.Ext(name) != ".go" || inTestdata(name) {
			continue
		}
		f, err := parser.ParseFile(t.Fset, name, t.Files[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		p := byDir[dir]
		if p == nil {
			p = &Package{Dir: dir, Path: t.importPath(dir)}
			byDir[dir] = p
			t.Packages = append(t.Packages, p)
		}
		p.add(&File{Path: name, AST: f, Test: strings.HasSuffix(name, "_test.go")})
	}
	return nil
}

func (p *Package) add(f *File) {
	if p.Name == "" || !f.Test {
		p.Name = strings.TrimSuffix(f.AST.Name.Name, "_test")
	}
	p.Files = append(p.Files, f)
}

// importPath joins the path of the module that holds dir and the rest of dir.
func (t *Tree) importPath(dir string) string {
	for above := dir; ; above = path.Dir(above) {
		if module, ok := t.Modules[above]; ok {
			return path.Join(module, strings.TrimPrefix(strings.TrimPrefix(dir, above), "/"))
		}
		if above == "." {
			return dir
		}
	}
}

// hasPackage reports whether a Go package with files other than tests stands
// at dir.
func (t *Tree) hasPackage(dir string) bool {
	for _, p := range t.Packages {
		if p.Dir == dir && len(p.sources()) > 0 {
			return true
		}
	}
	return false
}

// sources returns the files of p that are not tests.
func (p *Package) sources() []*File {
	var files []*File
	for _, f := range p.Files {
		if !f.Test {
			files = append(files, f)
		}
	}
	return files
}

// sorted returns the paths of all files in order.
func (t *Tree) sorted() []string { return slices.Sorted(maps.Keys(t.Files)) }

// at writes a fault at a place in a Go file.
func (t *Tree) at(pos token.Pos, format string, args ...any) string {
	p := t.Fset.Position(pos)
	return fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...))
}

// eachFile calls check for every Go file and collects the faults.
func (t *Tree) eachFile(check func(*File) []string) []string {
	var faults []string
	for _, p := range t.Packages {
		for _, f := range p.Files {
			faults = append(faults, check(f)...)
		}
	}
	return faults
}
