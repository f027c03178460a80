package rewrite

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Why a path is refused. Each is compared with errors.Is.
var (
	ErrPathDotSegment = errors.New(`the path has a segment . or .. (also as %2e, or between %2f, %5c or \); send the path that it stands for`)
	ErrPathControl    = errors.New("the path has a control character, as a byte or as a percent-escape; take it out")
	ErrPathFragment   = errors.New("the path has a #; fragments are not sent to servers, write %23 for a # in a name")
	ErrPathEscape     = errors.New("the path has a % without two hexadecimal digits, or escapes that are no UTF-8 (%c0%af, %fc); write %25 for a percent sign")
	ErrPathByte       = errors.New("the path has a space or a byte outside ASCII; percent-encode it")
)

// harmless are the bytes that most paths consist of and that mean nothing here.
var harmless = func() (table [256]bool) {
	for c := byte('!'); c <= '~'; c++ {
		table[c] = !strings.ContainsRune(`#%./\\;`, rune(c))
	}
	return table
}()

// isPlain reports whether a path is of harmless bytes between single slashes, as nearly
// every one.
func isPlain(path []byte) bool {
	slash := false
	for _, c := range path {
		if !harmless[c] && (c != '/' || slash) {
			return false
		}
		slash = c == '/'
	}
	return true
}

// Oddities are what a path has that not every reader reads alike. None: it is
// plain, and there is one reading.
type Oddities uint8

// What the paths of ordinary requests do not have.
const (
	Escapes        Oddities = 1 << iota // any percent-escape
	EncodedSlash                        // %2F
	EncodedPercent                      // %25, which a second decoding takes for the start of an escape
	EmptySegment                        // two slashes in a row
	Backslash                           // as a byte or as %5C
	Parameter                           // a semicolon, as a byte or as %3B
	TrailingDot                         // of a segment, or a space there, as bytes or as escapes
)

// CheckPath returns an error where the path of a request target means two things
// to everybody: an upstream that decodes it, or that takes a backslash for a
// slash, would see another resource than the one that was routed and logged. A
// %2F as such is fine, since names of models contain it. What matters only where
// routes differ comes back as oddities.
//
// A segment counts as a dot segment also in front of a semicolon: servers that
// know path parameters (RFC 3986 section 3.3) take them off and walk up.
func CheckPath(path []byte) (odd Oddities, err error) {
	if isPlain(path) {
		return 0, nil
	}
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
			return 0, ErrPathFragment
		case c < ' ' || c == 0x7f:
			return 0, ErrPathControl
		case c == ' ' || c > 0x7f:
			return 0, ErrPathByte
		case c == '%':
			var n int
			if c, n, err = decodeEscapes(path[i:]); err != nil {
				return 0, err
			}
			i += n - 1
			odd |= Escapes | oddEscape(c, path[i+1:])
		}
		switch c {
		case '.':
			dots = min(dots+1, other)
		case '/', '\\', ';':
			if dots == 1 || dots == 2 {
				return 0, ErrPathDotSegment
			}
			if i > 0 {
				odd |= oddIn[c] | oddInFront[path[i-1]]
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
		return 0, ErrPathDotSegment
	}
	if len(path) > 0 && path[len(path)-1] == '.' {
		odd |= TrailingDot
	}
	return odd, nil
}

// decodeEscapes decodes one character in percent-escapes at the front of b: one
// escape, or as many as UTF-8 takes for it, of which the first byte is returned.
func decodeEscapes(b []byte) (c byte, n int, err error) {
	var character [utf8.UTFMax]byte
	size := 0
	for size < len(character) && len(b) > 3*size && b[3*size] == '%' {
		decoded, ok := unescape(b[3*size:])
		if !ok {
			return 0, 0, ErrPathEscape
		}
		character[size] = decoded
		if size++; decoded < utf8.RuneSelf {
			break // a character of one byte, or an error that DecodeRune sees
		}
	}
	c = character[0]
	if c < ' ' || c == 0x7f {
		return 0, 0, ErrPathControl
	}
	r, size := utf8.DecodeRune(character[:size])
	if r == utf8.RuneError && size == 1 {
		return 0, 0, ErrPathEscape
	}
	return c, 3 * size, nil
}

// oddEscape looks at a decoded byte, and at what follows its escape.
func oddEscape(c byte, rest []byte) Oddities {
	switch c {
	case '/':
		return EncodedSlash
	case '%':
		return EncodedPercent
	case '.', ' ':
		if len(rest) == 0 || strings.IndexByte(`/\;%`, rest[0]) >= 0 {
			return TrailingDot
		}
	}
	return 0
}

// What the end of a segment says by itself, and by the byte in front of it.
var (
	oddIn      = [256]Oddities{'\\': Backslash, ';': Parameter}
	oddInFront = [256]Oddities{'/': EmptySegment, '.': TrailingDot}
)
