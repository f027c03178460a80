package rewrite

import (
	"errors"
	"strings"
)

// Why a path is refused. Each is compared with errors.Is.
var (
	ErrPathDotSegment = errors.New(`the path has a segment . or .. (also as %2e, or between %2f, %5c or \); send the path that it stands for`)
	ErrPathControl    = errors.New("the path has a control character, as a byte or as a percent-escape; take it out")
	ErrPathFragment   = errors.New("the path has a #; fragments are not sent to servers, write %23 for a # in a name")
	ErrPathEscape     = errors.New("the path has a % without two hexadecimal digits, or one that stands for no UTF-8 character (%c0, %c1); write %25 for a percent sign")
	ErrPathByte       = errors.New("the path has a space or a byte outside ASCII; percent-encode it")
)

// harmless are the bytes that most paths consist of and that mean nothing here.
var harmless = func() (table [256]bool) {
	for c := byte('!'); c <= '~'; c++ {
		table[c] = !strings.ContainsRune(`#%./\\;`, rune(c))
	}
	return table
}()

// CheckPath returns nil, or why the path of a request target means two things:
// an upstream that decodes it, or that takes a backslash for a slash, would
// see another resource than the one that was routed and logged. A %2F as such
// is fine, since names of models contain it.
//
// A segment counts as a dot segment also in front of a semicolon: servers that
// know path parameters (RFC 3986 section 3.3) take them off and walk up.
func CheckPath(path []byte) error {
	dots := 0 // of the segment so far; other: it is no dot segment any more
	const other = 3
	for i := 0; i < len(path); i++ {
		c := path[i]
		if harmless[c] {
			dots = other
			continue
		}
		switch {
		case c == '#':
			return ErrPathFragment
		case c < ' ' || c == 0x7f:
			return ErrPathControl
		case c == ' ' || c > 0x7f:
			return ErrPathByte
		case c == '%':
			decoded, ok := unescape(path[i:])
			if !ok || decoded == 0xc0 || decoded == 0xc1 {
				return ErrPathEscape
			}
			if decoded < ' ' || decoded == 0x7f {
				return ErrPathControl
			}
			c = decoded
			i += 2
		}
		switch c {
		case '.':
			dots = min(dots+1, other)
		case '/', '\\', ';':
			if dots == 1 || dots == 2 {
				return ErrPathDotSegment
			}
			dots = 0
			if c == ';' {
				dots = other // parameters: nothing in them makes a dot segment
			}
		default:
			dots = other
		}
	}
	if dots == 1 || dots == 2 {
		return ErrPathDotSegment
	}
	return nil
}
