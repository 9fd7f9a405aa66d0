// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"go/ast"
	"go/token"
	"slices"
)

// use is one mention of a name, with the nodes above it, the nearest last.
type use struct {
	id    *ast.Ident
	above []ast.Node
}

// uses finds where the names of p are mentioned, except where a name is
// declared or is a field or a method.
func (p *Package) uses() map[string][]use {
	found := map[string][]use{}
	for _, f := range p.Files {
		var stack []ast.Node
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			if id, ok := n.(*ast.Ident); ok && mentions(id, stack) {
				found[id.Name] = append(found[id.Name], use{id, slices.Clone(stack)})
			}
			stack = append(stack, n)
			return true
		})
	}
	return found
}

// mentions reports whether id below stack stands for a value.
func mentions(id *ast.Ident, stack []ast.Node) bool {
	if len(stack) == 0 {
		return false
	}
	switch parent := stack[len(stack)-1].(type) {
	case *ast.SelectorExpr:
		return parent.Sel != id
	case *ast.KeyValueExpr:
		return parent.Key != id
	case *ast.Field, *ast.FuncDecl, *ast.TypeSpec, *ast.LabeledStmt, *ast.BranchStmt, *ast.File, *ast.ImportSpec:
		return false
	case *ast.ValueSpec:
		return !slices.Contains(parent.Names, id)
	case *ast.AssignStmt:
		return parent.Tok != token.DEFINE || !slices.Contains(parent.Lhs, ast.Expr(id))
	case *ast.RangeStmt:
		return parent.X == id || parent.Tok == token.ASSIGN
	}
	return true
}

// climb goes up from the name over indexes, selectors and parentheses, and
// returns the widest expression that still denotes a part of the variable,
// the node above that, and whether it is a part rather than the whole.
func (u use) climb() (part ast.Expr, parent ast.Node, isPart bool) {
	part = u.id
	for i := len(u.above) - 1; i >= 0; i-- {
		parent = u.above[i]
		switch p := parent.(type) {
		case *ast.IndexExpr:
			if p.X != part {
				return part, parent, isPart
			}
			part, isPart = p, true
		case *ast.SelectorExpr:
			part, isPart = p, true
		case *ast.ParenExpr:
			part = p
		default:
			return part, parent, isPart
		}
	}
	return part, nil, isPart
}

// writes reports whether the variable or a part of it is assigned here, or
// its address is taken.
func (u use) writes() bool {
	part, parent, _ := u.climb()
	switch p := parent.(type) {
	case *ast.UnaryExpr:
		return p.Op == token.AND
	case *ast.RangeStmt:
		return p.X != part
	}
	return slices.Contains(targets(parent), part)
}

// reads reports whether this use can do no more than read.
func (u use) reads(isArray bool) bool {
	part, parent, isPart := u.climb()
	if u.writes() {
		return false
	}
	switch p := parent.(type) {
	case *ast.RangeStmt:
		return p.X == part
	case *ast.SliceExpr:
		return p.X != part
	case *ast.CallExpr:
		return isPart || isArray || isReader(p, part)
	}
	return isPart || isArray
}

// isReader reports whether call leaves its argument part unchanged.
func isReader(call *ast.CallExpr, part ast.Expr) bool {
	switch dotted(call.Fun) {
	case "len", "cap", "string",
		"slices.Contains", "slices.ContainsFunc", "slices.Index", "slices.IndexFunc", "slices.BinarySearch",
		"slices.Equal", "slices.Clone", "slices.Values", "slices.All", "slices.Concat", "slices.Sorted",
		"maps.Keys", "maps.Values", "maps.All", "maps.Clone", "strings.Join",
		"bytes.Equal", "bytes.HasPrefix", "bytes.Contains", "bytes.NewReader":
		return true
	case "append":
		return call.Args[0] != part
	}
	return false
}
