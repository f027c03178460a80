package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// kept are the texts of an exchange that outlive the buffer of its head. They
// stand in one array, kept with the exchange, so that its room serves the next one.
// Each has no room behind it, so that none can grow into the next.
type kept struct {
	text                           []byte
	id, method, path, origin, apim []byte
	asked                          []byte // in vain, by a preflight
	family                         record.Family
	version                        record.Version
}

// maxOrigin is what is kept of an origin to decide by it; corsx takes no more.
const maxOrigin = 512

// keep copies p into the kept texts, up to limit bytes.
func (k *kept) keep(p []byte, limit int) []byte {
	at := len(k.text)
	k.text = append(k.text, p[:min(len(p), limit+1)]...) // one more shows that it was more
	return k.since(at, limit)
}

// keepMethod keeps a method that could be one. What a client has sent behind a body
// that is longer than it says stands where the next method is expected, and may be
// a key.
func (k *kept) keepMethod(method []byte) []byte {
	for _, c := range method {
		if letter := c | 0x20; (letter < 'a' || letter > 'z') && c != '-' && c != '_' {
			return k.keep([]byte("***"), record.MethodBytes)
		}
	}
	return k.keep(method, record.MethodBytes)
}

// since returns what has been put into the kept texts from at on, cut to limit
// bytes as a line of the log takes them.
func (k *kept) since(at, limit int) []byte {
	if text := k.text[at:]; !record.Fits(text, limit) {
		k.text = append(k.text[:at], record.Fit(text, limit)...)
		if at == 0 && k.grown() {
			k.text = bytes.Clone(k.text) // a silent stream is not to hold what was cut off
		}
	}
	return k.from(at)
}

// from returns what has been put into the kept texts from at on.
func (k *kept) from(at int) []byte { return k.text[at:len(k.text):len(k.text)] }

// makeID gives the exchange an id of its own.
func (k *kept) makeID() {
	at := len(k.text)
	k.text = appendID(k.text)
	k.id = k.from(at)
}

// appendID appends a request id: 128 random bits in hexadecimal.
func appendID(dst []byte) []byte {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return hex.AppendEncode(dst, id[:])
}
