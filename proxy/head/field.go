package head

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"github.com/apim-edge/apim-edge/rewrite"
)

// EqualFold compares with a lower-case ASCII string.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c != lower[i] && (c|0x20 != lower[i] || c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// The ways in which a field line can be refused. None names a value.
var (
	errFold     = errors.New("a line of the head begins with a space: folded lines are obsolete (RFC 9112 section 5.2)")
	errBareLF   = errors.New("a line of the head does not end with CRLF (RFC 9112 section 2.2)")
	errName     = errors.New("a field name is empty or contains a character that none may contain (RFC 9110 section 5.1)")
	errValue    = errors.New("a field value contains a control character (RFC 9110 section 5.5)")
	errManyFlds = errors.New("the head has more than 500 fields")
)

const maxFields = 500

// fieldLines are those of a head: fields, and of what kind each is. They alias the head.
type fieldLines struct {
	fields []rewrite.Field
	kinds  []kind
	ascii  bool // no value has a byte beyond ASCII
}

// scan splits the lines that p begins with, each ending in CRLF, up to the empty line, and
// returns where that ends. It refuses what two parsers could read differently, and what ends
// before.
func (l *fieldLines) scan(p []byte) (n int, err error) {
	l.fields, l.kinds, l.ascii = l.fields[:0], l.kinds[:0], true
	for at := 0; ; {
		line := p[at:]
		if len(line) >= 2 && line[0] == '\r' && line[1] == '\n' {
			return at + 2, nil
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 1 {
			return 0, faultOf(line)
		}
		k, known := usualKind(line, colon)
		if !known {
			if tokenLen(line[:colon]) < colon {
				return 0, faultOf(line)
			}
			k = kindOf(line[:colon])
		}
		size, ascii := untilControl(line[colon+1:])
		end := colon + 1 + size
		if end+2 > len(line) || line[end] != '\r' || line[end+1] != '\n' {
			return 0, faultOf(line)
		}
		if len(l.fields) == maxFields {
			return 0, errManyFlds
		}
		l.ascii = l.ascii && ascii
		f := l.next(k)
		f.Name, f.Value = line[:colon], trimOWS(line[colon+1:end])
		at += end + 2
	}
}

// next makes room for a field of the kind k.
func (l *fieldLines) next(k kind) *rewrite.Field {
	n := len(l.fields)
	if n == cap(l.fields) || n == cap(l.kinds) {
		l.grow()
	}
	l.fields, l.kinds = l.fields[:n+1], l.kinds[:n+1]
	l.kinds[n] = k
	return &l.fields[n]
}

func (l *fieldLines) grow() {
	n := len(l.fields) + 16
	l.fields, l.kinds = slices.Grow(l.fields, n), slices.Grow(l.kinds, n)
}

// faultOf tells what is wrong with the line that head begins with.
func faultOf(head []byte) error {
	end := bytes.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return errBareLF
	}
	line := head[:end-1]
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return errFold
	}
	if colon := tokenLen(line); colon == 0 || colon == len(line) || line[colon] != ':' {
		return errName
	}
	return errValue
}

func trimOWS(v []byte) []byte {
	if len(v) > 1 && v[0] == ' ' && v[1] > ' ' && v[len(v)-1] > ' ' {
		return v[1:] // as nearly every value stands in its line
	}
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// tokenLen returns the length of the token that p begins with (RFC 9110 section 5.6.2).
// Nearly all are of letters, digits and hyphens, of which it passes eight at a time.
func tokenLen(p []byte) int {
	i := 0
	for i+8 <= len(p) {
		others := notPlain(binary.LittleEndian.Uint64(p[i:]))
		if others == 0 {
			i += 8
			continue
		}
		if i += bits.TrailingZeros64(others) / 8; !tokenByte[p[i]] {
			return i
		}
		i++
	}
	for i < len(p) && tokenByte[p[i]] {
		i++
	}
	return i
}

// notPlain marks by their high bits the bytes of w that are no letters, digits and hyphens.
// No sum carries: what is added to is below 0x80.
func notPlain(w uint64) uint64 {
	low := w &^ highs
	letter := low | ones*0x20
	letter = (letter + ones*(0x80-'a')) &^ (letter + ones*(0x80-'z'-1))
	digit := (low + ones*(0x80-'0')) &^ (low + ones*(0x80-'9'-1))
	hyphen := highs - (low ^ ones*'-')
	return (^(letter | digit | hyphen) | w) & highs
}

// untilControl returns how much of p stands before the first control character other
// than HTAB, and whether that is ASCII. It looks at eight bytes at a time: heads are
// mostly values.
func untilControl(p []byte) (size int, ascii bool) {
	i := 0
	for ; i+8 <= len(p); i += 8 {
		odd := notVisible(binary.LittleEndian.Uint64(p[i:]), ' ')
		if odd == 0 {
			continue
		}
		if at := i + bits.TrailingZeros64(odd)/8; isControl(p[at]) {
			return at, true
		}
		break // from a tab on, or a byte beyond ASCII, they are looked at one by one
	}
	all := byte(0)
	for ; i < len(p) && !isControl(p[i]); i++ {
		all |= p[i]
	}
	return i, all < 0x80
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// notVisible marks by their high bits the bytes of w that are below least, or above '~'. Only
// the lowest mark is sure: what it borrows or carries makes others.
func notVisible(w uint64, least uint64) uint64 {
	return (w | (w - ones*least) | (w + ones)) & highs
}

// visible reports whether all of p is visible ASCII, without a space.
func visible(p []byte) bool {
	for ; len(p) >= 8; p = p[8:] {
		if notVisible(binary.LittleEndian.Uint64(p), ' '+1) != 0 {
			return false
		}
	}
	for _, c := range p {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

func isControl(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f }

func controlIn(p []byte) bool { return slices.ContainsFunc(p, isControl) }

// parseLength reads the value of Content-Length: digits alone (RFC 9110 section
// 8.6). ok is false for anything else, a list or a sign included.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 18 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// nextToken splits the next member off a comma-separated list.
func nextToken(list []byte) (token, rest []byte) {
	before, after, _ := bytes.Cut(list, []byte{','})
	return trimOWS(before), after
}
