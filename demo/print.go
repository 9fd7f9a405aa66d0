// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"
)

// printer tells the tour. It uses colour only on a terminal.
type printer struct {
	w      io.Writer
	colour bool
}

func newPrinter(w io.Writer) *printer {
	p := &printer{w: w}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		info, err := f.Stat()
		p.colour = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (p *printer) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// say prints one line. A terminal that went away is no reason to stop.
func (p *printer) say(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) headline(text string) { p.say("%s\n", p.paint(bold, "keepstore demo: "+text)) }

// fact prints a name and a value in two columns.
func (p *printer) fact(name, format string, args ...any) {
	p.say("  %-14s %s", name, fmt.Sprintf(format, args...))
}

// step begins a numbered step with the reason for it.
func (p *printer) step(n int, title, why string) {
	p.say("\n%s\n   %s", p.paint(bold, fmt.Sprintf("%d. %s", n, title)), p.paint(dim, wrap("Why: "+why, 3)))
}

// sent and got print what went to a server and what came back.
func (p *printer) sent(format string, args ...any) { p.wrapped("   > ", fmt.Sprintf(format, args...)) }
func (p *printer) got(format string, args ...any)  { p.wrapped("   < ", fmt.Sprintf(format, args...)) }

func (p *printer) detail(format string, args ...any) { p.say("     %s", fmt.Sprintf(format, args...)) }

// check prints the result of a check.
func (p *printer) check(ok bool, text string) {
	mark := p.paint(green, "OK")
	if !ok {
		mark = p.paint(red, "FAILED")
	}
	p.say("   %s %s", mark, wrap(text, len("   OK ")))
}

// wrapped prints a line that begins with a mark. What is too long for it goes
// below its text.
func (p *printer) wrapped(mark, text string) { p.say("%s%s", mark, wrap(text, len(mark))) }

// width is that of a terminal which most people have.
const width = 100

// wrap breaks text at spaces, so that it fits beside an indent.
func wrap(text string, indent int) string {
	var b strings.Builder
	column := indent
	for i, word := range strings.Split(text, " ") {
		size := utf8.RuneCountInString(word)
		switch {
		case i > 0 && column+1+size > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += size
	}
	return b.String()
}

// since returns the time that has passed, as people read it.
func since(start time.Time) string {
	d := time.Since(start)
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func inBytes(n int64) string {
	if n < 10_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// short cuts text at its end.
func short(text string, n int) string {
	text = strings.TrimSpace(text)
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
