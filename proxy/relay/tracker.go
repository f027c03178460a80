// Package relay moves the bytes of bodies, in both directions, and is the only
// place where they flow. The framing of a body passes through untouched: a
// Tracker only follows it, so that the end is known and a cut is seen.
//
// A body is on the loop of both its connections. What one read returns is handed on
// to the other connection, which releases it, or released here: whoever returns to
// wait holds no buffer, save for a trailer section that is not complete.
package relay

import (
	"bytes"
	"errors"

	"github.com/apim-edge/apim-edge/proxy/usage"
)

// The framings of a body (RFC 9112 section 6.3). A length of 0 or more is a
// Content-Length.
const (
	Chunked    = -1
	UntilClose = -2
)

// The ways in which chunked framing can be wrong (RFC 9112 section 7.1).
var (
	ErrChunkSize = errors.New("a chunk size is not a hexadecimal number of at most 15 digits followed by CRLF")
	ErrChunkExt  = errors.New("a chunk extension is longer than 256 bytes or contains a control character")
	ErrChunkEnd  = errors.New("a chunk is not followed by CRLF")
	ErrTrailer   = errors.New("the trailer section is malformed or larger than 16 KiB")
)

// state is what the next byte is. Chunks go round from inSize to inDataLF, until a size
// of 0 leads from inSizeLF to inTrailer; inPad and inExt are left out where there is
// neither. A body of known length is inData until it is finished, and one that ends
// with its connection stays inClose. Nothing leads out of finished.
type state uint8

const (
	inSize    state = iota // in the digits of a chunk size
	inPad                  // in white space behind the digits, which old servers send
	inExt                  // behind a semicolon, before CR
	inSizeLF               // behind the CR of a size line
	inData                 // in data: of a chunk, or of a body of known length
	inDataCR               // behind the data of a chunk
	inDataLF               // behind the CR behind the data
	inTrailer              // behind the line of the last chunk
	inClose                // in a body that the end of the connection delimits
	finished
)

// A Tracker follows the framing of one body. The zero value is of no use; call
// Begin.
type Tracker struct {
	state   state
	chunked bool // also behind the last chunk, where state no longer tells
	// digits is how many the size under way has had so far; 0 in inSize says that no
	// chunk has begun. In data of a body of known length it is known.
	digits uint8
	// strict refuses white space behind a chunk size. Old servers pad sizes with
	// it; in a request it is a way to be read differently by two parsers.
	strict bool
	ext    uint16 // bytes of the chunk extension under way; 0 where there is none
	// left is, in a size line, the size so far; in data how many bytes are missing, and
	// then more than 0. It never overflows: 15 digits are 60 bits. Of a body that ends
	// with its connection it means nothing.
	left   int64
	events *Events    // is fed each byte of data once, in order; nil: nobody counts
	tap    *usage.Tap // is fed in the same way; nil: nobody reads
	// collect, if set, receives the data of the body without its framing, as events is
	// fed.
	collect *[]byte
}

// Begin starts a body of the given length, Chunked or UntilClose. events may be
// nil; it is fed with the data of the body.
func (t *Tracker) Begin(length int64, events *Events) {
	*t = Tracker{events: events, left: length, chunked: length == Chunked}
	switch {
	case length == Chunked:
		t.state, t.left = inSize, 0
	case length == UntilClose:
		t.state = inClose
	case length == 0:
		t.state = finished
	default:
		t.state = inData
		t.digits = known
	}
}

// known in digits marks data of a body of known length: no CRLF follows it.
const known = 0xff

// Tap has tap read the data of the body from now on.
func (t *Tracker) Tap(tap *usage.Tap) { t.tap = tap }

// Strict has the framing judged as that of a request.
func (t *Tracker) Strict() { t.strict = true }

// Done reports whether the body is complete.
func (t *Tracker) Done() bool { return t.state == finished }

// IsChunked reports whether the body is framed in chunks.
func (t *Tracker) IsChunked() bool { return t.chunked }

// InTrailer reports whether the last chunk has been seen and the trailer section is
// not complete.
func (t *Tracker) InTrailer() bool { return t.state == inTrailer }

// Left returns how many bytes of a body of known length are missing, or 0.
func (t *Tracker) Left() int64 {
	if t.state == inData && t.digits == known {
		return t.left
	}
	return 0
}

