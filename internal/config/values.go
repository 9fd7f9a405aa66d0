// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The readers of this file turn a value into something typed. After
// reporting a fault they return a zero value, and checking goes on.

func (b *builder) boolean(v value) bool {
	if v.text != "true" && v.text != "false" {
		b.bad.add(v.place, "expected true or false")
	}
	return v.text == "true"
}

// oneOf returns the text if it is among the words, and "" after a fault.
func (b *builder) oneOf(v value, words ...string) string {
	for _, w := range words {
		if v.text == w {
			return w
		}
	}
	if near := nearest(v.text, words); near != "" {
		b.bad.add(v.place, "did you mean %s? It is one of %s", near, strings.Join(words, ", "))
	} else {
		b.bad.add(v.place, "expected one of %s", strings.Join(words, ", "))
	}
	return ""
}

func (b *builder) count(v value) int {
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil || n <= 0 {
		b.bad.add(v.place, "expected a whole number above zero")
		return 0
	}
	return int(n)
}

func (b *builder) duration(v value) time.Duration {
	d, err := time.ParseDuration(v.text)
	if err != nil || d <= 0 {
		b.bad.add(v.place, "expected a time above zero with its unit, such as 5s, 2m30s or 336h")
		return 0
	}
	return d
}

// size reads a number of bytes, with or without a binary unit.
func (b *builder) size(v value) int64 {
	digits := strings.TrimRight(v.text, "KMGTiB")
	shift, ok := map[string]int{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[v.text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n <= 0 || n > math.MaxInt64>>shift {
		b.bad.add(v.place, "expected a number of bytes above zero, such as 65536, 32KiB or 1GiB (units B, KiB, MiB, GiB, TiB)")
		return 0
	}
	return n << shift
}

// origin reads scheme, host and port. Its faults do not quote the text, in
// which people have put passwords.
func (b *builder) origin(v value, schemes ...string) string {
	if !v.given() {
		return ""
	}
	u, err := url.Parse(strings.TrimSuffix(v.text, "/"))
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		b.bad.add(v.place, "expected scheme, host and port, such as %s://host.example:9000", schemes[0])
	case u.User != nil:
		b.bad.add(v.place, "there must be no user or password in a URL")
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(v.text, "#"):
		b.bad.add(v.place, "expected scheme, host and port only, without a path, query or fragment")
	case !contains(schemes, u.Scheme):
		b.bad.add(v.place, "the URL must begin with %s://", strings.Join(schemes, ":// or "))
	case !isHost(u.Hostname()) || !isPort(u.Port(), u.Host):
		b.bad.add(v.place, "the host or port of the URL is not valid")
	default:
		return u.Scheme + "://" + strings.ToLower(u.Host)
	}
	return ""
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}

func isHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return len(name) <= 253 && regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`).MatchString(name) &&
		!strings.Contains(name, "..")
}

// isPort accepts no port, or one from 1 to 65535; "host:" has an empty one.
func isPort(port, host string) bool {
	if port == "" {
		return !strings.HasSuffix(host, ":")
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// uuid checks the form of an Arvados UUID of one kind, such as "tpzed".
func isUUID(text, kind string) bool {
	return regexp.MustCompile(`^[a-z0-9]{5}-` + kind + `-[a-z0-9]{15}$`).MatchString(text)
}
