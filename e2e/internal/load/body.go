package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// pattern is a body that its seed and length determine: whoever knows them can
// check every byte without having kept one.
type pattern struct {
	seed     uint64
	at, size int64
	text     bool // letters, as in a string of JSON
}

// Read implements io.Reader.
func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.size-p.at)]
	for n := 0; n < len(b); {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], scramble(p.seed+uint64(p.at/8)))
		taken := copy(b[n:], word[p.at%8:])
		for i := n; p.text && i < n+taken; i++ {
			b[i] = 'a' + b[i]%16
		}
		n += taken
		p.at += int64(taken)
	}
	return len(b), nil
}

// scramble is the finaliser of splitmix64: neighbours become strangers.
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// events is the body of an event stream: count events and the final one.
type events struct {
	id        string
	at, count int
	rest      []byte
}

// event returns the event number n of a stream; number count is the final one.
func event(id string, n, count int) []byte {
	if n == count {
		return []byte("data: [DONE]\n\n")
	}
	filler := strings.Repeat("token ", int(scramble(uint64(n))%40))
	return fmt.Appendf(nil, "data: {\"id\":%q,\"n\":%d,\"delta\":%q}\n\n", id, n, filler)
}

// Read implements io.Reader.
func (e *events) Read(b []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.at > e.count {
			return 0, io.EOF
		}
		e.rest = event(e.id, e.at, e.count)
		e.at++
	}
	n := copy(b, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// compare reads as many bytes as got has from want and tells where they differ.
func compare(want io.Reader, got []byte) error {
	expected := make([]byte, len(got))
	n, _ := io.ReadFull(want, expected)
	if n < len(got) {
		return fmt.Errorf("%d bytes more than there should be: %.40q", len(got)-n, got[n:])
	}
	if bytes.Equal(expected, got) {
		return nil
	}
	i := 0
	for got[i] == expected[i] {
		i++
	}
	return fmt.Errorf("%.40q stands where %.40q should", got[i:], expected[i:])
}
