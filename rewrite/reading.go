package rewrite

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// PrefixLen returns how many bytes at the front of path are prefix, up to the end
// of a segment, or -1. An escape of an unreserved character is that character
// (RFC 3986 section 6.2.2.2): nobody may read the two differently. "*", the
// target of OPTIONS for the whole server, belongs to the empty prefix alone.
func PrefixLen(path []byte, prefix string, odd Oddities) int {
	end := len(prefix)
	if len(path) < end || string(path[:end]) != prefix {
		if odd&Escapes == 0 {
			return -1
		}
		if end = escapedPrefix(path, prefix); end < 0 {
			return -1
		}
	}
	if prefix == "" || end == len(path) || path[end] == '/' {
		return end
	}
	return -1
}

func escapedPrefix(path []byte, prefix string) int {
	at := 0
	for i := range len(prefix) {
		if at == len(path) {
			return -1
		}
		c, n := path[at], 1
		if c == '%' {
			if c, n = unescaped(path[at:]), 3; !isUnreserved(c) {
				return -1
			}
		}
		if c != prefix[i] {
			return -1
		}
		at += n
	}
	return at
}

// unescaped is unescape where the path has been checked.
func unescaped(b []byte) byte {
	c, _ := unescape(b)
	return c
}

func isUnreserved(c byte) bool { return alphanumeric(c) || strings.IndexByte("-._~", c) >= 0 }

// AppendReading appends a path as the reader sees it that takes the most liberties
// of all that can stand behind an edge: it decodes as often as there is something
// to decode, takes a backslash for a slash, merges slashes, and drops dots and
// spaces at the end of a segment, all behind a decoded ? or #, and, unless keep
// is Parameter, the parameters of segments (as API Management does with ;rev=2).
//
// Once a reader has a plain prefix in front of the path, no further liberty takes
// it away. So whatever liberties a reader takes, in whatever order, it finds the
// prefixes that a straight reading finds, and none but those of this reading.
// clear is false where that does not hold: further decoding brings up a dot
// segment, which walks up, a control character, bytes that are no UTF-8, or within
// a parameter what ends a segment or the path: it may be dropped with it or not.
func AppendReading(dst, path []byte, keep Oddities) (out []byte, clear bool) {
	var room [256]byte
	clear, over := true, false // over: a ? or # has ended what counts
	for segment := range bytes.SplitSeq(path, []byte{'/'}) {
		if len(segment) == 0 {
			continue
		}
		text := appendDecoded(room[:0], segment)
		clear = clear && isClear(text)
		for len(text) > 0 {
			name := text
			if end := bytes.IndexAny(text, `/\`); end >= 0 {
				name, text = text[:end], text[end+1:]
			} else {
				text = nil
			}
			kept, last := cutName(name, keep)
			clear = clear && !isDots(kept)
			if kept = bytes.TrimRight(kept, ". "); len(kept) > 0 && !over {
				dst = append(append(dst, '/'), kept...)
			}
			over = over || last
		}
	}
	return dst, clear
}

// appendDecoded decodes until nothing is left to decode. What an escape stands for
// can complete another one, but only at the end of what is there so far.
func appendDecoded(dst, text []byte) []byte {
	start := len(dst)
	for _, c := range text {
		dst = append(dst, c)
		for n := len(dst) - 3; n >= start && dst[n] == '%'; n = len(dst) - 3 {
			decoded, ok := unescape(dst[n:])
			if !ok {
				break
			}
			dst = append(dst[:n], decoded)
		}
	}
	return dst
}

func isClear(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	parameter := bytes.IndexByte(text, ';')
	return utf8.Valid(text) && (parameter < 0 || !bytes.ContainsAny(text[parameter:], `/\?#`))
}

// cutName drops parameters, and what is behind a ? or #, which ends the path.
func cutName(name []byte, keep Oddities) (kept []byte, last bool) {
	if end := bytes.IndexAny(name, "?#"); end >= 0 {
		name, last = name[:end], true
	}
	if end := bytes.IndexByte(name, ';'); end >= 0 && keep&Parameter == 0 {
		name = name[:end]
	}
	return name, last
}

// isDots reports whether a name is or, without the spaces in it, could be a dot
// segment.
func isDots(name []byte) bool {
	return bytes.IndexByte(name, '.') >= 0 && len(bytes.Trim(name, ". ")) == 0
}

// oddWords say what is odd, and what another reader makes of it.
var oddWords = [...]struct {
	odd  Oddities
	text string
}{
	{EmptySegment, "two slashes in a row are one to many servers"},
	{EncodedSlash, "%2F is a slash to servers that decode first"},
	{EncodedPercent, "%25 begins another escape to servers that decode twice"},
	{Backslash, "a backslash is a slash to some servers"},
	{Parameter, "what follows a semicolon is no part of the name to some servers (;rev=2)"},
	{TrailingDot, "dots and spaces at the end of a name are dropped by some servers"},
	{Escapes, "what is percent-encoded is decoded by servers at different times"},
}

// String says what another reader makes of each.
func (o Oddities) String() string {
	if o != Escapes {
		o &^= Escapes // the others say more
	}
	var texts []string
	for _, w := range oddWords {
		if o&w.odd != 0 {
			texts = append(texts, w.text)
		}
	}
	return strings.Join(texts, ", and ")
}
