// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import "strings"

// badTree is a small repository, and the faults that one rule finds in it.
type badTree struct {
	rule  string
	files map[string]string
	want  []string
}

const header = "// Copyright (C) The keepstore authors.\n// SPDX-License-Identifier: Apache-2.0\n\n"

func badTrees() []badTree {
	var all []badTree
	for _, part := range [][]badTree{badText(), badSyntax(), badVars(), badImports(), badTests()} {
		all = append(all, part...)
	}
	return all
}

func badText() []badTree {
	hash := strings.ReplaceAll(header, "//", "#")
	return []badTree{
		{"file-header", map[string]string{
			"a/good.go": header + "package a\n", "a/none.go": "package a\n",
			"a/tight.go": strings.TrimSuffix(header, "\n") + "package a\n",
			"b/good.sh":  "#!/bin/sh\n" + hash + "true\n", "b/bad.py": "import os\n",
			"b/script": "#!/bin/sh\ntrue\n", "b/notes.txt": "free\n",
		}, []string{"a/none.go:1", "a/tight.go:1", "b/bad.py:1", "b/script:1"}},
		{"file-length", map[string]string{
			"a/long.go": "package a\n" + strings.Repeat("\n", 400), "a/fits.go": "package a\n" + strings.Repeat("\n", 399),
			"a/testdata/long.go": strings.Repeat("\n", 900), "long.md": strings.Repeat("\n", 900),
		}, []string{"a/long.go:400: the file has 401 lines"}},
		{"top-level", map[string]string{"README.md": "", "locator/a.txt": "", "notes.txt": "", "util/a.txt": "", "util/b.txt": ""},
			[]string{"notes.txt: does not belong", "util: does not belong"}},
		{"no-replace", map[string]string{
			"demo/go.mod": "module demo\n\nreplace a => b\n", "go.work": "use .\nreplace (\n\ta => b\n)\n", "test/go.mod": "module x\n",
		}, []string{"demo/go.mod:3", "go.work:2"}},
		{"no-private-path", map[string]string{
			"a.md": "see /" + "work/main/x\nnet/" + "work/ is fine\n", "b.txt": "from ../" + "shared/x\n",
		}, []string{"a.md:1", "b.txt:1"}},
		{"links-resolve", map[string]string{
			"README.md":  "# Top\n[a](docs/a.md) [b](docs/none.md) [c](https://example.org/x)\n```\n[d](none)\n```\n`[e](none)`\n",
			"docs/a.md":  "## What *it* is: `x`\n[up](../README.md#top) [here](#what-it-is-x) [bad](#no) [bad](../README.md#nothing) [dir](..)\n",
			"docs/b/c.c": "",
		}, []string{"README.md:2: the link docs/none.md leads to nothing", "docs/a.md:2: the link #no names a heading", "docs/a.md:2: the link ../README.md#nothing"}},
	}
}

