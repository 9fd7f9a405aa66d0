// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package locator

import (
	"strconv"
	"strings"
)

// Parse reads one locator. The error is an [*Error] of kind [BadLocator] that
// says which part is wrong. Parse takes time linear in len(text).
func Parse(text string) (Locator, error) {
	if len(text) > MaxLength {
		return Locator{}, bad("a locator of %d bytes is longer than the limit of %d", len(text), MaxLength)
	}
	hash, rest, ok := strings.Cut(text, "+")
	if !isHash(hash) { // not shown: a token may have come here by mistake
		return Locator{}, bad("a locator begins with 32 lower-case hexadecimal digits and a +")
	}
	if !ok {
		return Locator{}, bad("the size is missing: a locator is a hash, a + and a size, and then hints")
	}
	sizeText, hints, more := strings.Cut(rest, "+")
	size, err := parseDecimal(sizeText)
	if err != nil {
		// No more of it: a signature may stand in its place.
		return Locator{}, bad("the size %q is not a plain decimal number that fits 63 bits", sizeText[:min(len(sizeText), 12)])
	}
	var bs, cs [2]string // saves two allocations in the common case
	c := collector{Locator: Locator{hash: Hash(hash), size: size}, bs: bs[:0], cs: cs[:0]}
	for more {
		var hint string
		hint, hints, more = strings.Cut(hints, "+")
		if err := c.add(hint); err != nil {
			return Locator{}, err
		}
	}
	return c.finish()
}

// collector sorts hints into their places.
type collector struct {
	Locator
	bs, cs  []string
	others  strings.Builder
	service strings.Builder
}

func (c *collector) add(hint string) error {
	if !isHint(hint) {
		return notHint(hint)
	}
	switch hint[0] {
	case 'A':
		return c.addSignature(hint[1:])
	case 'B':
		c.bs = append(c.bs, hint[1:])
	case 'C':
		c.cs = append(c.cs, hint[1:])
	case 'V':
		return c.addVerify(hint[1:])
	case 'K':
		appendHint(&c.service, hint)
	default:
		appendHint(&c.others, hint)
	}
	return nil
}

// notHint shows no more than the start of the hint, which may be a mistyped
// signature.
func notHint(hint string) error {
	switch {
	case hint == "":
		return bad("there is an empty hint: two + together, or one at the end")
	case hint[0] == 'A':
		return errSignatureForm()
	case hint[0] == 'B':
		return errNotBase64()
	}
	return bad("the hint that begins with %q is not an upper-case letter and then letters, digits, @, _ or -", hint[:min(len(hint), 12)])
}

func appendHint(hints *strings.Builder, hint string) {
	hints.Grow(1 + len(hint))
	hints.WriteByte('+')
	hints.WriteString(hint)
}

func (c *collector) addSignature(text string) error {
	if c.sig != (Signature{}) {
		return bad("there are two +A hints")
	}
	sig, err := parseSignature(text)
	c.sig = sig
	return err
}

func (c *collector) addVerify(text string) error {
	if text != "md5" || c.verify {
		return bad("a +V hint must be +Vmd5 and stand once")
	}
	c.verify = true
	return nil
}

// finish pairs the i-th +B with the i-th +C.
func (c *collector) finish() (Locator, error) {
	if len(c.bs) != len(c.cs) {
		return Locator{}, bad("there are %d +B and %d +C hints: each +B needs its +C", len(c.bs), len(c.cs))
	}
	if len(c.bs) > 1 && !c.verify {
		return Locator{}, bad("there are %d +B hints: only content form (+Vmd5) may name alternatives", len(c.bs))
	}
	if c.verify && len(c.bs) == 0 {
		return Locator{}, bad("+Vmd5 needs a +B and a +C hint")
	}
	refs, err := c.pairs()
	if err != nil {
		return Locator{}, err
	}
	l := c.Locator
	l.refs, l.service, l.others = refs, c.service.String(), c.others.String()
	return l, nil
}

// pairs prints the pairs in order. It builds the text once: joining one by
// one would take time quadratic in the number of hints.
func (c *collector) pairs() (string, error) {
	var text strings.Builder
	for i := range c.bs {
		if c.bs[i] == "" {
			return "", bad("a +B hint is empty")
		}
		if _, err := parseDecimal(c.cs[i]); err != nil {
			return "", bad("the offset %q after +C is not a plain decimal number that fits 63 bits", clip(c.cs[i]))
		}
		text.Grow(len("+B+C") + len(c.bs[i]) + len(c.cs[i]))
		text.WriteString("+B")
		text.WriteString(c.bs[i])
		text.WriteString("+C")
		text.WriteString(c.cs[i])
	}
	return text.String(), nil
}

// parseDecimal reads digits without sign or leading zero.
func parseDecimal(s string) (int64, error) {
	if s == "" || len(s) > 1 && s[0] == '0' || s[0] == '+' || s[0] == '-' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(s, 10, 64)
}

func isHash(s string) bool { return len(s) == 32 && isLowerHex(s) }

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func isHint(s string) bool {
	if s == "" || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isAlphanumeric(c) && c != '@' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
