package bridge

import (
	"bytes"
	"strings"
)

// formScan finds the part "model" of a body that is multipart/form-data (RFC 7578). As
// jsonScan it sees all that has come, and goes on where it has stopped.
//
// It is strict about what readers take differently: lines end with CRLF, nothing but
// one empty line stands in front of the first part, nothing stands behind a boundary in
// its line, and a part has one Content-Disposition of one name.
type formScan struct {
	at    int
	state formState
	found bool
	model bool // the part under way is model
	start int  // of the head or the value under way
	value span // of model
	size  int  // of the delimiter in room: a line end, -- and the boundary
	room  [4 + maxBoundary]byte
}

func (s *formScan) delimiter() []byte { return s.room[:s.size] }

type formState uint8

const (
	formStart formState = iota // in front of the first boundary
	formLine                   // behind a boundary
	formHead                   // in the head of a part
	formBody                   // in its value
	formEnd                    // behind the last boundary: nothing counts (RFC 2046 section 5.1.1)
)

const (
	maxBoundary = 70      // RFC 2046 section 5.1.1
	maxPartHead = 8 << 10 // fields of one part; clients send 200 bytes
)

var (
	errNoBoundary = unreadable("the Content-Type multipart/form-data has no boundary, or one that is none (RFC 2046 section 5.1.1)")
	errNotForm    = unreadable("the body does not begin with its boundary, or a boundary does not stand alone in its line (RFC 2046 section 5.1.1)")
	errPartHead   = unreadable("a part of the body has no single Content-Disposition: form-data with one name, or lines that do not end with CRLF (RFC 7578)")
	errFormEnds   = unreadable("the body ends in front of its last boundary")
)

// begin takes the boundary out of a Content-Type.
func (s *formScan) begin(contentType []byte) error {
	*s = formScan{}
	s.size = copy(s.room[:], "\r\n--")
	_, rest, _ := bytes.Cut(contentType, []byte{';'})
	seen := false
	for len(rest) > 0 {
		name, value, after, ok := parameter(rest)
		rest = after
		switch {
		case !ok:
			return errNoBoundary
		case !equalFold(name, "boundary"):
			continue
		case seen || len(value) == 0 || len(value) > maxBoundary || !isBoundary(value):
			return errNoBoundary
		}
		seen = true
		s.size += copy(s.room[s.size:], value)
	}
	if !seen {
		return errNoBoundary
	}
	return nil
}