func badSyntax() []badTree {
	long := func(n int) string { return "func F() {" + strings.Repeat("\n", n-1) + "}\n" }
	return []badTree{
		{"package-comment", map[string]string{
			"good/doc.go": header + "// Package good is good.\npackage good\n", "good/more.go": header + "package good\n",
			"none/a.go":     header + "package none\n",
			"detached/x.go": header + "package detached\n", "detached/doc.go": header + "// Package detached is not attached.\n\npackage detached\n",
			"two/doc.go": header + "// Package two is one.\npackage two\n", "two/two.go": header + "// Package two is two.\npackage two\n",
			"name/doc.go": header + "// Package other is called so.\npackage name\n",
			"tight/a.go":  "// SPDX-License-Identifier: x\npackage tight\n", "tight/doc.go": header + "// Package tight is.\npackage tight\n",
			"run/doc.go": header + "// The command run runs.\npackage main\n", "tests/a_test.go": "package tests_test\n",
		}, []string{
			"detached/doc.go:6: doc.go has no package comment", "name/doc.go:4: the package comment must begin", "none: the package has no doc.go",
			"tight/a.go:1: a package comment outside doc.go", "two/two.go:4: a package comment outside doc.go",
		}},
		{"exported-names-documented", map[string]string{
			"a/a.go": "package a\n\n// F does.\nfunc F() {}\n\nfunc G() {}\n\ntype t[K any] struct{}\n\nfunc (*t[K]) M() {}\n\n// T is.\ntype T struct{}\n\nfunc (*T) M() {}\n\n" +
				"// Both.\nconst (\n\tA = 1\n\tB = 2\n)\n\nvar (\n\tC = 1\n\tD = 2 // D is.\n)\n\ntype U int\n",
			"a/a_test.go": "package a\n\nfunc Helper() {}\n",
		}, []string{"a/a.go:6: G", "a/a.go:15: M", "a/a.go:24: C", "a/a.go:28: U"}},
		{"function-length", map[string]string{
			"a/a.go": "package a\n" + long(61), "b/b.go": "package b\n" + long(60),
			"a/a_test.go": "package a\n" + strings.Replace(long(101), "F", "T", 1), "b/b_test.go": "package b\n" + strings.Replace(long(100), "F", "T", 1),
		}, []string{"a/a.go:2: F has 61 lines, at most 60", "a/a_test.go:2: T has 101 lines, at most 100"}},
		{"interface-size", map[string]string{
			"a/a.go": "package a\n\ntype Three interface{ A(); B(); C() }\n\ntype Four interface{ A(); B(); C(); error }\n",
		}, []string{"a/a.go:5: interface Four has 4 methods"}},
		{"no-init", map[string]string{"a/a.go": "package a\n\nfunc init() {}\n\ntype t int\n\nfunc (t) init() {}\n"}, []string{"a/a.go:3: no init"}},
	}
}

func badVars() []badTree {
	const good = "package a\n\nimport \"errors\"\n\nvar _ error = (*E)(nil)\n\nvar errX = errors.New(\"x\")\n\nvar day = time.Date(1)\n\nvar names = [...]string{\"a\"}\n\nvar list = []string{\"a\"}\n\n" +
		"//go:embed x\nvar page string\n\nfunc use(i int) (string, error) {\n\tfor _, l := range list {\n\t\t_ = l\n\t}\n\t_ = len(list)\n\t_ = slices.Contains(list, page)\n\t_ = append([]string(nil), list...)\n\tx := T{names: 1}\n\tx.list = 2\n\treturn names[i] + list[0], errX\n}\n"
	return []badTree{
		{"no-mutable-package-variable", map[string]string{
			"good/a.go": good,
			"a/a.go":    "package a\n\nvar count int\n\nvar Table = []int{1}\n\nvar now = time.Now\n\nvar l, m = []int{1}, map[int]int{}\n\nvar errX = errors.New(\"x\")\n\nvar p = &T{}\n",
			"a/b.go": "package a\n\nfunc f() []int {\n\tl[0] = 1\n\tm[1]++\n\terrX = nil\n\tg(&l[0])\n\tslices.Sort(l)\n\tl = append(l, 1)\n\tx := l[1:]\n" +
				"\tfor l[0] = range x {\n\t}\n\tdelete(m, 1)\n\treturn l\n}\n",
			"a/a_test.go":    "package a\n\nvar update = flag.Bool(\"update\", false, \"\")\n\nvar start = sync.OnceValue(begin)\n\nvar want = &a.Error{}\n\nvar last string\n",
			"a/main_test.go": "package a\n\nvar servers Pool\n\nfunc TestMain(m *testing.M) {}\n",
		}, []string{
			"a/a.go:3: the package variable count can change", "a/a.go:5: the package variable Table", "a/a.go:7: the package variable now",
			"a/b.go:4: the package variable l", "a/b.go:7", "a/b.go:8", "a/b.go:9", "a/b.go:9", "a/b.go:10", "a/b.go:11", "a/b.go:14",
			"a/b.go:5: the package variable m", "a/b.go:13", "a/b.go:6: the package variable errX",
			"a/a.go:13: the package variable p", "a/a_test.go:9: the package variable last",
		}},
		{"no-foreign-variable-set", map[string]string{
			"a/a.go": "package a\n\nimport (\n\t\"net/http\"\n\tlib \"example.org/lib\"\n)\n\nfunc f(x T) {\n\thttp.DefaultClient = nil\n\tlib.Max++\n\tx.Field = 1\n\ty := http.DefaultClient\n\t_ = y\n}\n",
		}, []string{"a/a.go:9: http.DefaultClient", "a/a.go:10: lib.Max"}},
	}
}

