// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"go/ast"
	"go/build"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the import path of the repository's main module; a package of
// another module here has a path below it too.
const Module = "github.com/arvados-s3/keepstore"

// Row says what one package, or all below it if Package ends with "/...", may
// import. Paths of our own packages are relative to [Module].
type Row struct {
	Package string
	// Why is printed when the package imports one of ours outside May.
	Why string
	// May lists our packages that it may import; "*" is all but test rigs.
	May []string
	// Never lists packages of others that it must not import itself.
	Never []Ban
	// NeverLink lists packages that must not be linked in any way.
	NeverLink []Ban
	// NeverUse lists names of packages, such as net/http.Handler.
	NeverUse []Ban
	// Rig marks support for tests: only tests and other rigs import it.
	Rig bool
}

// Ban is a package path (with all below it) or a name, and the reason.
type Ban struct{ What, Why string }

// importTable checks every package against its row of the table.
func importTable(t *Tree) []string {
	var faults []string
	for _, p := range t.Packages {
		row, ok := rowOf(relative(p.Path))
		if !ok {
			faults = append(faults, p.Dir+": the package has no row in the import table: decide what it may import and add it to internal/tree/table.go")
			continue
		}
		for _, f := range p.sources() {
			faults = append(faults, t.checkImports(row, f)...)
			faults = append(faults, t.checkUses(row, f)...)
		}
	}
	return faults
}

// rowOf finds the row for a package: its own, or the longest with "/...".
func rowOf(pkg string) (Row, bool) {
	var best Row
	for _, row := range Table() {
		if row.Package == pkg {
			return row, true
		}
		above, wide := strings.CutSuffix(row.Package, "/...")
		if wide && below(pkg, above) && len(row.Package) > len(best.Package) {
			best = row
		}
	}
	return best, best.Package != ""
}

func relative(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, Module), "/")
}

// below reports whether pkg is above or stands below it.
func below(pkg, above string) bool { return pkg == above || strings.HasPrefix(pkg, above+"/") }

func (t *Tree) checkImports(row Row, f *File) []string {
	var faults []string
	for _, spec := range f.AST.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		if below(target, Module) {
			if why := forbidden(row, relative(target)); why != "" {
				faults = append(faults, t.at(spec.Pos(), "%s must not import %s: %s", row.Package, relative(target), why))
			}
			continue
		}
		for _, ban := range row.Never {
			if below(target, ban.What) {
				faults = append(faults, t.at(spec.Pos(), "%s must not import %s: %s", row.Package, target, ban.Why))
			}
		}
	}
	return faults
}

// forbidden says why row must not import one of our packages, or nothing.
func forbidden(row Row, pkg string) string {
	target, _ := rowOf(pkg)
	switch {
	case target.Rig && !row.Rig:
		return "it is support for tests"
	case slices.Contains(row.May, "*"), slices.Contains(row.May, pkg), slices.Contains(row.May, target.Package):
		return ""
	}
	return row.Why
}

func (t *Tree) checkUses(row Row, f *File) []string {
	var faults []string
	names := importNames(f.AST)
	ast.Inspect(f.AST, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		for _, ban := range row.NeverUse {
			if ok && names[x.Name] != "" && names[x.Name]+"."+sel.Sel.Name == ban.What {
				faults = append(faults, t.at(sel.Pos(), "%s must not use %s: %s", row.Package, ban.What, ban.Why))
			}
		}
		return true
	})
	return faults
}

// importNames maps the name of each import to its path. An import without a
// name is taken to be called as the last element of its path.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		target, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(target)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = target
	}
	return names
}

// LinkFaults checks the packages that pkg links, directly or not.
func LinkFaults(pkg string, deps []string) []string {
	row, _ := rowOf(pkg)
	var faults []string
	for _, ban := range row.NeverLink {
		for _, dep := range deps {
			if below(dep, ban.What) {
				faults = append(faults, fmt.Sprintf("%s links %s (go mod why -m, or go list -deps): %s", pkg, dep, ban.Why))
				break
			}
		}
	}
	return faults
}

// importTableAlive finds bans on packages that no longer exist: a ban on a
// name that has moved forbids nothing. Modules are looked up in every go.mod
// of the repository.
func importTableAlive(t *Tree) []string {
	modules := t.requirements()
	var faults []string
	for _, row := range Table() {
		if !t.hasPackage(strings.TrimSuffix(row.Package, "/...")) {
			continue
		}
		for _, ban := range slices.Concat(row.Never, row.NeverLink) {
			if !exists(ban.What, modules) && !t.isOfMissingModule(ban.What) {
				faults = append(faults, fmt.Sprintf("the import table bans %s in %s, and no go.mod here knows it: has it moved, or can the ban go?", ban.What, row.Package))
			}
		}
	}
	return faults
}

// requirements returns the text of all go.mod files as a set of their words.
func (t *Tree) requirements() map[string]bool {
	words := map[string]bool{}
	for dir := range t.Modules {
		for word := range strings.FieldsSeq(t.Files[path.Join(dir, "go.mod")]) {
			words[word] = true
		}
	}
	return words
}

func exists(pkg string, modules map[string]bool) bool {
	if first, _, _ := strings.Cut(pkg, "/"); !strings.Contains(first, ".") {
		_, err := build.Import(pkg, "", build.FindOnly)
		return err == nil
	}
	for module := range modules {
		if below(pkg, module) || below(module, pkg) {
			return true
		}
	}
	return false
}

// isOfMissingModule excuses the gateway, which only the demo's module needs,
// as long as there is no such module.
func (t *Tree) isOfMissingModule(pkg string) bool {
	return pkg == gateway && t.Modules["demo"] == ""
}
