// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// packageVars refuses package variables that can change. Allowed are
//
//   - blank variables (interface assertions) and embedded files;
//   - results of the constructors below, whose values never change;
//   - in tests also flags, sync.OnceValue, &Error{…} to match against and
//     composite literals, none of which may be assigned, and all variables of
//     the file with TestMain, which cannot pass them on;
//   - unexported composite literals (tables) that are only read: every use in
//     the package is an index, a range, len, cap, or an argument of a function
//     that is known to read.
//
// None of them may be assigned. Uses are matched by name, so a local variable
// of the same name can cause a false alarm: give it another name. What a table
// points to is not followed.
func packageVars(t *Tree) []string {
	var faults []string
	for _, p := range t.Packages {
		uses := p.uses()
		for _, f := range p.Files {
			for _, v := range vars(f) {
				if exceptVars()[p.Dir+"."+v.name.Name] == "" {
					faults = append(faults, t.packageVar(f, v, uses[v.name.Name])...)
				}
			}
		}
	}
	return faults
}

type packageVarDecl struct {
	name  *ast.Ident
	value ast.Expr // nil when there is none
	embed bool
}

func vars(f *File) []packageVarDecl {
	var all []packageVarDecl
	for _, d := range f.AST.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, s := range gen.Specs {
			spec := s.(*ast.ValueSpec)
			for i, name := range spec.Names {
				v := packageVarDecl{name: name, embed: isEmbed(gen.Doc) || isEmbed(spec.Doc)}
				if len(spec.Values) == len(spec.Names) {
					v.value = spec.Values[i]
				}
				all = append(all, v)
			}
		}
	}
	return all
}

func isEmbed(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool {
		return strings.HasPrefix(c.Text, "//go:embed ")
	})
}

func (t *Tree) packageVar(f *File, v packageVarDecl, uses []use) []string {
	isArray, isTable := table(v.value)
	switch {
	case v.name.Name == "_":
		return nil
	case f.hasTestMain():
		return nil
	case v.embed || isConstructed(v.value) || f.Test && isTestValue(v.value):
		return t.faultyUses(v, uses, func(u use) bool { return !u.writes() })
	case isTable && !v.name.IsExported():
		return t.faultyUses(v, uses, func(u use) bool { return u.reads(isArray) })
	}
	return []string{t.at(v.name.Pos(), "the package variable %s can change: make it a constant, a function, or a field that is passed in (a table may be an unexported composite literal that is only read)", v.name.Name)}
}

func (t *Tree) faultyUses(v packageVarDecl, uses []use, ok func(use) bool) []string {
	var faults []string
	for _, u := range uses {
		if !ok(u) {
			faults = append(faults, t.at(u.id.Pos(), "the package variable %s may be changed here: only read it (index, range, len), or give a local variable another name", v.name.Name))
		}
	}
	return faults
}

// isConstructed reports whether value is a call that makes a value that never
// changes and is safe for concurrent use.
func isConstructed(value ast.Expr) bool {
	switch calledName(value) {
	case "errors.New", "time.Date", "regexp.MustCompile", "strings.NewReplacer", "template.Must", "crc64.MakeTable",
		"netip.MustParseAddr", "netip.MustParsePrefix", "base64.RawURLEncoding.Strict":
		return true
	}
	return false
}

func isTestValue(value ast.Expr) bool {
	if _, isTable := table(value); isTable {
		return true
	}
	if pointer, ok := value.(*ast.UnaryExpr); ok && pointer.Op == token.AND {
		lit, ok := pointer.X.(*ast.CompositeLit)
		return ok && strings.HasSuffix(dotted(lit.Type), "Error")
	}
	name := calledName(value)
	return strings.HasPrefix(name, "flag.") || strings.HasPrefix(name, "sync.Once")
}

// calledName returns the name of the function that value is a call of.
func calledName(value ast.Expr) string {
	if call, ok := value.(*ast.CallExpr); ok {
		return dotted(call.Fun)
	}
	return ""
}

func (f *File) hasTestMain() bool {
	return f.Test && slices.ContainsFunc(f.AST.Decls, func(d ast.Decl) bool {
		fn, ok := d.(*ast.FuncDecl)
		return ok && fn.Name.Name == "TestMain"
	})
}

// table reports whether value is a composite literal or a []byte("…")
// conversion, and whether it is an array, which is copied when it is passed.
func table(value ast.Expr) (isArray, isTable bool) {
	switch v := value.(type) {
	case *ast.CompositeLit:
		array, ok := v.Type.(*ast.ArrayType)
		return ok && array.Len != nil, true
	case *ast.CallExpr:
		_, ok := v.Fun.(*ast.ArrayType)
		return false, ok
	}
	return false, false
}

// dotted prints a chain of selectors such as a.b.c, or nothing.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return dotted(e.X) + "." + e.Sel.Name
	}
	return ""
}

// foreignVars refuses assignments to variables of other packages, tests
// included: two configurations could not live in one process.
func foreignVars(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		imported := importNames(f.AST)
		var faults []string
		ast.Inspect(f.AST, func(n ast.Node) bool {
			for _, target := range targets(n) {
				sel, ok := target.(*ast.SelectorExpr)
				if !ok {
					continue
				}
				if id, ok := sel.X.(*ast.Ident); ok && imported[id.Name] != "" {
					faults = append(faults, t.at(sel.Pos(), "%s belongs to another package and is one for the whole process: pass a value of your own", dotted(sel)))
				}
			}
			return true
		})
		return faults
	})
}

// targets returns what a statement assigns to, new variables left out.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	}
	return nil
}
