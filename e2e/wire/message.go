//go:build e2e

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// Field is one field line, its value without the whitespace around it.
type Field struct{ Name, Value string }

// Framing says how the end of a body is found (RFC 9112 section 6.3).
type Framing string

// The framings. Tunnel is what follows 101: bytes without an end of their own.
const (
	None    Framing = "none"
	Length  Framing = "length"
	Chunked Framing = "chunked"
	Close   Framing = "close"
	Tunnel  Framing = "tunnel"
)

// Message is what has arrived so far of one request or response. It is parsed
// strictly: what two parsers could read differently is a violation, because the
// runner judges what the edge puts on the wire.
type Message struct {
	Start    string
	Fields   []Field
	Body     []byte
	Trailers []Field
	Framing  Framing
	Headed   bool // the head is complete
	Complete bool
	Size     int // bytes taken so far
}

var (
	token      = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	requestRe  = regexp.MustCompile(`^[!-~]+ [!-~]+ HTTP/1\.[01]$`)
	responseRe = regexp.MustCompile(`^HTTP/1\.[01] [1-9][0-9][0-9]( [\t\x20-\x7e\x80-\xff]*)?$`)
	chunkRe    = regexp.MustCompile(`^([0-9a-fA-F]{1,15})([ \t]*;[\t\x20-\x7e]*)?$`)
)

// Values returns the values of the field lines with the name, in order.
func (m *Message) Values(name string) []string { return valuesOf(m.Fields, name) }

