package bridge

import (
	"bytes"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/jsonskip"
)

// span is where something stands in a body, from its first byte to behind its last.
type span struct{ start, end int }

// jsonScan finds the member "model" of the object that a body is. It sees all that has
// come of the body, from its beginning, and goes on where it has stopped: no byte is
// looked at twice, wherever the pieces end. It needs no memory but how deep it is, since
// only the outermost members count: tools have a property of that name, too.
//
// It reads the outermost level strictly and the levels below for strings and brackets
// only. Whatever is wrong there, no reader of JSON takes the body for another one: it
// takes it for none.
type jsonScan struct {
	at      int
	state   jsonState
	text    jsonskip.String // under way
	deep    jsonskip.Value  // in the same way
	found   bool            // value is complete
	model   bool            // the member under way is model
	members bool            // there is one
	quote   int             // where the string or value under way begins
	open    int             // where the object begins
	value   span            // of model, with its quotes
}

type jsonState uint8

const (
	jsonStart  jsonState = iota // white space in front of {
	jsonFirst                   // behind {: a key or }
	jsonKey                     // behind a comma: a key
	jsonInKey                   // in a key
	jsonColon                   // behind a key
	jsonValue                   // behind a colon
	jsonString                  // in a string that is a value
	jsonScalar                  // in a number, true, false or null
	jsonDeep                    // in an object or a list that is a value
	jsonNext                    // behind a value: a comma or }
	jsonEnd                     // behind the object
)

// Every fault of a body that the bridge has to read.
var (
	errNotJSON    = unreadable("the body is no JSON object, which the bridge has to read to find its model")
	errEndsEarly  = unreadable("the body ends within its JSON object")
	errModelTwice = unreadable("the body names model twice, and readers differ in which of them counts; send it once")
	errNotText    = unreadable("model is no text")
	errEscape     = unreadable("a name in the body has a backslash that begins no escape of JSON")
	errNoModel    = unreadable("the body names no model")
)

func unreadable(text string) *edgeerr.Error { return edgeerr.New(edgeerr.ModelUnreadable, text) }

// byteOrderMark is that of UTF-8, which some writers put in front.
const byteOrderMark = "\xef\xbb\xbf"

// scan looks at what has come since it was last called. Behind an error it must not be
// called again.
func (s *jsonScan) scan(held []byte) error {
	for s.at < len(held) {
		switch s.state {
		case jsonInKey, jsonString:
			n, ended := s.text.Skip(held[s.at:])
			if s.at += n; !ended {
				return nil
			}
			if err := s.endString(held); err != nil {
				return err
			}
		case jsonDeep:
			n, ended := s.deep.Skip(held[s.at:])
			if s.at += n; ended {
				s.endValue(s.at)
			}
		case jsonScalar:
			if err := s.skipScalar(held); err != nil {
				return err
			}
		default:
			if err := s.step(held); err != nil {
				return err
			}
		}
	}
	return nil
}

// endString goes on behind the string that ends at at.
func (s *jsonScan) endString(held []byte) error {
	if s.state == jsonString {
		s.endValue(s.at)
		return nil
	}
	s.state, s.members = jsonColon, true
	isModel, err := keyIsModel(held[s.quote+1 : s.at-1])
	switch {
	case err != nil:
		return err
	case isModel && s.found:
		return errModelTwice
	}
	s.model = isModel
	return nil
}

// endValue goes on behind a value of the outermost level.
func (s *jsonScan) endValue(end int) {
	if s.model {
		s.value, s.found, s.model = span{s.quote, end}, true, false
	}
	s.state = jsonNext
}

// keyIsModel compares behind the escapes, and with case.
func keyIsModel(key []byte) (bool, error) {
	const longest = len(`\u006d`) * len("model")
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key) == "model", nil
	}
	if len(key) > longest {
		return false, nil
	}
	var room [longest + 4]byte
	plain, _, ok := unquote(room[:], key)
	if !ok {
		return false, errEscape
	}
	return string(plain) == "model", nil
}

// skipScalar ends in front of the byte that is no part of it.
func (s *jsonScan) skipScalar(held []byte) error {
	for ; s.at < len(held); s.at++ {
		switch c := held[s.at]; {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '.', c == '+', c == '-':
		case (jsonskip.IsSpace(c) || c == ',' || c == '}') && s.at > s.quote:
			if s.model && string(held[s.quote:s.at]) != "null" {
				return errNotText
			}
			s.endValue(s.at)
			return nil
		default:
			return errNotJSON
		}
	}
	return nil
}

// step takes one byte of the outermost level.
func (s *jsonScan) step(held []byte) error {
	c := held[s.at]
	if s.state == jsonStart {
		return s.begin(held)
	}
	if jsonskip.IsSpace(c) {
		s.at++
		return nil
	}
	switch s.state {
	case jsonFirst, jsonKey:
		switch {
		case c == '"':
			s.quote, s.state = s.at, jsonInKey
		case c == '}' && s.state == jsonFirst:
			s.state = jsonEnd
		default:
			return errNotJSON
		}
	case jsonColon:
		if c != ':' {
			return errNotJSON
		}
		s.state = jsonValue
	case jsonValue:
		return s.beginValue(c)
	case jsonNext:
		switch c {
		case ',':
			s.state = jsonKey
		case '}':
			s.state = jsonEnd
		default:
			return errNotJSON
		}
	case jsonEnd:
		return errNotJSON
	}
	s.at++
	return nil
}

// begin takes what may stand in front of the object, and its bracket.
func (s *jsonScan) begin(held []byte) error {
	c := held[s.at]
	mark := s.at < len(byteOrderMark) && held[0] == byteOrderMark[0]
	switch {
	case mark && c == byteOrderMark[s.at], !mark && jsonskip.IsSpace(c):
	case mark || c != '{':
		return errNotJSON
	default:
		s.open, s.state = s.at, jsonFirst
	}
	s.at++
	return nil
}

func (s *jsonScan) beginValue(c byte) error {
	s.quote = s.at
	switch {
	case c == '"':
		s.state = jsonString
	case (c == '{' || c == '[') && s.model:
		return errNotText
	case c == '{' || c == '[':
		s.state, s.deep = jsonDeep, jsonskip.Nested()
	default:
		s.state = jsonScalar
		return nil // it is looked at once more, as a part of the scalar
	}
	s.at++
	return nil
}
