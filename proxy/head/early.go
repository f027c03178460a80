package head

import (
	"bytes"
	"errors"
)

var errTLSAnswer = errors.New("the answer is TLS; use https:// in the upstream's url")

// ResponseFault is Fault for a response head that begins with p and is not complete:
// what can never become one is known by its first bytes, and each line by its end.
// It is called after End, with the same bytes, and looks at each complete line once.
func (s *Scan) ResponseFault(p []byte) error {
	if err := s.Fault(); err != nil {
		return err
	}
	if err := checkBeginning(p); err != nil {
		return err
	}
	for s.valid < s.line {
		line := p[s.valid:s.line]
		line = line[:bytes.IndexByte(line, '\n')+1]
		if err := lineFault(line, s.valid == 0); err != nil {
			return err
		}
		s.valid += int32(len(line))
	}
	return nil
}

// lineFault returns what is wrong with a line of a response head, which ends in CRLF.
func lineFault(line []byte, first bool) error {
	if first {
		return new(Response).parseLine(line[:len(line)-2])
	}
	colon := tokenLen(line)
	if colon == 0 || line[colon] != ':' {
		return faultOf(line)
	}
	if size, _ := untilControl(line[colon+1:]); colon+1+size+2 != len(line) {
		return faultOf(line)
	}
	return nil
}

// checkBeginning refuses what does not begin as a status line does, as far as it has
// come: an SSH banner, a preface of HTTP/2, an alert of TLS.
func checkBeginning(p []byte) error {
	const version = "HTTP/1."
	if n := min(len(p), len(version)); string(p[:n]) != version[:n] {
		if p[0] == 0x15 || p[0] == 0x16 {
			return errTLSAnswer
		}
		return errStatusLine
	}
	for i := len(version); i < min(len(p), len("HTTP/1.1 200")); i++ {
		digit := p[i] >= '0' && p[i] <= '9'
		if i == len("HTTP/1.1") && p[i] != ' ' || i == len(version) && p[i] > '1' || i != len("HTTP/1.1") && !digit {
			return errStatusLine
		}
	}
	return nil
}
