package wire

import "sync"

// BufSize is the size of a pooled buffer: one TLS record, and more than the
// head of any known client.
const BufSize = 16 << 10

// Buf is a buffer with a read and a write position. It has one owner at a time,
// who hands it on or releases it.
type Buf struct {
	data []byte
	r, w int
}

var pool = sync.Pool{New: func() any { return &Buf{data: make([]byte, BufSize)} }}

// GetBuf takes an empty buffer from the pool.
func GetBuf() *Buf {
	b, ok := pool.Get().(*Buf)
	if !ok {
		panic("BUG: foreign value in the buffer pool")
	}
	return b
}

// Holding returns a buffer of its own with a copy of p, or nil if p is empty.
func Holding(p []byte) *Buf {
	if len(p) == 0 {
		return nil
	}
	b := GetBuf()
	if len(p) > len(b.data) {
		b.data = make([]byte, len(p))
	}
	b.Append(p)
	return b
}

// Release gives the buffer back; b may be nil. Grown ones go to the collector,
// so that one large head does not stay for ever.
func (b *Buf) Release() {
	if b == nil || len(b.data) != BufSize {
		return
	}
	b.r, b.w = 0, 0
	pool.Put(b)
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
	b.r += n
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// Set makes p the content. p must have been appended to Empty().
func (b *Buf) Set(p []byte) { b.data, b.r, b.w = p[:cap(p)], 0, len(p) }

// Empty returns the whole space with length 0, to append to; Set takes it back.
func (b *Buf) Empty() []byte { return b.data[:0] }

// Append adds p, for which Free must have room.
func (b *Buf) Append(p []byte) { b.w += copy(b.data[b.w:], p) }

// MakeRoom leaves at least one free byte, growing by doubling up to limit bytes
// of content. It returns false when the content has reached limit.
func (b *Buf) MakeRoom(limit int) bool {
	if b.Len() >= limit {
		return false
	}
	if b.w < len(b.data) {
		return true
	}
	data := b.data
	if b.r == 0 {
		data = make([]byte, 2*len(b.data))
	}
	b.w = copy(data, b.data[b.r:b.w])
	b.r, b.data = 0, data
	return true
}

// dropEmpty releases b if it holds nothing.
func (b *Buf) dropEmpty() *Buf {
	if b.Len() > 0 {
		return b
	}
	b.Release()
	return nil
}
