package proxy

import (
	"bytes"
	"unicode/utf8"
)

// What is noted of a message from outside is bounded, so that an access line is,
// whatever comes: a method of 60,000 letters and a path of backslashes, of which
// JSON makes two each, filled the log. The bounds are those of what is written.
const (
	methodBytes = 32
	pathBytes   = 2 << 10 // with the query
	idBytes     = 128
	originBytes = 256
	errorBytes  = 512
	// maxOrigin is what is kept of an origin to decide by it; corsx takes no more.
	maxOrigin = 512
)

// cutMark ends a text that was cut. It has a space, which none of method, path
// and origin can have.
const cutMark = " (cut)"

// keep copies p into the notes, up to limit bytes.
func (n *notes) keep(p []byte, limit int) []byte {
	at := len(n.text)
	n.text = append(n.text, p[:min(len(p), limit+1)]...) // one more shows that it was more
	return n.since(at, limit)
}

// keepMethod keeps a method that could be one. What a client has sent behind a body
// that is longer than it says stands where the next method is expected, and may be
// a key.
func (n *notes) keepMethod(method []byte) []byte {
	for _, c := range method {
		if letter := c | 0x20; (letter < 'a' || letter > 'z') && c != '-' && c != '_' {
			return n.keep([]byte("***"), methodBytes)
		}
	}
	return n.keep(method, methodBytes)
}

// since returns what has been put into the notes from at on, cut to limit bytes
// as a line of the log takes them.
func (n *notes) since(at, limit int) []byte {
	if text := n.text[at:]; written(text) > limit {
		n.text = append(n.text[:at+fitting(text, limit-len(cutMark))], cutMark...)
		if at == 0 && n.grown() {
			n.text = bytes.Clone(n.text) // a silent stream is not to hold what was cut off
		}
	}
	return n.text[at:len(n.text):len(n.text)]
}

// forLog returns text, cut to limit bytes as a line of the log takes them.
func forLog(text []byte, limit int) []byte {
	if len(text) <= limit/widest || written(text) <= limit {
		return text
	}
	end := fitting(text, limit-len(cutMark))
	return append(text[:end:end], cutMark...)
}

// widest is how many bytes of JSON a byte can take, as \u001f or \ufffd.
const widest = 6

// written returns how many bytes text takes in a line of the log.
func written(text []byte) (n int) {
	for len(text) > 0 {
		size, width := oneWritten(text)
		n += width
		text = text[size:]
	}
	return n
}

// fitting returns how many bytes of text take limit bytes of a line at most.
func fitting(text []byte, limit int) int {
	at := 0
	for at < len(text) {
		size, width := oneWritten(text[at:])
		if limit -= width; limit < 0 {
			break
		}
		at += size
	}
	return at
}

// oneWritten returns how long the first character of text is, and how long it
// will be in a line of the log: at most so long, as zerolog has short escapes for
// some control characters.
func oneWritten(text []byte) (size, width int) {
	switch c := text[0]; {
	case c == '"' || c == '\\':
		return 1, 2
	case c < ' ' || c == 0x7f:
		return 1, widest
	case c < utf8.RuneSelf:
		return 1, 1
	}
	r, size := utf8.DecodeRune(text)
	if r == utf8.RuneError && size == 1 {
		return 1, widest
	}
	return size, size
}
