package relay

import (
	"bytes"
	"strconv"
)

// Collect has dst receive the data of the body from now on, without its framing; nil:
// no longer.
func (t *Tracker) Collect(dst *[]byte) { t.collect = dst }

// Content returns the data of a request's body in chunks, as far as a Tracker has passed it:
// pieces are all of that, in order.
func Content(pieces ...[]byte) (data []byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	data = make([]byte, 0, size)
	var t Tracker
	t.Begin(Chunked, nil)
	t.Strict()
	t.Collect(&data)
	for _, p := range pieces {
		if _, err := t.Scan(p); err != nil {
			break
		}
	}
	return data
}

// A Seam is the place where a body in chunks is cut: in front of it stands what has come
// so far, behind it what is to come. It stays where it is while the Tracker goes on, so
// that what stands in front can be reframed again, for another upstream.
type Seam struct {
	state state
	left  int64 // as in Tracker
}

// Seam returns the place that has been reached.
func (t *Tracker) Seam() Seam { return Seam{t.state, t.left} }

// AppendLine appends the line of a chunk of size bytes that stands in place of all that
// stands in front of the seam. What stands behind it fits as it is: of a chunk that goes on
// what is missing is counted in.
func (s Seam) AppendLine(dst []byte, size int64) []byte {
	if s.state == inData {
		size += s.left
	}
	return append(strconv.AppendInt(dst, size, 16), "\r\n"...)
}

// AppendEnd appends what stands between the data of that chunk and what stands behind the
// seam. raw is what stood in front of it: of a size line that has come in part that part
// is kept.
func (s Seam) AppendEnd(dst, raw []byte) []byte {
	switch s.state {
	case inData, inDataCR:
		return dst
	case inDataLF:
		return append(dst, '\r')
	case finished:
		return append(dst, "\r\n0\r\n\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, raw[bytes.LastIndexByte(raw, '\n')+1:]...)
}
