package head

import (
	"bytes"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// A Scan looks for the end of a head that comes in pieces, and looks at each
// byte once: it goes on where the read before has left it. Begun again at every
// read, a head of 60 KB of short lines cost 250 us for each byte that followed,
// and 16 such clients most of a core (issue 15). The zero value is before the head.
type Scan struct {
	line  int32 // where the line under way begins
	seen  int32 // how far its end has been looked for
	lines int32 // complete ones
	valid int32 // how far they have been judged, see ResponseFault
	blank uint8 // empty lines that were dropped before the first one
	bare  bool
}

// End returns the length of the head at the start of p with its empty line, or 0
// if it is not complete. p is what it was at the call before, and what has come
// behind it. It goes from line to line: each ends with the first half of what
// bytes.Index would look for, which takes 1.4 to 2.8 times as long on a head of an
// SDK.
func (s *Scan) End(p []byte) int {
	line, from, lines := int(s.line), int(s.seen), s.lines
	for {
		n := bytes.IndexByte(p[from:], '\n')
		if n < 0 {
			s.line, s.seen, s.lines = int32(line), int32(len(p)), lines
			return 0
		}
		lf := from + n
		if lf == 0 || p[lf-1] != '\r' {
			s.bare = true
		} else if lf == line+1 && line > 1 && p[line-2] == '\r' {
			*s = Scan{}
			return lf + 1
		}
		line, from, lines = lf+1, lf+1, lines+1
	}
}

// Begun reports whether a part of the head has been looked at, without its end.
func (s *Scan) Begun() bool { return s.seen > 0 }

// Fault returns what is wrong with a head that is not complete and that more
// bytes cannot mend, so that nobody reads on and waits for the end of something
// that is refused anyway.
func (s *Scan) Fault() error {
	switch {
	case s.bare:
		return errBareLF
	case s.lines > maxFields+1: // the first one is no field
		return errManyFlds
	}
	return nil
}

// BlankLines returns the length of the empty lines that p begins with, and that some
// clients send behind a body (RFC 9112 section 2.2). They are to be dropped.
func (s *Scan) BlankLines(p []byte) (n int) {
	for blank := s.blank; blank < tooManyBlankLines && len(p) > 1 && p[0] == '\r' && p[1] == '\n'; {
		p, n = p[2:], n+2
		blank++
		*s = Scan{blank: blank} // what was seen may be the first half of that line
	}
	return n
}

// tooManyBlankLines bounds the empty lines before a request line that RFC 9112
// section 2.2 asks to be ignored.
const tooManyBlankLines = 4

// CheckPrefix refuses an incomplete head early where more bytes cannot mend it.
func CheckPrefix(s *Scan, p []byte) error {
	if len(p) > 0 && !tokenByte[p[0]] && p[0] != '\r' {
		if p[0] == 0x16 {
			return Malformed("this is a TLS handshake on a plain HTTP port; use http:// in base_url, or configure listen.tls")
		}
		return Malformed("this is not an HTTP/1.1 request")
	}
	if err := s.Fault(); err != nil {
		return Malformed(err.Error())
	}
	return nil
}

// TooLarge returns the error for a head beyond the limit that begins with p. whole
// reports whether p has all of the request line.
func TooLarge(p []byte, limit int) (whole bool, err error) {
	end := bytes.IndexByte(p, '\n')
	if end >= 0 && end < limit {
		return true, edgeerr.New(edgeerr.HeadTooLarge, "")
	}
	return end >= 0, edgeerr.New(edgeerr.URITooLong, "")
}
