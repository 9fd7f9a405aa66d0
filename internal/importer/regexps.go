// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package importer

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// Limits on regular expressions. The time to match one key grows with its
// length times the steps of the expressions, never faster: they have RE2's
// syntax, which knows no back references.
const (
	// maxSteps bounds the expressions of one source.
	maxSteps = 1000
	// maxAllSteps bounds the different expressions of one request, and so the
	// memory that they take.
	maxAllSteps = 10000
)

// programs are the regular expressions of a request. Sources share them: a
// list of many prefixes mostly has the same filters.
type programs struct {
	known map[string]program
	steps int
}

type program struct {
	*regexp.Regexp
	steps int
}

// compile checks the expressions of one source.
func (p *programs) compile(patterns []string) error {
	total := 0
	for _, pattern := range patterns {
		one, ok := p.known[pattern]
		if !ok {
			var err error
			if one, err = newProgram(pattern); err != nil {
				return err
			}
			if p.steps += one.steps; p.steps > maxAllSteps {
				return fmt.Errorf("the regular expressions of the request have more than %d steps together: use fewer or shorter ones", maxAllSteps)
			}
			if p.known == nil {
				p.known = map[string]program{}
			}
			p.known[pattern] = one
		}
		if total += one.steps; total > maxSteps {
			return tooManySteps()
		}
	}
	return nil
}

func tooManySteps() error {
	return fmt.Errorf("the regular expressions have more than %d steps together, where what is repeated counts each time: use fewer or shorter ones", maxSteps)
}

// of returns expressions that were compiled.
func (p *programs) of(patterns []string) []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, pattern := range patterns {
		all = append(all, p.known[pattern].Regexp)
	}
	return all
}

// newProgram compiles an expression whose size was looked at before: "x{999}"
// is short, and its program is not.
func newProgram(pattern string) (program, error) {
	switch {
	case pattern == "":
		return program{}, errors.New("a regular expression is empty, which fits every key: leave it out")
	case len(pattern) > maxPattern:
		return program{}, fmt.Errorf("the regular expression %.60q has %d bytes, more than the limit of %d", pattern, len(pattern), maxPattern)
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return program{}, badPattern(pattern, err)
	}
	n := steps(parsed)
	if n > maxSteps {
		return program{}, tooManySteps()
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return program{}, badPattern(pattern, err)
	}
	return program{compiled, n}, nil
}

// steps returns about how many instructions an expression takes, and stops
// counting beyond the limit.
func steps(re *syntax.Regexp) int {
	n := 0
	for _, sub := range re.Sub {
		n += steps(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune) - 1
	case syntax.OpCharClass:
		n = len(re.Rune) / 16 // "\pL" is long
	case syntax.OpRepeat:
		n *= max(re.Min+1, re.Max) // "{2,}" repeats the last for ever
	}
	return min(n+1, maxSteps+1)
}

// badPattern says what is wrong with an expression, and where.
func badPattern(pattern string, err error) error {
	wrong := (*syntax.Error)(nil)
	if !errors.As(err, &wrong) {
		return fmt.Errorf("the regular expression %.60q cannot be used: %s", pattern, err)
	}
	at := utf8.RuneCountInString(pattern[:position(pattern, wrong)]) + 1
	return fmt.Errorf("the regular expression %.60q is wrong at character %d: %s", pattern, at, wrong.Code)
}

// position returns the byte at which the parser found a fault. It reads from
// the left, so what ends with the fault is refused for the same reason as the
// whole, and a text that only looks like the fault is not.
func position(pattern string, wrong *syntax.Error) int {
	switch wrong.Code {
	case syntax.ErrMissingParen:
		return unclosed(pattern)
	case syntax.ErrUnexpectedParen:
		for i := range len(pattern) {
			if pattern[i] == ')' && codeOf(pattern[:i+1]) == wrong.Code {
				return i
			}
		}
		return 0
	}
	for i := 0; wrong.Expr != ""; i++ {
		next := strings.Index(pattern[i:], wrong.Expr)
		if next < 0 {
			break
		}
		if i += next; codeOf(pattern[:i+len(wrong.Expr)]) == wrong.Code {
			return i
		}
	}
	return 0
}

// unclosed returns the byte of a parenthesis that has no end: up to there the
// expression is good, and no further.
func unclosed(pattern string) int {
	for i := len(pattern) - 1; i > 0; i-- {
		if pattern[i] == '(' && codeOf(pattern[:i]) == "" {
			return i
		}
	}
	return 0
}

// codeOf returns what is wrong with an expression, or nothing.
func codeOf(pattern string) syntax.ErrorCode {
	_, err := syntax.Parse(pattern, syntax.Perl)
	if wrong := (*syntax.Error)(nil); errors.As(err, &wrong) {
		return wrong.Code
	}
	return ""
}