func isBoundary(p []byte) bool {
	for _, c := range p {
		if c <= ' ' && c != ' ' || c > '~' || strings.IndexByte(`"\`, c) >= 0 {
			return false
		}
	}
	return p[len(p)-1] != ' '
}

// scan looks at what has come since it was last called.
func (s *formScan) scan(held []byte) error {
	for {
		var more bool
		var err error
		switch s.state {
		case formStart:
			more, err = s.first(held)
		case formLine:
			more, err = s.line(held)
		case formHead:
			more, err = s.head(held)
		case formBody:
			more, err = s.body(held)
		case formEnd:
			return nil
		}
		if more || err != nil {
			return err
		}
	}
}

// first takes the boundary in front of the first part, which needs no line end of its
// own.
func (s *formScan) first(held []byte) (more bool, err error) {
	mark := s.delimiter()
	if len(held) > 0 && held[0] != '\r' {
		mark = mark[2:]
	}
	n := min(len(held), len(mark))
	if !bytes.Equal(held[:n], mark[:n]) {
		return false, errNotForm
	}
	if n < len(mark) {
		return true, nil
	}
	s.at, s.state = n, formLine
	return false, nil
}

// line takes the rest of a line behind a boundary: CRLF, or -- behind the last.
func (s *formScan) line(held []byte) (more bool, err error) {
	rest := held[s.at:]
	switch {
	case len(rest) == 0, len(rest) == 1 && (rest[0] == '\r' || rest[0] == '-'):
		return true, nil
	case len(rest) == 1:
		return false, errNotForm
	case string(rest[:2]) == "--":
		s.state = formEnd
	case string(rest[:2]) == "\r\n":
		s.start, s.state = s.at+2, formHead
	default:
		return false, errNotForm
	}
	s.at += 2
	return false, nil
}

// head takes the head of a part once it is whole.
func (s *formScan) head(held []byte) (more bool, err error) {
	from := max(s.start, s.at-len("\r\n\r"))
	n := bytes.Index(held[from:], []byte("\r\n\r\n"))
	end := from + n
	if n < 0 {
		end = len(held)
	}
	switch {
	case end-s.start > maxPartHead:
		return false, errPartHead
	case n < 0:
		s.at = len(held)
		return true, nil
	}
	if s.model, err = isModelPart(held[s.start:end]); err != nil {
		return false, err
	}
	s.at = end + len("\r\n\r\n")
	s.start, s.state = s.at, formBody
	return false, nil
}

// body takes a value up to the boundary that ends it. It looks a little back, since a
// boundary may come in pieces. One whose line end is that of the head is a boundary to
// some readers only.
func (s *formScan) body(held []byte) (more bool, err error) {
	from := max(s.start-2, s.at-s.size+1)
	n := bytes.Index(held[from:], s.delimiter())
	end := from + n
	switch {
	case n < 0:
		s.at = len(held)
		return true, nil
	case end < s.start:
		return false, errNotForm
	case s.model && s.found:
		return false, errModelTwice
	case s.model:
		s.value, s.found = span{s.start, end}, true
	}
	s.at, s.state = end+s.size, formLine
	return false, nil
}

// isModelPart reads the head of a part. A file may be called model, too.
func isModelPart(head []byte) (bool, error) {
	var disposition []byte
	dispositions, coded := 0, false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, found := bytes.Cut(line, []byte{':'})
		switch {
		case !found || len(name) == 0 || bytes.ContainsAny(name, " \t") || bytes.ContainsAny(line, "\r\n\x00"):
			return false, errPartHead
		case equalFold(name, "content-disposition"):
			dispositions++
			disposition = value
		case equalFold(name, "content-transfer-encoding"):
			coded = true // Go's reader decodes quoted-printable, others do not (RFC 7578 section 4.7)
		}
	}
	kind, rest, _ := bytes.Cut(disposition, []byte{';'})
	if dispositions != 1 || !equalFold(bytes.Trim(kind, " \t"), "form-data") {
		return false, errPartHead
	}
	names, file, isModel := 0, false, false
	for len(rest) > 0 {
		name, value, after, ok := parameter(rest)
		rest = after
		switch {
		case !ok, len(name) > 4 && equalFold(name[:5], "name*"): // RFC 2231: one more name to some
			return false, errPartHead
		case equalFold(name, "name"):
			if names++; bytes.IndexByte(value, '\\') >= 0 {
				return false, errPartHead // which readers take for an escape or for itself
			}
			isModel = string(value) == "model"
		case equalFold(name, "filename"), equalFold(name, "filename*"):
			file = true
		}
	}
	if names != 1 || isModel && !file && coded {
		return false, errPartHead
	}
	return isModel && !file, nil
}

// parameter cuts the parameter off the front of a list, which begins behind a
// semicolon (RFC 9110 section 5.6.6). It has no name where the list ends with one.
func parameter(list []byte) (name, value, rest []byte, ok bool) {
	list = bytes.TrimLeft(list, " \t")
	if len(list) == 0 {
		return nil, nil, nil, true // a semicolon at the end
	}
	end := bytes.IndexByte(list, '=')
	if end <= 0 || bytes.ContainsAny(list[:end], " \t;\"") {
		return nil, nil, nil, false
	}
	name, list = list[:end], list[end+1:]
	if len(list) > 0 && list[0] == '"' {
		if value, list, ok = quoted(list[1:]); !ok {
			return nil, nil, nil, false
		}
	} else if end = bytes.IndexByte(list, ';'); end >= 0 {
		value, list = bytes.TrimRight(list[:end], " \t"), list[end:]
	} else {
		value, list = bytes.TrimRight(list, " \t"), nil
	}
	list = bytes.TrimLeft(list, " \t")
	if len(list) > 0 && list[0] != ';' {
		return nil, nil, nil, false
	}
	return name, value, list[min(1, len(list)):], true
}

// quoted returns what stands in front of the second quote, backslashes included.
func quoted(text []byte) (value, rest []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return text[:i], text[i+1:], true
		}
	}
	return nil, nil, false
}

// equalFold compares with a text in lower case.
func equalFold(p []byte, lower string) bool {
	if len(p) != len(lower) {
		return false
	}
	for i, c := range p {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
