// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package locator holds the text forms that name data in Keep: block
// locators with their hints, the canonical S3 URL inside a +B hint, the
// identity hash of a reference, and permission signatures.
//
// The grammar of a locator is
//
//	<32 lower-case hex digits>+<size>(+<hint>)*
//	hint = [A-Z][A-Za-z0-9@_-]*
//
// with these hints of our concern:
//
//	+B<base64url>   canonical URL of an S3 object version (see [Object])
//	+C<decimal>     offset of the block in that object, in bytes
//	+Vmd5           the hash is the MD5 of the bytes (content form)
//	+K@<uuid>       the Keep service to ask first
//	+A<40 hex>@<8 hex>  permission signature and its expiry
//
// Every other hint is kept as it is. [Parse] accepts hints in any order,
// because stock clients move +A forward; [Locator.String] prints one order:
// size, B, C, V, K, others, A. Whatever Parse accepts, String prints to a
// text that parses to an equal value.
//
// Parsing is strict on purpose: text that has two spellings is refused, since
// a client and a server that read one locator differently would disagree
// about which bytes it names. The package does no I/O and imports only the
// standard library. The normative text is docs/locator.md.
package locator
