// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"time"
)

// Journal keeps how far an import is in a file, so that another process can go
// on with it within 24 hours: after the same import was interrupted, canceled
// or killed, or could not be saved. The file grows by some 400 bytes for each
// object and is safe on disk at each point from which the import can go on.
//
// The locators in the file carry permission signatures, which are secrets of
// the user: give nobody else the right to read it, and remove it when the
// collection is saved.
type Journal struct {
	// File is open for reading and writing. It is empty, or the journal of the
	// same import: the same sources in the same order, the same form, cluster
	// and token; any other is refused with [BadJournal] and left as it is.
	// Nobody else may use it meanwhile. It stays open.
	File *os.File
	// Resumed, if set, is called when the import goes on with what is in the
	// file: how far it was, and when it began.
	Resumed func(p Progress, begun time.Time)
	// Anew, if set, is called when what is in the file cannot be used any
	// more, and the import begins anew. Keys that were told to
	// ImportOptions.Skipped are told again.
	Anew func(reason error)
	// Broken, if set, is called at most once, when the file cannot be written.
	// The import goes on without it.
	Broken func(err error)
}

// journalLife is how long a resume token can be used (docs/protocol.md).
const journalLife = 24 * time.Hour

// journalVersion is the first line of a journal.
const journalVersion = "keepstore import journal 1\n"

// A journal is the version line, then lines of the form "CHECKSUM JSON". The
// JSON of the first is a journalHead, that of the others a journalLine. Each
// checksum is over all JSON up to there, so that a lost line is noticed too.
// What stands behind the last point is not used.
type journalHead struct {
	Import string    `json:"import"`
	Begun  time.Time `json:"begun"`
}

// journalLine is a file or skipped line, or a point: a progress line with a
// resume token, or a done line. Points have a time.
type journalLine struct {
	line
	Time time.Time `json:"time,omitzero"`
}

// journal is a [Journal] of one import.
type journal struct {
	*Journal
	head journalHead
	w    *bufio.Writer
	sum  uint32
	// counts are those of the last point found.
	counts Progress
	// broken is set when nothing can be written any more.
	broken bool
}

// importID names an import of one user of one cluster. It holds the token,
// since signatures are good for that alone.
func (c *Client) importID(r importRequest) string {
	r.Resume = ""
	body, _ := json.Marshal(r) // texts and times always marshal
	sum := sha256.New()
	fmt.Fprintf(sum, "%s%s\n%s\n%s", journalVersion, c.api.Address(), c.api.Settings().Token.Reveal(), body)
	return hex.EncodeToString(sum.Sum(nil))
}

// openJournal reads what is in the file. It calls hand with the lines that are
// final, and after those of a request that is complete end with its done line.
// It returns the resume token of the next.
func (c *Client) openJournal(o *Journal, r importRequest, hand func([]line) error, end func(line) error) (j *journal, resume string, err error) {
	j = &journal{Journal: o, head: journalHead{Import: c.importID(r), Begun: time.Now().UTC().Truncate(time.Second)}}
	size, err := j.scan()
	switch {
	case KindOf(err) == BadJournal:
		return nil, "", err
	case err != nil:
		j.anew(err)
		return j, "", nil
	case size == 0:
		j.begin()
		return j, "", nil
	}
	if resume, err = j.replay(size, hand, end); err != nil {
		return nil, "", err
	}
	if j.goOn(size); j.Resumed != nil {
		j.Resumed(j.counts, j.head.Begun)
	}
	return j, resume, nil
}

// scan checks the file and returns the position behind the last point, or 0 if
// there is none. An error that is no [BadJournal] says why what is there is of
// no use.
func (j *journal) scan() (end int64, err error) {
	if _, err := j.File.Seek(0, io.SeekStart); err != nil {
		return 0, badJournal("cannot be read: %s", err)
	}
	r := newJournalReader(j.File)
	if err := j.scanHead(r); err != nil || r.empty {
		return 0, err
	}
	var last journalLine
	var complete Progress // of the requests before
	for files := int64(0); ; {
		text, ok := r.next()
		if !ok {
			break
		}
		switch {
		case bytes.HasPrefix(text, []byte(`{"type":"file"`)):
			if files++; files == 1 && signatureEnds(text) {
				return 0, errors.New("the signatures in it end")
			}
		case isPoint(text):
			if last = (journalLine{}); json.Unmarshal(text, &last) == nil {
				end, j.sum, j.counts = r.at, r.sum, complete.plus(last.counts())
			}
			if last.Type == "done" {
				complete = j.counts
			}
		}
	}
	if end > 0 && time.Since(last.Time) > journalLife {
		return 0, errors.New("it is older than 24 hours")
	}
	return end, nil
}

// scanHead checks whether the file is the journal of this import.
func (j *journal) scanHead(r *journalReader) error {
	switch version, err := r.version(); {
	case err != nil:
		return badJournal("cannot be read: %s", err)
	case version == "":
		r.empty = true
		return nil
	case version != journalVersion && strings.HasPrefix(journalVersion, version):
		return errors.New("its beginning is damaged") // as the disk was full
	case version != journalVersion:
		return badJournal("is no journal that this version of the program can read: name another file, or remove it")
	}
	text, ok := r.next()
	var head journalHead
	if !ok || json.Unmarshal(text, &head) != nil {
		return errors.New("its beginning is damaged")
	}
	if head.Import != j.head.Import {
		return badJournal("belongs to another import, token or cluster: name another file, or remove it")
	}
	j.head.Begun = head.Begun
	return nil
}

