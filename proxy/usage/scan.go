package usage

import "github.com/apim-edge/apim-edge/proxy/jsonskip"

// place is an object in which something is looked for.
type place uint8

const (
	nowhere place = iota
	top           // the body, or the data of an event
	wrapper       // response or message in it: what an event is about
	used          // usage
	detailsIn
	detailsOut
)

// deepest is how many objects lie in each other on the way to a number.
const deepest = 4

// longestName is that of cache_creation_input_tokens.
const longestName = 27

// mostDigits are those of a number that is believed: more could overflow.
const mostDigits = 15

// scanner finds the numbers of usage in one JSON text. It sees pieces that end anywhere
// and remembers where it is: the objects that it is in, and how deep it is in a value
// that has nothing for it.
//
// It reads the objects on the way and looks at all else for strings and brackets alone.
// What is no JSON makes it stop, or find nothing: numbers that nobody else would read
// there do no harm.
type scanner struct {
	state    state
	escaped  bool // the next byte of name stands behind a backslash
	level    uint8
	in       [deepest + 1]place // in[level] is the object that it is in
	enters   place              // where an object as the value under way leads
	member   field              // whose number the value under way is
	digits   uint8
	length   uint8 // of name; longestName+1: it is longer, or has an escape
	name     [longestName]byte
	text     jsonskip.String // that is skipped
	deep     jsonskip.Value  // in the same way
	number   int64
	negative bool // or with a fraction: no number of tokens
}

type state uint8

const (
	before   state = iota // white space or a mark in front of {
	first                 // behind {: a name or }
	next                  // behind a comma: a name
	inName                // in a name
	colon                 // behind a name
	value                 // behind a colon
	inString              // in a string that is a value
	inScalar              // in a number, true, false or null
	inDeep                // in an object or a list that has nothing for it
	behind                // a value: a comma or }
	over                  // behind the object, or where no JSON is
)

// begin begins another text.
func (s *scanner) begin() { *s = scanner{} }

// feed looks at the next piece.
func (s *scanner) feed(p []byte, t *Tokens) {
	for len(p) > 0 {
		switch s.state {
		case inString, inDeep:
			p = s.skip(p)
		case inName:
			p = s.readName(p)
		case inScalar:
			p = s.readScalar(p, t)
		case over:
			return
		default:
			s.step(p[0])
			p = p[1:]
		}
	}
}

// skip returns what stands behind the value that has nothing.
func (s *scanner) skip(p []byte) []byte {
	n, ended := 0, false
	if s.state == inString {
		n, ended = s.text.Skip(p)
	} else {
		n, ended = s.deep.Skip(p)
	}
	if ended {
		s.state = behind
	}
	return p[n:]
}

// readName takes the bytes of a name. One with an escape is none of ours: nobody writes
// letters so.
func (s *scanner) readName(p []byte) []byte {
	for i, c := range p {
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped, s.length = true, longestName+1
		case c == '"':
			s.look()
			s.state = colon
			return p[i+1:]
		case s.length < longestName:
			s.name[s.length] = c
			s.length++
		default:
			s.length = longestName + 1
		}
	}
	return nil
}

// look says what the member is whose name has been read.
func (s *scanner) look() {
	s.enters, s.member = nowhere, noField
	if s.length > longestName {
		return
	}
	name := s.name[:s.length]
	switch s.in[s.level] {
	case top:
		switch string(name) {
		case "usage":
			s.enters = used
		case "response", "message":
			s.enters = wrapper
		}
	case wrapper:
		if string(name) == "usage" {
			s.enters = used
		}
	case used:
		switch string(name) {
		case "prompt_tokens_details", "input_tokens_details":
			s.enters = detailsIn
		case "completion_tokens_details", "output_tokens_details":
			s.enters = detailsOut
		default:
			s.member = names[string(name)]
		}
	case detailsIn:
		if string(name) == "cached_tokens" {
			s.member = cached
		}
	case detailsOut:
		if string(name) == "reasoning_tokens" {
			s.member = reasoning
		}
	}
}

// readScalar takes the bytes of a number or a word, and leaves the one behind it.
func (s *scanner) readScalar(p []byte, t *Tokens) []byte {
	for i, c := range p {
		switch {
		case c >= '0' && c <= '9':
			if s.digits < mostDigits {
				s.number = s.number*10 + int64(c-'0')
			} else {
				s.negative = true
			}
			s.digits = min(s.digits+1, mostDigits)
		case c == ',' || c == '}' || jsonskip.IsSpace(c):
			if s.member != noField && s.digits > 0 && !s.negative {
				t.set(s.member, s.number)
			}
			s.state = behind
			return p[i:]
		default: // a sign, a fraction, an exponent, a word
			s.negative = true
		}
	}
	return nil
}

// step takes one byte of an object on the way.
func (s *scanner) step(c byte) {
	if jsonskip.IsSpace(c) {
		return
	}
	switch s.state {
	case before:
		switch {
		case c == '{':
			s.enter(top)
		case c < 0x80: // else a byte-order mark
			s.state = over
		}
	case first, next:
		switch {
		case c == '"':
			s.length, s.state = 0, inName
		case c == '}' && s.state == first:
			s.leave()
		default:
			s.state = over
		}
	case colon:
		s.state = over
		if c == ':' {
			s.state = value
		}
	case value:
		s.beginValue(c)
	case behind:
		switch c {
		case ',':
			s.state = next
		case '}':
			s.leave()
		default:
			s.state = over
		}
	}
}

func (s *scanner) beginValue(c byte) {
	switch {
	case c == '"':
		s.state = inString
	case c == '{' && s.enters != nowhere:
		s.enter(s.enters)
	case c == '{', c == '[':
		s.state, s.deep = inDeep, jsonskip.Nested()
	case c == ',' || c == '}' || c == ']' || c == ':':
		s.state = over
	default:
		s.state, s.digits, s.number, s.negative = inScalar, 0, 0, c < '0' || c > '9'
		if !s.negative {
			s.digits, s.number = 1, int64(c-'0')
		}
	}
}

// enter goes into an object. Each place leads to a deeper one only, so that level stays
// below deepest.
func (s *scanner) enter(p place) {
	s.level++
	s.in[s.level] = p
	s.state = first
}

func (s *scanner) leave() {
	s.state = behind
	if s.level--; s.level == 0 {
		s.state = over
	}
}
