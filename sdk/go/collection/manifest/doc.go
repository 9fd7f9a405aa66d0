// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest reads and writes manifest text, the form in which Arvados
// stores a collection, and computes portable data hashes.
//
// A manifest has one line for each stream (directory): its name, the locators
// of its blocks, and its files as position:length:name, where the position
// counts from the start of the first block of the line. [Writer] writes such
// lines in bounded memory, so a listing of millions of objects can be turned
// into a manifest as it arrives, and can go on later from a saved state.
// [Lines] reads text line by line without copying it; [Rewrite] checks it and
// passes each locator through a function that may strip or refuse it; [Map] is
// for text that was checked before.
//
// The portable data hash is the one of Arvados, except that a pseudo-block
// counts with its identity hash ([locator.Locator.Reduced]): stock Arvados
// counts only the hash, which all opaque pseudo-blocks share, and would give
// different data sets one portable data hash.
//
// The package does no I/O of its own and imports only package locator.
package manifest
