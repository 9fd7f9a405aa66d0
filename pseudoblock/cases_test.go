// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package pseudoblock_test

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/pseudoblock"
)

// The parts that the cases below are made of.
const (
	allF     = "ffffffffffffffffffffffffffffffff"
	fooHash  = "acbd18db4cc2f85cedef654fccc4a4d8"
	goodB    = "+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ" // s3://bucket/key?versionId=v1
	otherB   = "+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12Mg" // s3://bucket/key?versionId=v2
	good     = allF + "+5" + goodB + "+C0"
	mac      = "0123456789abcdef0123456789abcdef01234567"
	badWord  = "bad-locator"
	tooLarge = "too-large"
	unpinned = "unpinned"
)

// at returns an opaque locator of the given URL.
func at(url string) string {
	return allF + "+5+B" + base64.RawURLEncoding.EncodeToString([]byte(url)) + "+C0"
}

// cases are the cases L-01 to L-21 of the test plan, as far as they are not
// about HTTP (L-14). want is the word of the error, or "" for success.
var cases = []struct{ id, text, want string }{
	{"L-01 no +B", allF + "+5", badWord},
	{"L-01 +B without +C", allF + "+5" + goodB, badWord},
	{"L-01 +C without +B", allF + "+5+C0", badWord},
	{"L-01 control", good, ""},
	{"L-02 two +B", allF + "+5" + goodB + otherB + "+C0", badWord},
	{"L-02 two +C", good + "+C0", badWord},
	{"L-02 two pairs", good + otherB + "+C0", badWord},
	{"L-02 two pairs control", fooHash + "+5" + goodB + "+C0" + otherB + "+C0+Vmd5", ""},
	{"L-02 the same pair twice", fooHash + "+5" + goodB + "+C0" + goodB + "+C0+Vmd5", badWord},
	{"L-02 two +A", good + "+A" + mac + "@7fffffff+A" + mac + "@7fffffff", badWord},
	{"L-02 two +A control", good + "+A" + mac + "@7fffffff", ""},
	{"L-02 two +V", fooHash + "+5" + goodB + "+C0+Vmd5+Vmd5", badWord},
	{"L-02 two sizes", allF + "+5+5" + goodB + "+C0", badWord},
	{"L-02 size not first", allF + goodB + "+5+C0", badWord},
	{"L-03 negative size", allF + "+-5" + goodB + "+C0", badWord},
	{"L-03 leading zero", allF + "+05" + goodB + "+C0", badWord},
	{"L-03 hexadecimal", allF + "+0x10" + goodB + "+C0", badWord},
	{"L-03 exponent", allF + "+1e3" + goodB + "+C0", badWord},
	{"L-03 underscore", allF + "+1_0" + goodB + "+C0", badWord},
	{"L-03 empty size", allF + "+" + goodB + "+C0", badWord},
	{"L-03 20 digits", allF + "+10000000000000000000" + goodB + "+C0", badWord},
	{"L-03 other digits", allF + "+٥" + goodB + "+C0", badWord},
	{"L-03 control", allF + "+10" + goodB + "+C0", ""},
	{"L-04 content form of 64 MiB", fooHash + "+67108864" + goodB + "+C0+Vmd5", ""},
	{"L-04 content form of 64 MiB + 1", fooHash + "+67108865" + goodB + "+C0+Vmd5", tooLarge},
	{"L-04 opaque form of 64 MiB + 1", allF + "+67108865" + goodB + "+C0", ""},
	{"L-04 50 TB", allF + "+50000000000000" + goodB + "+C0", ""},
	{"L-04 50 TB + 1", allF + "+50000000000001" + goodB + "+C0", tooLarge},
	{"L-05 size 0", allF + "+0" + goodB + "+C0", badWord},
	{"L-05 size 0 in content form", "d41d8cd98f00b204e9800998ecf8427e+0" + goodB + "+C0+Vmd5", badWord},
	{"L-06 negative offset", allF + "+5" + goodB + "+C-1", badWord},
	{"L-06 leading zero", allF + "+5" + goodB + "+C00", badWord},
	{"L-06 above 63 bits", allF + "+5" + goodB + "+C9223372036854775808", badWord},
	{"L-06 offset + size above 63 bits", allF + "+5" + goodB + "+C9223372036854775803", badWord},
	{"L-06 control", allF + "+5" + goodB + "+C9223372036854775802", ""},
	{"L-07 padding", allF + "+5+BczM6Ly9idWNrZXQva2V5P3ZlcnNpb25JZD12MQ==+C0", badWord},
	{"L-07 slash", allF + "+5" + strings.Replace(goodB, "Ly9", "L/9", 1) + "+C0", badWord},
	{"L-07 plus", allF + "+5" + strings.Replace(goodB, "Ly9", "L+9", 1) + "+C0", badWord},
	{"L-07 wrong length", allF + "+5" + goodB[:len(goodB)-1] + "+C0", badWord},
	{"L-07 stray bits", allF + "+5" + goodB[:len(goodB)-1] + "R+C0", badWord},
	{"L-07 line feed", allF + "+5" + goodB + "\n+C0", badWord},
	{"L-07 @ is a hint character", allF + "+5" + goodB + "@+C0", badWord},
	{"L-08 http", at("http://bucket/key?versionId=v1"), badWord},
	{"L-08 file", at("file:///etc/passwd?versionId=v1"), badWord},
	{"L-08 upper case", at("S3://bucket/key?versionId=v1"), badWord},
	{"L-08 no slashes", at("s3:bucket/key?versionId=v1"), badWord},
	{"L-08 user and password", at("s3://user:pass@bucket/key?versionId=v1"), badWord},
	{"L-08 port", at("s3://bucket:443/key?versionId=v1"), badWord},
	{"L-08 fragment", at("s3://bucket/key?versionId=v1#x"), badWord},
	{"L-08 fragment in the key", at("s3://bucket/key#x?versionId=v1"), badWord},
	{"L-08 no key", at("s3://bucket?versionId=v1"), badWord},
	{"L-08 control", at("s3://bucket/key?versionId=v1"), ""},
	{"L-09 no version", at("s3://bucket/key"), unpinned},
	{"L-09 empty query", at("s3://bucket/key?"), unpinned},
	{"L-09 empty version", at("s3://bucket/key?versionId="), unpinned},
	{"L-09 null version", at("s3://bucket/key?versionId=null"), unpinned},
	{"L-09 empty ETag", at("s3://bucket/key?etag="), unpinned},
	{"L-09 control", at("s3://bucket/key?versionId=nul"), ""},
	{"L-10 other parameter", at("s3://bucket/key?partNumber=1"), badWord},
	{"L-10 one more parameter", at("s3://bucket/key?versionId=v1&partNumber=1"), badWord},
	{"L-10 version twice", at("s3://bucket/key?versionId=v1&versionId=v2"), badWord},
	{"L-10 version and ETag", at("s3://bucket/key?versionId=v1&etag=e"), badWord},
	{"L-10 other case", at("s3://bucket/key?versionid=v1"), badWord},
	{"L-10 no name", at("s3://bucket/key?=v1"), unpinned},
	{"L-12 empty key", at("s3://bucket/?versionId=v1"), badWord},
	{"L-12 1025 bytes", at("s3://bucket/" + strings.Repeat("k", 1025) + "?versionId=v1"), badWord},
	{"L-12 1024 bytes", at("s3://bucket/" + strings.Repeat("k", 1024) + "?versionId=v1"), ""},
	{"L-12 not UTF-8", at("s3://bucket/%FF?versionId=v1"), badWord},
	{"L-12 NUL", at("s3://bucket/a%00b?versionId=v1"), badWord},
	{"L-12 control", at("s3://bucket/a%01b?versionId=v1"), ""},
	{"L-13 +C first", allF + "+5+C0" + goodB, ""},
	{"L-13 +K before", allF + "+5+K@zzzzz-bi6l4-000000000000000" + goodB + "+C0", ""},
	{"L-13 +K after", good + "+K@zzzzz-bi6l4-000000000000000", ""},
	{"L-13 unknown hint", good + "+Zabc", ""},
	{"L-13 Python order", allF + "+5+A" + mac + "@7fffffff" + goodB + "+C0+K@zzzzz", ""},
	{"L-15 upper case", strings.ToUpper(allF) + good[32:], badWord},
	{"L-15 31 digits", good[1:], badWord},
	{"L-15 33 digits", "f" + good, badWord},
	{"L-15 any other hash", fooHash + good[32:], badWord},
	{"L-15 ordinary block", fooHash + "+3", badWord},
	{"L-16 remote hint", good + "+Rzzzzz-" + mac + "@7fffffff", badWord},
	{"L-16 control", good + "+Qzzzzz-" + mac + "@7fffffff", ""},
	{"L-17 longest", at("s3://bucket/" + strings.Repeat("%E6%BC%A2", 341) + "?versionId=" + strings.Repeat("%2B", 1024)), ""},
	{"L-18 1 MiB", good + "+Z" + strings.Repeat("z", 1<<20), badWord},
	{"L-18 100000 plus signs", good + strings.Repeat("+", 100000), badWord},
	{"L-18 too many alternatives", alternatives(pseudoblock.MaxAlternatives + 1), badWord},
	{"L-18 alternatives control", alternatives(pseudoblock.MaxAlternatives), ""},
	{"L-20 raw space", at("s3://bucket/a b?versionId=v1"), badWord},
	{"L-20 raw line feed", at("s3://bucket/a\nb?versionId=v1"), badWord},
	{"L-20 plus for space", at("s3://bucket/a+b?versionId=v1"), badWord},
	{"L-20 lower-case hex", at("s3://bucket/a%2bb?versionId=v1"), badWord},
	{"L-20 needless escape", at("s3://bucket/%61?versionId=v1"), badWord},
	{"L-20 control", at("s3://bucket/a%2Bb%20c%0D%0A?versionId=v1"), ""},
	{"L-21 empty +B", allF + "+5+B+C0", badWord},
	{"L-21 empty +C", allF + "+5" + goodB + "+C", badWord},
	{"L-21 two plus signs", allF + "+5" + goodB + "++C0", badWord},
	{"L-21 plus at the end", good + "+", badWord},
	{"L-21 +A without MAC", good + "+A@7fffffff", badWord},
	{"L-21 +A of 39 digits", good + "+A" + mac[1:] + "@7fffffff", badWord},
	{"L-21 +A without expiry", good + "+A" + mac, badWord},
	{"L-21 +A with a long expiry", good + "+A" + mac + "@07fffffff", badWord},
	{"L-21 +A with another sign", good + "+A" + mac + "_7fffffff", badWord},
	{"L-21 empty +K", good + "+K@", ""},
	{"+V of another kind", fooHash + "+5" + goodB + "+C0+Vsha256", badWord},
	{"+Vmd5 alone", fooHash + "+5+Vmd5", badWord},
	{"+Vmd5 with the opaque hash", good + "+Vmd5", badWord},
	{"a nul byte", good + "\x00", badWord},
	{"nothing", "", badWord},
}

