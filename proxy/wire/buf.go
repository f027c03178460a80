package wire

// BufSize is the size of a pooled buffer: one TLS record, and more than the
// head of any known client.
const BufSize = 16 << 10

// Buf is a buffer with a read and a write position. It has one owner at a time,
// who hands it on or releases it, once, on the loop that it was taken from: released
// twice it would be in two hands, and one client would read another's bytes.
//
//	| consumed, or held | Bytes       | Free        |
//	0                   r             w             len(data)
//
// Content moves within data, or into a new one, only where room is made for more (Add,
// MakeRoom) or all of it is replaced (Set). Held bytes never move: what makes room
// leaves them where they are, and takes the rest elsewhere if it must.
type Buf struct {
	data  []byte // own, or what it has grown to
	r, w  int    // 0 <= r <= w <= len(data); both 0 where it is empty and nothing held
	held  bool   // what stood in front of r stays where it is
	moved bool   // and that is no longer in data
	own   []byte // of BufSize, the buffer's for ever
	space *space // whose data it is; nil: own, or a slice that goes to the collector
	loop  *Loop  // whose store it goes back to
}

// keepBufs bounds the free buffers that a loop keeps: one stalled client after
// another must not leave their sum behind.
const keepBufs = 64

// GetBuf takes an empty buffer from the loop's own store.
func (l *Loop) GetBuf() *Buf {
	if n := len(l.bufs); n > 0 {
		b := l.bufs[n-1]
		l.bufs[n-1] = nil // or what it grows to would not go to the collector
		l.bufs = l.bufs[:n-1]
		return b
	}
	own := make([]byte, BufSize)
	return &Buf{data: own, own: own, loop: l}
}

// Release gives the buffer back; b may be nil. What it has grown to is not the
// buffer's, so that one large head does not stay for ever.
func (b *Buf) Release() {
	if b == nil {
		return
	}
	if b.held = false; &b.data[0] != &b.own[0] {
		b.moveTo(b.own, nil)
	}
	if b.r, b.w = 0, 0; len(b.loop.bufs) < keepBufs {
		b.loop.bufs = append(b.loop.bufs, b)
	}
}

// Bytes returns what has been read and not yet consumed. It is valid until the
// next call on b.
func (b *Buf) Bytes() []byte {
	if b == nil {
		return nil
	}
	return b.data[b.r:b.w]
}

// Len returns len(Bytes()).
func (b *Buf) Len() int {
	if b == nil {
		return 0
	}
	return b.w - b.r
}

// Free returns the space behind the bytes.
func (b *Buf) Free() []byte { return b.data[b.w:] }

// Consume drops the first n bytes.
func (b *Buf) Consume(n int) {
	if b == nil {
		return
	}
	b.r += n
	if b.r == b.w && !b.held {
		b.r, b.w = 0, 0
	}
}

// Cut drops what stands behind the first n bytes.
func (b *Buf) Cut(n int) { b.w = b.r + n }

// Hold takes the first n bytes, a head, out of Bytes and returns them. Until Let
// they stay where they are, whatever is read in behind them: the slices of a
// parsed head alias them. What is returned has no room behind it, so that nobody who
// appends to it writes into the body.
func (b *Buf) Hold(n int) []byte {
	head := b.data[b.r : b.r+n : b.r+n]
	b.r, b.held, b.moved = b.r+n, true, false
	return head
}

// Let ends what Hold has begun; b may be nil. What aliases the head must have been
// let go before: the next read may write over it.
func (b *Buf) Let() {
	if b != nil {
		b.held, b.moved = false, false
		b.Consume(0)
	}
}

// Set makes p the content. p must have been appended to Empty().
func (b *Buf) Set(p []byte) {
	if data := p[:cap(p)]; &data[0] != &b.data[0] { // append has grown it
		b.moveTo(data, nil)
	}
	b.r, b.w = 0, len(p)
}

// Empty returns the whole space with length 0, to append to; Set takes it back. There
// must be nothing in b, and nothing held: it would be written over.
func (b *Buf) Empty() []byte { return b.data[:0] }

// Add appends p, growing as needed. p must not be of b's own space, which may move in
// front of the copy.
func (b *Buf) Add(p []byte) {
	if len(p) > len(b.data)-b.w && b.r > 0 && !b.held {
		b.w = copy(b.data, b.data[b.r:b.w])
		b.r = 0
	}
	if len(p) <= len(b.data)-b.w {
		b.w += copy(b.data[b.w:], p)
		return
	}
	// append would grow a large one by a quarter, and leave twice as much behind.
	data, s := b.loop.getSpace(max(2*len(b.data), b.w+len(p)))
	b.w = copy(data, b.data[:b.w]) + copy(data[b.w:], p)
	b.moveTo(data, s)
}

// MakeRoom leaves at least one free byte, growing by doubling up to limit bytes
// of content. It returns false when the content has reached limit. Doubling keeps
// linear what is copied of a head that comes byte by byte.
func (b *Buf) MakeRoom(limit int) bool {
	if b.Len() >= limit {
		return false
	}
	if b.w < len(b.data) {
		return true
	}
	if b.r > 0 && !b.held {
		b.w = copy(b.data, b.data[b.r:b.w])
		b.r = 0
		return true
	}
	data, s := b.loop.getSpace(2 * len(b.data))
	b.w = copy(data, b.data[b.r:b.w]) // what is held stays in the old one
	b.r = 0
	b.moveTo(data, s)
	return true
}

// moveTo has the content, which is there already, in data, of s. Where a head that is
// held stands in what it has grown to before, that goes to the collector.
func (b *Buf) moveTo(data []byte, s *space) {
	if b.space != nil && (!b.held || b.moved) {
		b.loop.putSpace(b.space)
	}
	b.data, b.space, b.moved = data, s, b.held
}

// dropEmpty releases b if there is nothing in it, and nothing held: a silent stream
// has no buffer.
func (b *Buf) dropEmpty() *Buf {
	if b.Len() > 0 || b.held {
		return b
	}
	b.Release()
	return nil
}
