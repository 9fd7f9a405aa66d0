// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// printJSON writes v for other programs.
func (s *session) printJSON(v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // URLs stay readable
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(s.out, SafeJSON(text.Bytes()))
	return err
}

// SafeJSON escapes in JSON what could play tricks on a terminal, and keeps what
// it means. Package json leaves such characters above ASCII as they are.
func SafeJSON(text []byte) string {
	var out strings.Builder
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}

// say writes a line for people to standard error. The arguments must be
// escaped.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.err, format+"\n", args...) // there is nowhere else to say it
}

// escaped shows a name as manifests do: what is no printable character, and
// the backslash, becomes \ooo. So no name can play tricks on a terminal, or
// look like two.
func escaped(name string) string {
	var b strings.Builder
	for i, r := range name {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError && !strings.HasPrefix(name[i:], "\uFFFD") {
			size = 1 // a byte that is no UTF-8
		}
		if unicode.IsPrint(r) && r != '\\' && r != utf8.RuneError {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(name[i : i+size]) {
			fmt.Fprintf(&b, "\\%03o", c)
		}
	}
	return b.String()
}

// clean takes out of a sentence what could play tricks on a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\n' {
			return '?'
		}
		return r
	}, text)
}

// quote shows an argument in a sentence.
func quote(text string) string {
	const most = 200
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}

// count shows a number in groups of three digits.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// plural is "1 file" or "2 files".
func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return count(n) + " " + what + "s"
}

// are is "1 file is" or "2 files are".
func are(n int64, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return plural(n, what) + " are"
}

// size shows a number of bytes in a unit that people can grasp.
func size(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, unit := float64(n)/1024, 0
	for ; value >= 1023.95 && unit < 4; unit++ {
		value /= 1024
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + "KMGTP"[unit:unit+1] + "iB"
}

// printNames prints names in lines, escaped.
func (s *session) printNames(names []string) error {
	w := bufio.NewWriter(s.out)
	for _, name := range names {
		fmt.Fprintln(w, escaped(name)) // Flush tells
	}
	return w.Flush()
}

// printNull prints names as they are, with a zero byte after each. A name that
// has one in it would look like two.
func (s *session) printNull(names []string) error {
	w := bufio.NewWriter(s.out)
	for _, name := range names {
		if strings.Contains(name, "\x00") {
			return errors.Join(w.Flush(), fmt.Errorf("the name %s has a zero byte in it, which --null cannot show: use --json", quote(name)))
		}
		fmt.Fprint(w, name, "\x00") // Flush tells
	}
	return w.Flush()
}
