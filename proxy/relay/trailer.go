package relay

import (
	"bytes"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

const maxTrailer = 16 << 10

// trailerRest returns the trailer section in held, which begins with (the end
// of) the line of the last chunk. complete tells that the section has its end;
// line is how long the line of the last chunk is, end where the section ends.
func trailerRest(held []byte) (line, end int, complete bool) {
	line = bytes.IndexByte(held, '\n') + 1
	section := held[line:]
	if bytes.HasPrefix(section, []byte("\r\n")) {
		return line, line + 2, true
	}
	if i := bytes.Index(section, []byte("\r\n\r\n")); i >= 0 {
		return line, line + i + 4, true
	}
	return line, 0, false
}

// filterTrailer appends the line of the last chunk and the trailer fields that
// may pass. Each line must be "token: value" without control characters.
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

// collectTrailer adds p to what is held of the trailer section (with the line of
// the last chunk in front) and returns the section filtered once it is complete,
// with the number of bytes at the end of p that lie behind it. Before that it
// returns wire.ErrWait.
func collectTrailer(held *[]byte, p []byte, drop func([]byte) bool) (section []byte, excess int, err error) {
	*held = append(*held, p...)
	line, end, complete := trailerRest(*held)
	if !complete {
		if len(*held) > maxTrailer {
			return nil, 0, ErrTrailer
		}
		return nil, 0, wire.ErrWait
	}
	section, err = filterTrailer(nil, *held, line, end, drop)
	return section, len(*held) - end, err
}