func alternatives(n int) string {
	text := fooHash + "+5+Vmd5"
	for i := range n {
		text += goodB + "+C" + strconv.Itoa(i)
	}
	return text
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

func TestCases(t *testing.T) {
	for _, c := range cases {
		t.Run(c.id, func(t *testing.T) {
			b, err := read(c.text)
			if got := word(t, err); got != c.want {
				t.Fatalf("got %q (%v), want %q", got, err, c.want)
			}
			if err == nil && len(b.Extents) == 0 || err != nil && len(b.Extents) != 0 {
				t.Errorf("block %+v with error %v", b, err)
			}
			if err != nil && (len(err.Error()) > 500 || strings.Contains(err.Error(), mac[:20]) || strings.ContainsFunc(err.Error(), unprintable)) {
				t.Errorf("the error is long, shows a signature, or is not printable: %q", err)
			}
		})
	}
}

// TestCasesBuckets is L-11: names that are not plain buckets.
func TestCasesBuckets(t *testing.T) {
	if _, err := read(at("s3://a-plain.bucket1/key?versionId=v1")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"arn:aws:s3:us-east-1:111122223333:accesspoint", "ap-abc-s3alias", "x--ol-s3", "x--op-s3", "x--use1-az4--x-s3", "x--y--xa-s3",
		"m.mrap", "Bucket", "ab", strings.Repeat("b", 64), "a..b", "192.168.5.4", "xn--b", "sthree-b", "a%2Fb", "a%b", "a@b", "a:1", "a\\b", "",
	} {
		if _, err := read(at("s3://" + name + "/key?versionId=v1")); word(t, err) != badWord {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

// TestCasesKeys covers L-19 and L-20: keys with odd characters keep their
// bytes, and two normal forms of one letter stay two keys.
func TestCasesKeys(t *testing.T) {
	seen := map[locator.Hash]string{}
	for _, key := range []string{"\u00e9", "e\u0301", "%", "+", " ", "?", "#", "&", "\\", "\"", "\t", "\r", "\n", "a%2Bb", "a+b", "a b", "..", "//"} {
		l := write(t, pseudoblock.Opaque, pseudoblock.Extent{Object: object(key), Size: 5})
		b, err := read(l.String())
		if err != nil || b.Extents[0].Object.Key != key {
			t.Errorf("%q came back as %+v, %v", key, b, err)
		}
		if other, ok := seen[b.Identity]; ok {
			t.Errorf("%q and %q have one identity", key, other)
		}
		seen[b.Identity] = key
	}
}

// TestCaseLongest is the length part of L-17.
func TestCaseLongest(t *testing.T) {
	o := object(strings.Repeat("\x01", locator.MaxKey))
	o.VersionID = strings.Repeat("+", 1024)
	l := write(t, pseudoblock.Derived, pseudoblock.Extent{Object: o, Offset: 1<<62 + 1, Size: pseudoblock.MaxSize})
	if n := len(l.String()); n < 8000 || n > 9000 {
		t.Errorf("the longest locator has %d bytes; the limit of %d was chosen for 8.5 KiB", n, locator.MaxLength)
	}
	if _, err := read(l.String()); err != nil {
		t.Error(err)
	}
}
