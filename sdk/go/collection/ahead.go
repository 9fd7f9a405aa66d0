// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package collection

const (
	// partSize is how much is asked for in one request, in bytes.
	partSize = 4 << 20
	// maxAhead is how far one file is read ahead.
	maxAhead = 4 * partSize
	// maxPiecesAhead is how many requests a read may cause at once: a file may be
	// put together of very small pieces.
	maxPiecesAhead = 64
	// maxRows is how many places in one file may be read in a row at once.
	maxRows = 4
)

// rows notices reads of which each begins where another ended. The latest
// come first.
type rows [maxRows]row

// row is a series of reads.
type row struct {
	// start and end say where the last read was.
	start, end int64
	// sum is the number of bytes read so far.
	sum int64
	// next is up to where was fetched, or is being fetched.
	next int64
}

// follow notes a read and returns its row, the first of r. A read that begins
// inside or at the end of no other begins a row in place of the oldest.
func (r *rows) follow(offset, size int64) (this *row, follows bool) {
	i := maxRows - 1
	for j := range r {
		if r[j].sum > 0 && r[j].start <= offset && offset <= r[j].end {
			i, follows = j, true
			break
		}
	}
	found := r[i]
	if !follows {
		found = row{next: offset, end: offset}
	}
	copy(r[1:i+1], r[:i])
	found.sum += max(0, offset+size-found.end)
	found.start, found.end = offset, offset+size
	r[0] = found
	return &r[0], follows
}

// expect begins a row of which much is known to come.
func (r *rows) expect(offset, size int64) {
	this, _ := r.follow(offset, 0)
	this.sum = max(this.sum, min(size, maxAhead))
}

// readAhead starts to fetch what a read wants, in parts, and what will be
// wanted next: as much again as was read in this row before, so that never
// much more than twice is fetched of what is wanted.
func (f *File) readAhead(offset, want int64) {
	if f.client == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := min(want, partSize)
	row, follows := f.rows.follow(offset, now)
	if !follows && want <= partSize {
		row.next = offset + want
		return // one request, which the reader makes itself
	}
	until := min(offset+max(min(want, maxAhead), min(row.sum-now, maxAhead)), f.f.size)
	row.next = max(row.next, offset)
	missing := until - row.next
	if row.next >= offset+now && missing < min(partSize, (until-offset-now+1)/2) && until < f.f.size {
		return // small requests are dear
	}
	for n := 0; row.next < until && n < maxPiecesAhead; n++ {
		p := f.piece(row.next, min(until-row.next, partSize))
		if l, err := p.current(); err == nil && p.run.pack == nil {
			f.client.keep.Ahead(f.ctx, l, p.offset, p.size)
		}
		row.next += p.size
	}
}
