// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
)

func packageComments(t *Tree) []string {
	var faults []string
	for _, p := range t.Packages {
		if len(p.sources()) > 0 {
			faults = append(faults, t.packageComment(p)...)
		}
	}
	return faults
}

func (t *Tree) packageComment(p *Package) []string {
	var faults []string
	found := false
	for _, f := range p.Files {
		isDoc := path.Base(f.Path) == "doc.go"
		switch doc := f.AST.Doc; {
		case doc != nil && !isDoc:
			faults = append(faults, t.at(doc.Pos(), "a package comment outside doc.go: move it there, or put a blank line between it and the package clause"))
		case doc == nil && isDoc:
			faults = append(faults, t.at(f.AST.Package, "doc.go has no package comment: put it right above the package clause, with no blank line between"))
		case doc != nil && strings.Contains(doc.Text(), "SPDX"):
			faults = append(faults, t.at(doc.Pos(), "the licence header runs into the package comment: put a blank line between"))
		case doc != nil && p.Name != "main" && !strings.HasPrefix(doc.Text(), "Package "+p.Name+" "):
			faults = append(faults, t.at(doc.Pos(), "the package comment must begin with %q", "Package "+p.Name))
		}
		found = found || isDoc
	}
	if !found {
		faults = append(faults, p.Dir+": the package has no doc.go: add one that holds the package comment and nothing else")
	}
	return faults
}

func functionLengths(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		limit := maxFuncLines
		if f.Test {
			limit = maxTestFuncLines
		}
		var faults []string
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := t.Fset.Position(fn.End()).Line - t.Fset.Position(fn.Pos()).Line + 1
			if lines > limit {
				faults = append(faults, t.at(fn.Pos(), "%s has %d lines, at most %d (aim at 10): name its steps as functions", fn.Name.Name, lines, limit))
			}
		}
		return faults
	})
}

func noInit(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		var faults []string
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				faults = append(faults, t.at(fn.Pos(), "no init: call it from the place that needs it, so that the order is visible"))
			}
		}
		return faults
	})
}

func interfaceSizes(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		var faults []string
		ast.Inspect(f.AST, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			it, ok := spec.Type.(*ast.InterfaceType)
			if ok && it.Methods.NumFields() > maxMethods && exceptInterfaces()[path.Dir(f.Path)+"."+spec.Name.Name] == "" {
				faults = append(faults, t.at(spec.Pos(), "interface %s has %d methods, at most %d: declare in the consuming package only what it calls", spec.Name.Name, it.Methods.NumFields(), maxMethods))
			}
			return true
		})
		return faults
	})
}

// documented wants a comment on every exported function, method of an
// exported type, type, constant and variable. A comment on a group does.
func documented(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		var faults []string
		for _, d := range f.AST.Decls {
			if f.Test {
				break
			}
			for _, name := range undocumented(d) {
				faults = append(faults, t.at(name.Pos(), "%s is exported and has no comment: say what it does, or unexport it", name.Name))
			}
		}
		return faults
	})
}

func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil && d.Tok != token.IMPORT {
			return undocumentedSpecs(d.Specs)
		}
	}
	return nil
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return false
		}
	}
}

func undocumentedSpecs(specs []ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	for _, s := range specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil && s.Name.IsExported() {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if s.Doc == nil && s.Comment == nil && name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}
