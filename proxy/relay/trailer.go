package relay

import (
	"bytes"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// maxTrailer bounds what is held of a body: nothing else of it waits for what follows.
const maxTrailer = 16 << 10

// A trailer collects the trailer section of a body, with (the end of) the line of
// the last chunk in front. It goes on where the read before has left it, so that a
// section that comes byte by byte costs what it costs at once.
type trailer struct {
	held []byte // all of it, as a copy: none may pass before its end is there
	line int    // length of the line of the last chunk; 0: not known yet
	seen int    // no end of the section begins in front of it; at least line
}

// begun returns t, or where it is nil one that has nothing yet: few bodies have a trailer
// section, and a silent stream should hold no room for one.
func (t *trailer) begun() *trailer {
	if t == nil {
		return new(trailer)
	}
	return t
}

// add takes the next bytes. complete: the section has its end, at end in held.
func (t *trailer) add(p []byte) (end int, complete bool) {
	t.held = append(t.held, p...)
	if t.line == 0 {
		t.line = bytes.IndexByte(t.held, '\n') + 1
		t.seen = t.line
	}
	if bytes.HasPrefix(t.held[t.line:], []byte("\r\n")) {
		return t.line + 2, true // no fields
	}
	if i := bytes.Index(t.held[t.seen:], emptyLine); i >= 0 {
		return t.seen + i + len(emptyLine), true
	}
	t.seen = max(t.seen, len(t.held)-len(emptyLine)+1) // its beginning may be there already
	return 0, false
}

var emptyLine = []byte("\r\n\r\n")

// filterTrailer appends the line of the last chunk and the trailer fields that
// may pass. Each line must be "token: value" without control characters: a receiver
// that merges trailers into the head reads them as it reads fields there (RFC 9110
// section 6.5.1). One line that is wrong condemns all of them: to leave it out would be
// to guess where it ends.
func filterTrailer(dst, held []byte, line, end int, drop func([]byte) bool) ([]byte, error) {
	dst = append(dst, held[:line]...)
	for section := held[line:end]; len(section) > 2; {
		lf := bytes.IndexByte(section, '\n')
		field := section[:lf+1]
		section = section[lf+1:]
		name, value, ok := bytes.Cut(field, []byte{':'})
		if !ok || len(name) == 0 || lf < 1 || field[lf-1] != '\r' || !isToken(name) || hasControl(value[:len(value)-2]) {
			return dst, ErrTrailer
		}
		if drop != nil && !drop(name) {
			dst = append(dst, field...)
		}
	}
	return append(dst, '\r', '\n'), nil
}

func isToken(p []byte) bool {
	for _, c := range p {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
		if !letter && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) < 0 {
			return false
		}
	}
	return true
}

func hasControl(p []byte) bool {
	for _, c := range p {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// collect takes the next bytes and returns the section filtered once it is
// complete, with the number of bytes at the end of p that lie behind it. Before
// that it returns wire.ErrWait. It keeps nothing of p, whose buffer may go back. Behind
// the end, or an error, it must not be called again.
func (t *trailer) collect(p []byte, drop func([]byte) bool) (section []byte, excess int, err error) {
	end, complete := t.add(p)
	switch {
	case end > maxTrailer, !complete && len(t.held) > maxTrailer:
		return nil, 0, ErrTrailer
	case !complete:
		return nil, 0, wire.ErrWait
	}
	section, err = filterTrailer(nil, t.held, t.line, end, drop)
	return section, len(t.held) - end, err
}
