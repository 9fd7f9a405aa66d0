// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fuzzSeeds wants committed seeds for each fuzz target: a target whose corpus
// is lost passes with nothing.
func fuzzSeeds(t *Tree) []string {
	return t.eachFile(func(f *File) []string {
		var faults []string
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.Test || fn.Recv != nil || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			seeds := path.Join(path.Dir(f.Path), "testdata/fuzz", fn.Name.Name)
			if !t.hasFolder(seeds) {
				faults = append(faults, t.at(fn.Pos(), "%s has no seeds: commit at least one file in %s", fn.Name.Name, seeds))
			}
		}
		return faults
	})
}

// noSkips refuses tests that can vanish, in Go and in script tests.
func noSkips(t *Tree) []string {
	const advice = "a test that is skipped proves nothing: make what it needs available (make tools), or leave it out with a reason"
	skip := regexp.MustCompile(`(?m)^(\[[^\]]*\] +)*skip( .*)?$`)
	var faults []string
	for _, name := range t.sorted() {
		if path.Ext(name) == ".txtar" && skip.MatchString(t.Files[name]) {
			faults = append(faults, fmt.Sprintf("%s: %s", name, advice))
		}
	}
	return append(faults, t.eachFile(func(f *File) []string {
		var faults []string
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && exceptSkips()[path.Dir(f.Path)+"."+fn.Name.Name] == "" {
				for _, call := range skipCalls(fn) {
					faults = append(faults, t.at(call.Pos(), "%s", advice))
				}
			}
		}
		return faults
	})...)
}

// skipCalls finds t.Skip and its kin, for every usual name of t. It leaves out
// functions of a *rapid.T, which skips one drawn value and not a test.
func skipCalls(fn *ast.FuncDecl) []ast.Node {
	var found []ast.Node
	ast.Inspect(fn, func(n ast.Node) bool {
		if takesRapid(n) {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok {
			switch receiver, method, _ := strings.Cut(dotted(call.Fun), "."); method {
			case "Skip", "Skipf", "SkipNow":
				if strings.Contains(" t b f tb rt ", " "+receiver+" ") {
					found = append(found, n)
				}
			}
		}
		return true
	})
	return found
}

func takesRapid(n ast.Node) bool {
	var params *ast.FieldList
	switch fn := n.(type) {
	case *ast.FuncDecl:
		params = fn.Type.Params
	case *ast.FuncLit:
		params = fn.Type.Params
	default:
		return false
	}
	return slices.ContainsFunc(params.List, func(p *ast.Field) bool {
		pointer, ok := p.Type.(*ast.StarExpr)
		return ok && dotted(pointer.X) == "rapid.T"
	})
}
