package proxy

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// kept are the texts of an exchange that outlive the buffer of its head. They
// stand in one array, kept with the exchange, so that its room serves the next one.
type kept struct {
	array                          []byte
	id, method, path, origin, apim text
	asked                          text // in vain, by a preflight
	family                         record.Family
	version                        record.Version
}

// A text is where one stands in the array; its zero value says that there is none. All of
// them are bounded by the lengths that package record has for them: a few KiB together.
type text struct{ from, to uint16 }

// of returns the bytes of t, nil where there is no such text. They have no room behind them,
// so that none can grow into the next, and they are gone with the exchange.
func (k *kept) of(t text) []byte {
	if t == (text{}) {
		return nil
	}
	return k.array[t.from:t.to:t.to]
}

// maxOrigin is what is kept of an origin to decide by it; corsx takes no more.
const maxOrigin = 512

// keep copies p into the kept texts, up to limit bytes.
func (k *kept) keep(p []byte, limit int) text {
	at := len(k.array)
	k.array = append(k.array, p[:min(len(p), limit+1)]...) // one more shows that it was more
	return k.since(at, limit)
}

// instead is keep for p in the place of t, which was kept last, or of none: what comes once
// with each attempt is not to fill the array.
func (k *kept) instead(t text, p []byte, limit int) text {
	if t != (text{}) && int(t.to) == len(k.array) {
		k.array = k.array[:t.from]
	}
	return k.keep(p, limit)
}

// keepMethod keeps a method that could be one. What a client has sent behind a body
// that is longer than it says stands where the next method is expected, and may be
// a key.
func (k *kept) keepMethod(method []byte) text {
	for _, c := range method {
		if letter := c | 0x20; (letter < 'a' || letter > 'z') && c != '-' && c != '_' {
			return k.keep([]byte("***"), record.MethodBytes)
		}
	}
	return k.keep(method, record.MethodBytes)
}

// since returns what has been put into the kept texts from at on, cut to limit
// bytes as a line of the log takes them.
func (k *kept) since(at, limit int) text {
	if text := k.array[at:]; !record.Fits(text, limit) {
		k.array = append(k.array[:at], record.Fit(text, limit)...)
		if at == 0 && k.grown() {
			k.array = bytes.Clone(k.array) // a silent stream is not to hold what was cut off
		}
	}
	return k.from(at)
}

// from returns what has been put into the kept texts from at on.
func (k *kept) from(at int) text { return text{uint16(at), uint16(len(k.array))} }

// makeID gives the exchange an id of its own.
func (k *kept) makeID(random *rand.PCG) {
	at := len(k.array)
	k.array = appendID(k.array, random.Uint64(), random.Uint64())
	k.id = k.from(at)
}

// appendID appends a request id of 128 random bits, in hexadecimal. They are not secret.
func appendID(dst []byte, a, b uint64) []byte {
	for _, n := range [...]uint64{a, b} {
		dst = binary.LittleEndian.AppendUint64(dst, hexadecimal(uint32(n)))
		dst = binary.LittleEndian.AppendUint64(dst, hexadecimal(uint32(n>>32)))
	}
	return dst
}

// hexadecimal returns the digits of n, eight in a word, the lowest first: package
// encoding/hex takes four times as long.
func hexadecimal(n uint32) uint64 {
	const ones = 0x0101010101010101
	w := uint64(n)
	w = (w | w<<16) & 0x0000ffff0000ffff
	w = (w | w<<8) & 0x00ff00ff00ff00ff
	w = (w | w<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (w + ones*6) >> 4 & ones // 1 where a digit is above 9
	return w + ones*'0' + letters*('a'-'9'-1)
}