// Skip takes note of n bytes of a body of known length that were moved without
// being looked at: at most Left, and only where none of events, tap and collect is set, to
// whom they would be missing.
func (t *Tracker) Skip(n int64) {
	if t.left -= n; t.left == 0 {
		t.state = finished
	}
}

// AtEnd reports whether the body may end here because the connection ends. Everywhere
// else the end of the connection is a cut (RFC 9112 section 8), and what has come must
// not look complete to anybody.
func (t *Tracker) AtEnd() bool { return t.state == inClose }

// Between reports whether everything so far forms whole chunks: a chunk of the edge's
// own would break any other framing, or another chunk.
func (t *Tracker) Between() bool { return t.state == inSize && t.digits == 0 }

// Scan follows p and returns how many of its bytes may be passed on. Fewer than
// len(p): the body is Done and the rest belongs to what follows, or the line of
// the last chunk has been seen without its end: then InTrailer, and Scan has
// stopped before that line (as far as it lies in p), so that a body that is cut
// in its trailers does not look complete. Where the framing is wrong nothing of p may
// be passed on.
func (t *Tracker) Scan(p []byte) (pass int, err error) {
	line := 0 // where the size line under way begins in p
	for i := 0; i < len(p); {
		switch t.state {
		case inData:
			i += t.data(p[i:])
		case inClose:
			t.feed(p[i:])
			return len(p), nil
		case inDataCR:
			if p[i] != '\r' {
				return 0, ErrChunkEnd
			}
			t.state = inDataLF
			i++
		case inDataLF:
			if p[i] != '\n' {
				return 0, ErrChunkEnd
			}
			i++
			t.state, t.digits, t.ext, t.left, line = inSize, 0, 0, 0, i
		case inSize, inPad, inExt, inSizeLF:
			if err := t.size(p[i]); err != nil {
				return 0, err
			}
			i++
			if t.state != inTrailer {
				continue
			}
			if bytes.HasPrefix(p[i:], []byte("\r\n")) {
				t.state = finished
				return i + 2, nil
			}
			return line, nil
		default:
			return i, nil
		}
	}
	return len(p), nil
}

// data follows data up to its end or the end of p, and returns how much that was: at
// least a byte, because in data left is more than 0.
func (t *Tracker) data(p []byte) int {
	n := len(p)
	if int64(n) > t.left {
		n = int(t.left)
	}
	t.feed(p[:n])
	if t.left -= int64(n); t.left > 0 {
		return n
	}
	t.state = inDataCR
	if t.digits == known {
		t.state = finished
	}
	return n
}

func (t *Tracker) feed(p []byte) {
	if t.events != nil {
		t.events.Feed(p)
	}
	if t.tap != nil {
		t.tap.Feed(p)
	}
	if t.collect != nil {
		*t.collect = append(*t.collect, p...)
	}
}

// size follows one byte of a chunk's size line. A size that two readers take for
// different ones moves the border of a message, so it takes digits, an extension, and
// of padding what strict allows. 15 digits are what left can hold for certain: RFC 9112
// section 7.1 has recipients expect numbers that are larger than theirs. An extension
// is bounded, as section 7.1.1 advises, because it is passed on and means nothing.
func (t *Tracker) size(c byte) error {
	switch {
	case t.state == inSizeLF:
		return t.sizeEnd(c)
	case c == '\r' && t.digits > 0:
		t.state = inSizeLF
	case t.state == inExt:
		if t.ext++; t.ext > 256 || c < 0x20 && c != '\t' || c == 0x7f {
			return ErrChunkExt
		}
	case c == ';' && t.digits > 0:
		t.state = inExt
	case (c == ' ' || c == '\t') && t.digits > 0 && !t.strict:
		t.state = inPad
	case t.state == inPad:
		return ErrChunkSize
	default:
		d := hexDigit(c)
		if t.digits++; d < 0 || t.digits > 15 {
			return ErrChunkSize
		}
		t.left = t.left<<4 | int64(d)
	}
	return nil
}

// sizeEnd follows the byte behind the CR of a size line. A bare CR is no end of a line:
// readers that take it for one would see other chunks (RFC 9112 section 2.2).
func (t *Tracker) sizeEnd(c byte) error {
	if c != '\n' {
		return ErrChunkSize
	}
	t.state = inData
	if t.left == 0 {
		t.state = inTrailer
	}
	return nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// EndTrailer tells the tracker that the trailer section is complete. Scan has stopped
// in front of it, and cannot know.
func (t *Tracker) EndTrailer() { t.state = finished }
