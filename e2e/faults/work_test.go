//go:build e2e

package faults

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
)

// The work that a request asks of the upstream, in its field X-Work.
const (
	workFixed   = "fixed"   // a body with Content-Length
	workChunked = "chunked" // a body in chunks
	workStream  = "stream"  // an event stream, an event at a time
	workHead    = "head"    // the answer to HEAD
	workNothing = "nothing" // 204
	workEarly   = "early"   // an answer before the request body is read
	workHold    = "hold"    // the beginning of an event stream, and then silence
	workSilent  = "silent"  // not even a head
	workFlood   = "flood"   // a body of so many MiB with Content-Length
	workTorrent = "torrent" // the same in chunks
)

// block is text of which no part looks like another. Both processes have it.
var block = func() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 128<<10)
	for i := range b {
		b[i] = 'a' + byte(r.IntN(26))
	}
	return b
}()

const maxSize = 64 << 10

// textOf returns size bytes that belong to the nonce and to no other.
func textOf(nonce string, size int) []byte {
	h := fnv.New32a()
	_, _ = h.Write([]byte(nonce))
	at := int(h.Sum32() % maxSize)
	return append([]byte(nonce+":"), block[at:at+min(size, maxSize)]...)
}

// contentOf returns the body that answers the nonce. For workHold it is more than
// is ever sent.
func contentOf(nonce, work string, size int) []byte {
	switch work {
	case workHead, workNothing, workSilent:
		return nil
	case workStream, workHold:
		var b bytes.Buffer
		for _, event := range eventsOf(nonce, size) {
			b.Write(event)
		}
		return b.Bytes()
	}
	return textOf(nonce, size)
}

// eventsOf returns an event stream for the nonce with its final event.
func eventsOf(nonce string, size int) (all [][]byte) {
	text := textOf(nonce, size)
	for i := 0; len(text) > 0; i++ {
		n := min(len(text), 40+i*37%200)
		all = append(all, fmt.Appendf(nil, "data: {\"nonce\":%q,\"n\":%d,\"text\":%q}\n\n", nonce, i, text[:n]))
		text = text[n:]
	}
	return append(all, []byte("data: [DONE]\n\n"))
}

func chunk(data []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data) }
