package bridge

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// unreserved characters mean nothing in a URL (RFC 3986 section 2.3).
func unreserved(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0
}

// appendEscaped appends a name as one segment of a path: everything but unreserved
// characters is percent-encoded. openai-node 6 and others write it as it is, and the
// name walks through the path of the upstream.
func appendEscaped(dst []byte, name string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(name) {
		if c := name[i]; unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// decodePercent decodes a text once into room, and returns nil where it has no room, or
// where a % is no escape.
func decodePercent(room, text []byte) []byte {
	n := 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if i+2 >= len(text) || unhex(text[i+1]) > 15 || unhex(text[i+2]) > 15 {
				return nil
			}
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			i += 2
		}
		if n == len(room) {
			return nil
		}
		room[n] = c
		n++
	}
	return room[:n]
}

// unhex returns the value of a hexadecimal digit, or 255.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// unquote resolves the escapes of a JSON string, without its quotes, into room. fits is
// false where the text has no room there; ok is false where an escape is none, which
// readers take for different things.
func unquote(room, text []byte) (plain []byte, fits, ok bool) {
	if bytes.IndexByte(text, '\\') < 0 {
		return text, true, true
	}
	dst := room[:0]
	for i := 0; i < len(text); i++ {
		c, r := text[i], rune(-1)
		if c == '\\' {
			if i++; i == len(text) {
				return nil, false, false
			}
			if c = text[i]; c == 'u' {
				if r = codeUnit(text[i+1:]); r < 0 {
					return nil, false, false
				}
				i += 4
			} else if at := strings.IndexByte(`"\/bfnrt`, c); at >= 0 {
				c = "\"\\/\b\f\n\r\t"[at]
			} else {
				return nil, false, false
			}
		}
		if cap(dst)-len(dst) < utf8.UTFMax {
			return nil, false, true
		}
		if r >= 0 {
			dst = utf8.AppendRune(dst, r) // half of a pair becomes U+FFFD: no name has it
		} else {
			dst = append(dst, c)
		}
	}
	return dst, true, true
}

func codeUnit(hex []byte) rune {
	if len(hex) < 4 {
		return -1
	}
	var r rune
	for _, c := range hex[:4] {
		if unhex(c) > 15 {
			return -1
		}
		r = r<<4 | rune(unhex(c))
	}
	return r
}
