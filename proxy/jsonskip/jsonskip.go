// Package jsonskip passes over values of JSON that have nothing for whoever reads it, in
// pieces that end anywhere. It looks at quotes, backslashes and brackets alone and
// keeps no byte. Whatever else is wrong in such a value, no reader of JSON takes it for
// another one: it takes it for none.
//
//	v := jsonskip.Nested() // behind the bracket that opens it
//	n, ended := v.Skip([]byte(`"a": ["}"]}, "b": 1}`)) // 11, true: b comes next
package jsonskip

import "bytes"

// String is a string under way, behind its first quote.
type String struct {
	escaped bool // the next byte stands behind a backslash
}

// Skip returns how much of p belongs to the string, and whether the quote that ends it has
// come. Backslashes are counted once: those in front of a quote, and those at the end.
func (s *String) Skip(p []byte) (n int, ended bool) {
	if s.escaped && len(p) > 0 {
		s.escaped = false
		n = 1
	}
	for i, c := range p[n:min(n+short, len(p))] {
		if c == '"' {
			return n + i + 1, true
		} else if c == '\\' {
			break
		}
	}
	for n < len(p) {
		i := bytes.IndexByte(p[n:], '"')
		if i < 0 {
			s.escaped = backslashes(p[n:])&1 != 0
			break
		}
		odd := backslashes(p[n:n+i])&1 != 0
		if n += i + 1; !odd {
			return n, true
		}
	}
	return len(p), false
}

// short is up to where a loop finds a quote sooner than bytes.IndexByte.
const short = 12

// backslashes counts those at the end of p.
func backslashes(p []byte) (n int) {
	for n < len(p) && p[len(p)-1-n] == '\\' {
		n++
	}
	return n
}

// Value is an object or a list under way.
type Value struct {
	depth    int // of brackets
	inString bool
	text     String
}

// Nested returns a value behind the bracket that opens it.
func Nested() Value { return Value{depth: 1} }

// matters are the bytes in a value that do: by how much they change its depth, and quotes.
var matters = [256]int8{'{': 1, '[': 1, '}': -1, ']': -1, '"': quote}

const quote = 2

// Skip returns how much of p belongs to the value, and whether its end has come.
func (v *Value) Skip(p []byte) (n int, ended bool) {
	if v.inString {
		if n, ended = v.text.Skip(p); !ended {
			return n, false
		}
		v.inString = false
	}
	for ; n < len(p); n++ {
		switch kind := matters[p[n]]; {
		case kind == 0:
		case kind == quote:
			length, ended := v.text.Skip(p[n+1:])
			if n += length; !ended {
				v.inString = true
				return len(p), false
			}
		default:
			if v.depth += int(kind); v.depth == 0 {
				return n + 1, true
			}
		}
	}
	return n, false
}

// IsSpace reports whether c is white space between the parts of JSON (RFC 8259 section 2).
func IsSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
