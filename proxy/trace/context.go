// Package trace decides which exchanges are told as spans, and holds what is told of one.
// It reads and writes traceparent (W3C Trace Context, Level 1). It knows no exchange and
// no collector.
package trace

import (
	"encoding/hex"
	"math/rand/v2"
)

// Context is what a traceparent says.
type Context struct {
	ID     [16]byte // of the trace
	Parent [8]byte  // the span that has asked; zero: none has
	Flags  byte
}

// sampled is the flag of a trace that whoever has asked records.
const sampled = 1

// Sampled reports whether the one who has asked records the trace.
func (c Context) Sampled() bool { return c.Flags&sampled != 0 }

// headerLength is that of version 00; of later ones it is the part that is known.
const headerLength = 55

// Parse reads the value of a traceparent (section 3.2.2). One that is not valid is as
// none: the trace begins anew.
func Parse(v []byte) (c Context, ok bool) {
	if len(v) < headerLength || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return Context{}, false
	}
	var version, flags [1]byte
	if !lowerHex(version[:], v[:2]) || !lowerHex(c.ID[:], v[3:35]) || !lowerHex(c.Parent[:], v[36:52]) || !lowerHex(flags[:], v[53:55]) {
		return Context{}, false
	}
	c.Flags = flags[0]
	switch {
	case version[0] == 0xff, version[0] == 0 && len(v) > headerLength, len(v) > headerLength && v[headerLength] != '-':
		return Context{}, false
	case c.ID == [16]byte{}, c.Parent == [8]byte{}:
		return Context{}, false
	}
	return c, true
}

// lowerHex decodes: upper-case digits are not valid.
func lowerHex(dst, src []byte) bool {
	for _, c := range src {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, src)
	return err == nil
}

// Traceparent returns the value that names the attempt under way as the parent. The next
// call overwrites it.
func (t *Trace) Traceparent() []byte {
	span := t.Last().Span
	dst := append(t.text[:0], "00-"...)
	dst = hex.AppendEncode(dst, t.ID[:])
	dst = append(dst, '-')
	dst = hex.AppendEncode(dst, span[:])
	dst = append(dst, '-')
	return hex.AppendEncode(dst, []byte{t.Flags})
}

// Sampler decides which exchanges are traced. Its zero value traces none.
type Sampler struct {
	on    bool
	share float64
}

// NewSampler returns one that begins a trace for a share of the requests that have none.
func NewSampler(share float64) Sampler { return Sampler{on: true, share: share} }

// On reports whether any exchange is traced.
func (s Sampler) On() bool { return s.on }

// Begin returns the context of an exchange that is traced. parent is the request's
// traceparent, nil for none; one that is valid decides. anew tells that the trace begins
// here.
func (s Sampler) Begin(parent []byte) (c Context, anew, traced bool) {
	if c, ok := Parse(parent); ok {
		return c, false, c.Sampled()
	}
	if s.share <= rand.Float64() {
		return Context{}, false, false
	}
	for c.ID == [16]byte{} { // which is not valid
		random(c.ID[:8])
		random(c.ID[8:])
	}
	c.Flags = sampled
	return c, true, true
}

// NewSpan returns the id of another span.
func NewSpan() (id [8]byte) {
	for id == [8]byte{} { // which is not valid
		random(id[:])
	}
	return id
}

// random fills 8 bytes. They have to differ, and need not be secret.
func random(b []byte) {
	n := rand.Uint64()
	for i := range 8 {
		b[i] = byte(n >> (8 * i))
	}
}