func badJournal(format string, args ...any) error {
	return fault(BadJournal, "the journal of the import "+format, args...)
}

// isPoint reports whether a line is one behind which an import can go on.
func isPoint(text []byte) bool {
	return bytes.HasPrefix(text, []byte(`{"type":"progress"`)) || bytes.HasPrefix(text, []byte(`{"type":"done"`))
}

// signatureEnds reports whether the signature in a file line, of which the
// first is the oldest, is about to expire.
func signatureEnds(text []byte) bool {
	var l line
	if json.Unmarshal(text, &l) != nil {
		return false // told when it is replayed
	}
	first, _, _ := bytes.Cut([]byte(l.Locator), []byte(" "))
	return expires(string(first), time.Now().Add(signatureLeft))
}

// replay hands on the lines up to a position that scan returned.
func (j *journal) replay(size int64, hand func([]line) error, end func(line) error) (resume string, err error) {
	if _, err := j.File.Seek(0, io.SeekStart); err != nil {
		return "", badJournal("cannot be read: %s", err)
	}
	r := newJournalReader(io.LimitReader(j.File, size))
	if _, err := r.version(); err != nil {
		return "", badJournal("cannot be read: %s", err)
	}
	r.next() // the head
	var pending []line
	for text, ok := r.next(); ok; text, ok = r.next() {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return "", badJournal("holds a line that is none: remove it")
		}
		if !isPoint(text) {
			pending = append(pending, l.withURL())
			continue
		}
		err := hand(pending)
		if pending, resume = pending[:0], l.Resume; err == nil && l.Type == "done" {
			err = end(l)
		}
		if err != nil {
			return "", err
		}
	}
	if r.at != size {
		return "", badJournal("changed while it was read: somebody else writes to it")
	}
	return resume, nil
}

// withoutURL leaves out of a file line what its locator has.
func (l line) withoutURL() line {
	if l.Type == "file" && l.Size > 0 {
		l.URL = ""
	}
	return l
}

func (l line) withURL() line {
	first, _, _ := strings.Cut(l.Locator, " ")
	if l.Type != "file" || l.URL != "" {
		return l
	}
	if all := objectsOf(first); len(all) > 0 {
		l.URL = all[0].URL()
	}
	return l
}

// goOn makes ready to write behind the last point.
func (j *journal) goOn(end int64) {
	err := j.File.Truncate(end)
	if err == nil {
		_, err = j.File.Seek(end, io.SeekStart)
	}
	j.w = bufio.NewWriterSize(j.File, 64<<10)
	j.note(err)
}

// anew empties the file and tells why.
func (j *journal) anew(reason error) {
	if j.Anew != nil {
		j.Anew(reason)
	}
	j.head.Begun = time.Now().UTC().Truncate(time.Second)
	j.begin()
}

// begin writes the beginning of an empty file.
func (j *journal) begin() {
	j.sum = 0
	if j.goOn(0); j.broken {
		return
	}
	_, err := j.w.WriteString(journalVersion)
	j.note(err)
	j.write(j.head)
	j.sync()
}

// clear empties the file: what was in it must not be used again.
func (j *journal) clear() {
	if j != nil {
		j.goOn(0)
	}
}

// point notes lines that are final, and behind them a progress line with a
// resume token or a done line.
func (j *journal) point(lines []line, last line) {
	if j == nil || j.broken {
		return
	}
	for _, l := range lines {
		j.write(l.withoutURL())
	}
	j.write(journalLine{line: last, Time: time.Now().UTC().Truncate(time.Second)})
	j.sync()
}

func (j *journal) write(v any) {
	if j.broken {
		return
	}
	text, err := json.Marshal(v)
	if err == nil {
		j.sum = crc32.Update(j.sum, castagnoli(), text)
		_, err = fmt.Fprintf(j.w, "%08x %s\n", j.sum, text)
	}
	j.note(err)
}

func (j *journal) sync() {
	if j.broken {
		return
	}
	err := j.w.Flush()
	if err == nil {
		err = j.File.Sync()
	}
	j.note(err)
}

// note looks at what came of writing. After an error the file stays as it is:
// the last point in it is good.
func (j *journal) note(err error) {
	if err == nil || j.broken {
		return
	}
	if j.broken = true; j.Broken != nil {
		j.Broken(err)
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// journalReader reads the lines of a journal up to the first that is damaged.
type journalReader struct {
	in    lineReader
	at    int64 // position behind the last good line
	sum   uint32
	empty bool
}

func newJournalReader(file io.Reader) *journalReader {
	return &journalReader{in: lineReader{in: bufio.NewReaderSize(file, 64<<10), most: maxLine}}
}

// version returns the version line, or what stands in its place.
func (r *journalReader) version() (string, error) {
	text := make([]byte, len(journalVersion))
	n, err := io.ReadFull(r.in.in, text)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	r.at = int64(n)
	return string(text[:n]), err
}

// next returns the JSON of the next line, which is good until the next call.
func (r *journalReader) next() ([]byte, bool) {
	text, err := r.in.next()
	if err != nil || len(text) < len("00000000 {}\n") {
		return nil, false
	}
	body := text[9 : len(text)-1]
	sum := crc32.Update(r.sum, castagnoli(), body)
	if string(text[:9]) != fmt.Sprintf("%08x ", sum) {
		return nil, false
	}
	r.at, r.sum = r.at+int64(len(text)), sum
	return body, true
}
