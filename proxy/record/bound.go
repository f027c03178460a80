package record

import (
	"encoding/binary"
	"unicode/utf8"
)

// What is noted of a message from outside is bounded, so that an access line is,
// whatever comes: a method of 60,000 letters and a path of backslashes, of which
// JSON makes two each, filled the log. The bounds are those of what is written.
const (
	MethodBytes = 32
	PathBytes   = 2 << 10 // with the query
	IDBytes     = 128
	originBytes = 256
	errorBytes  = 512
	callerBytes = 128
	AskedBytes  = 256
)

// cutMark ends a text that was cut. It has a space, which none of method, path
// and origin can have.
const cutMark = " (cut)"

// Fit returns text, cut to limit bytes as a line of the log takes them.
func Fit(text []byte, limit int) []byte {
	if Fits(text, limit) {
		return text
	}
	end := fitting(text, limit-len(cutMark))
	return append(text[:end:end], cutMark...)
}

// Fits reports whether text takes limit bytes of a line at most.
func Fits(text []byte, limit int) bool {
	return len(text) <= limit/Widest || len(text) <= limit && surelyPlain(text) || written(text) <= limit
}

// surelyPlain reports that text, as nearly always, has only bytes that are one each in a line
// of the log. It looks at eight at a time; where it is false nobody knows.
func surelyPlain(text []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		quote, backslash := w^ones*'"', w^ones*'\\'
		if (w|(w-ones*' ')|(w+ones)|(quote-ones)|(backslash-ones))&highs != 0 {
			return false
		}
	}
	for i < len(text) && plain[text[i]] {
		i++
	}
	return i == len(text)
}

// Widest is how many bytes of JSON a byte can take, as \u001f or \ufffd.
const Widest = 6

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
// will be in a line of the log: at most so long, as there are short escapes for
// some control characters.
func oneWritten(text []byte) (size, width int) {
	switch c := text[0]; {
	case c == '"' || c == '\\':
		return 1, 2
	case c < ' ' || c == 0x7f:
		return 1, Widest
	case c < utf8.RuneSelf:
		return 1, 1
	}
	r, size := utf8.DecodeRune(text)
	if r == utf8.RuneError && size == 1 {
		return 1, Widest
	}
	return size, size
}
