package relay

import (
	"bytes"
	"strconv"
)

// Collect has dst receive the data of the body from now on, without its framing; nil:
// no longer.
func (t *Tracker) Collect(dst *[]byte) { t.collect = dst }

// AppendReframed appends data as one chunk that stands in place of raw, which is all
// that has come of a body in chunks. What is still to come fits behind it as it is:
// a chunk that goes on has what is missing of it counted in, and of a size line that
// has come in part that part is kept.
func (t *Tracker) AppendReframed(dst, raw []byte, data ...[]byte) []byte {
	size := int64(0)
	for _, p := range data {
		size += int64(len(p))
	}
	if t.state == inData {
		size += t.left
	}
	dst = append(strconv.AppendInt(dst, size, 16), "\r\n"...)
	for _, p := range data {
		dst = append(dst, p...)
	}
	switch t.state {
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