func valuesOf(fields []Field, name string) (values []string) {
	for _, f := range fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Status returns the status code of a response.
func (m *Message) Status() int {
	if len(m.Start) < 12 {
		return 0
	}
	status, _ := strconv.Atoi(m.Start[9:12])
	return status
}

// Method returns the method of a request.
func (m *Message) Method() string {
	method, _, _ := strings.Cut(m.Start, " ")
	return method
}

func parseRequest(b []byte) (*Message, error) {
	m, err := parseHead(b, requestRe)
	if err != nil || !m.Headed {
		return m, err
	}
	if err := m.chooseFraming(None); err != nil {
		return m, err
	}
	return m, m.readBody(b[m.Size:], raw.Open)
}

// parseResponse reads the response to a request with the method.
func parseResponse(b []byte, method string, end raw.End) (*Message, error) {
	m, err := parseHead(b, responseRe)
	if err != nil || !m.Headed {
		return m, err
	}
	if err := m.chooseFraming(Close); err != nil {
		return m, err
	}
	switch status := m.Status(); {
	case status == 101:
		m.Framing = Tunnel
	case method == "HEAD" || status < 200 || status == 204 || status == 304:
		m.Framing = None
	}
	return m, m.readBody(b[m.Size:], end)
}

// parseHead reads the start line and the fields.
func parseHead(b []byte, start *regexp.Regexp) (*Message, error) {
	m := &Message{}
	line, size, err := cutLine(b)
	if err != nil || size == 0 {
		return m, err
	}
	if !start.MatchString(line) {
		return m, fmt.Errorf("start line %q", line)
	}
	fields, n, err := parseFields(b[size:])
	if err != nil || n == 0 {
		return m, err
	}
	m.Start, m.Fields, m.Size, m.Headed = line, fields, size+n, true
	return m, nil
}

// parseFields reads field lines and the empty line after them. n is 0 while
// that line is missing.
func parseFields(b []byte) (fields []Field, n int, err error) {
	for {
		line, size, err := cutLine(b[n:])
		if err != nil || size == 0 {
			return nil, 0, err
		}
		n += size
		if line == "" {
			return fields, n, nil
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !token.MatchString(name) {
			return nil, 0, fmt.Errorf("field line %q", line)
		}
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
}

// cutLine returns the first line without its CRLF; size is 0 while the line is
// not complete.
func cutLine(b []byte) (line string, size int, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return "", 0, nil
	}
	if i == 0 || b[i-1] != '\r' {
		return "", 0, fmt.Errorf("line %q ends with a bare LF", b[:i])
	}
	for _, c := range b[:i-1] {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return "", 0, fmt.Errorf("line %q has a control character", b[:i])
		}
	}
	return string(b[:i-1]), i + 1, nil
}

// chooseFraming applies RFC 9112 section 6.3; without is the framing of a
// message that names none.
func (m *Message) chooseFraming(without Framing) error {
	lengths, codings := m.Values("Content-Length"), m.Values("Transfer-Encoding")
	switch {
	case len(lengths) > 0 && len(codings) > 0:
		return errors.New("both Content-Length and Transfer-Encoding")
	case len(lengths) > 1 || len(codings) > 1:
		return errors.New("several fields say how long the body is")
	case len(codings) == 1 && !strings.EqualFold(codings[0], "chunked"):
		return fmt.Errorf("Transfer-Encoding: %s", codings[0])
	case len(codings) == 1:
		m.Framing = Chunked
	case len(lengths) == 1:
		m.Framing = Length
	default:
		m.Framing = without
	}
	return nil
}

func (m *Message) readBody(b []byte, end raw.End) error {
	switch m.Framing {
	case None:
		m.Complete = true
	case Length:
		return m.readLength(b)
	case Chunked:
		return m.readChunked(b)
	case Close, Tunnel:
		m.Body, m.Complete = b, end == raw.Closed
		m.Size += len(b)
	}
	return nil
}

func (m *Message) readLength(b []byte) error {
	text := m.Values("Content-Length")[0]
	length, err := strconv.ParseUint(text, 10, 40)
	if err != nil || text[0] == '+' {
		return fmt.Errorf("Content-Length: %s", text)
	}
	m.Body = b[:min(int(length), len(b))]
	m.Size += len(m.Body)
	m.Complete = len(m.Body) == int(length)
	return nil
}

func (m *Message) readChunked(b []byte) error {
	for {
		line, n, err := cutLine(b)
		if err != nil || n == 0 {
			m.Size += len(b)
			return err
		}
		match := chunkRe.FindStringSubmatch(line)
		if match == nil {
			return fmt.Errorf("chunk size line %q", line)
		}
		size, err := strconv.ParseUint(match[1], 16, 40)
		if err != nil {
			return err
		}
		if size == 0 {
			return m.readTrailers(b[n:], n)
		}
		data := b[n:]
		m.Body = append(m.Body, data[:min(int(size), len(data))]...)
		if len(data) < int(size)+2 {
			m.Size += len(b)
			return nil
		}
		if string(data[size:size+2]) != "\r\n" {
			return fmt.Errorf("chunk of %d bytes is followed by %q", size, data[size:size+2])
		}
		m.Size += n + int(size) + 2
		b = data[size+2:]
	}
}

func (m *Message) readTrailers(b []byte, lastChunk int) error {
	trailers, n, err := parseFields(b)
	if err != nil || n == 0 {
		m.Size += lastChunk + len(b)
		return err
	}
	m.Trailers, m.Complete = trailers, true
	m.Size += lastChunk + n
	return nil
}

// progress counts what has come of a series of messages: heads (those of 100
// left out, because the edge may say that itself) and bytes of bodies.
type progress struct{ heads, body int }

func (p *progress) add(m *Message) {
	if m.Headed && m.Status() != 100 {
		p.heads++
	}
	p.body += len(m.Body)
}

func (p progress) reaches(want progress) bool {
	return p.heads >= want.heads && p.body >= want.body
}

func (p progress) plus(q progress) progress  { return progress{p.heads + q.heads, p.body + q.body} }
func (p progress) minus(q progress) progress { return progress{p.heads - q.heads, p.body - q.body} }

// requestProgress counts what sent contains; a violation ends the count.
func requestProgress(sent []byte) (p progress, methods []string) {
	for len(sent) > 0 {
		m, err := parseRequest(sent)
		if !m.Headed {
			return p, methods
		}
		p.add(m)
		methods = append(methods, m.Method())
		if err != nil || !m.Complete {
			return p, methods
		}
		sent = sent[m.Size:]
	}
	return p, methods
}

// responseProgress does the same for the responses to one request.
func responseProgress(sent []byte, method string) (p progress) {
	for len(sent) > 0 {
		m, err := parseResponse(sent, method, raw.Open)
		if !m.Headed {
			return p
		}
		p.add(m)
		if err != nil || !m.Complete {
			return p
		}
		sent = sent[m.Size:]
	}
	return p
}