func badImports() []badTree {
	imports := func(pkg string, paths ...string) string {
		return "package " + pkg + "\n\nimport (\n\t\"" + strings.Join(paths, "\"\n\t\"") + "\"\n)\n"
	}
	const mods = "module " + Module + "\n\nrequire (\n\tgithub.com/aws/aws-sdk-go-v2 v1\n)\n"
	return []badTree{
		{"import-table", map[string]string{
			"locator/a.go":           imports("locator", "net/http", "strings", "net/http/httptest", Module+"/creds"),
			"pseudoblock/a.go":       imports("pseudoblock", Module+"/locator", "os"),
			"pseudoblock/a_test.go":  imports("pseudoblock", "os", Module+"/internal/testenv"),
			"s3read/a.go":            imports("s3read", "net/http", Module+"/creds", awsS3+"/types", Module+"/internal/server") + "\nvar c http.Client\n\nfunc f(w http.ResponseWriter) {}\n",
			"internal/app/a.go":      imports("app", Module+"/internal/server", Module+"/internal/testenv"),
			"internal/server/a.go":   imports("server", "github.com/aws/aws-sdk-go-v2/aws", Module+"/internal/apiserver"),
			"sdk/go/collection/a.go": imports("collection", Module+"/s3read"),
			"internal/new/a.go":      "package fresh\n",
			"demo/go.mod":            "module " + Module + "/demo\n", "demo/s3/a.go": imports("s3", Module+"/internal/app", gateway),
		}, []string{
			"internal/app/a.go:5: internal/app must not import internal/testenv: it is support for tests",
			"internal/new: the package has no row",
			"internal/server/a.go:4: internal/server must not import github.com/aws/aws-sdk-go-v2/aws", "internal/server/a.go:5: internal/server must not import internal/apiserver",
			"locator/a.go:4: locator must not import net/http", "locator/a.go:6: locator must not import net/http/httptest", "locator/a.go:7: locator must not import creds",
			"pseudoblock/a.go:5: pseudoblock must not import os",
			"s3read/a.go:6: s3read must not import " + awsS3 + "/types", "s3read/a.go:7: s3read must not import internal/server: a reader knows no users",
			"s3read/a.go:12: s3read must not use net/http.ResponseWriter",
			"sdk/go/collection/a.go:4: sdk/go/collection must not import s3read",
		}},
		{"import-table-alive", map[string]string{"go.mod": mods, "locator/a.go": "package locator\n", "creds/a.go": "package creds\n"}, nil},
		{"import-table-alive", map[string]string{"go.mod": "module " + Module + "\n", "creds/a.go": "package creds\n"},
			[]string{"the import table bans " + awsS3 + " in creds"}},
	}
}

func badTests() []badTree {
	return []badTree{
		{"fuzz-seeds", map[string]string{
			"a/a_test.go": "package a\n\nfunc FuzzGood(f *testing.F) {}\n\nfunc FuzzBad(f *testing.F) {}\n", "a/testdata/fuzz/FuzzGood/1": "go test fuzz v1\n",
		}, []string{"a/a_test.go:5: FuzzBad has no seeds: commit at least one file in a/testdata/fuzz/FuzzBad"}},
		{"no-skip", map[string]string{
			"a/a_test.go":        "package a\n\nfunc TestA(t *testing.T) {\n\tt.Skip(\"later\")\n\tr.Skip(2)\n}\n\nfunc help(tb testing.TB) { tb.SkipNow() }\n\nfunc draw(t *rapid.T) { t.Skip() }\n\nfunc g() { rapid.Check(x, func(t *rapid.T) { t.Skip() }) }\n",
			"a/testdata/s.txtar": "# script\n[!linux] skip 'only here'\n", "a/testdata/ok.txtar": "# skip nothing\n-- x --\nto skip\n",
		}, []string{"a/testdata/s.txtar", "a/a_test.go:4", "a/a_test.go:8"}},
	}
}
