package head

import (
	"bytes"
	"errors"

	"github.com/apim-edge/apim-edge/rewrite"
)

// Response is the head of one response of the upstream. Everything in it
// aliases the buffer that it was read into.
type Response struct {
	Status int
	line   []byte // "200 OK": status code and reason phrase
	fields []rewrite.Field
	kinds  []kind

	connection
	http10  bool
	sse     bool
	encoded bool  // Content-Encoding: nobody here can read the body
	Dated   bool  // it has a Date that passes
	Switch  bool  // Upgrade names a WebSocket and nothing else
	Length  int64 // of the body: its bytes, chunkedBody or untilClose
	Login   bool  // whoever asked has logged in on this connection, or is about to
	Idle    int64 // how many seconds the connection may be idle; -1: it does not say
	APIMID  []byte
	vary    [][]byte
}

// MaxResponse bounds the head of a response.
const MaxResponse = 256 << 10

// UntilClose is the length of a body that the end of the connection delimits.
const UntilClose = -2

// The ways in which an upstream's answer is refused. None quotes it: the text
// goes into the log.
var (
	errStatusLine  = errors.New("the status line is not HTTP/1.1 (RFC 9112 section 4)")
	errLength      = errors.New("Content-Length is not one number (RFC 9112 section 6.3)")
	errBoth        = errors.New("the head has both Content-Length and Transfer-Encoding (RFC 9112 section 6.1)")
	errCoding      = errors.New("Transfer-Encoding is not chunked alone (RFC 9112 section 6.1)")
	ErrSwitch      = errors.New("101 Switching Protocols without being asked, or to another protocol than was asked for (RFC 9110 section 7.8)")
	ErrSize        = errors.New("the response head is larger than 256 KiB")
	ErrManyInterim = errors.New("more than 100 interim responses")
)

// Parse reads the head (status line, field lines, empty line).
func (r *Response) Parse(head []byte) error {
	_, err := r.parse(head)
	return err
}

// ParseFirst is Request.ParseFirst for a response.
func (r *Response) ParseFirst(p []byte) int {
	n, err := r.parse(p[:len(p):len(p)])
	if err != nil {
		r.Clear()
		return 0
	}
	return n
}

func (r *Response) parse(p []byte) (n int, err error) {
	end := bytes.IndexByte(p, '\n')
	if end < 1 || p[end-1] != '\r' {
		return 0, errBareLF
	}
	if err := r.parseLine(p[:end-1]); err != nil {
		return 0, err
	}
	lines := fieldLines{fields: r.fields, kinds: r.kinds}
	n, err = lines.scan(p[end+1:])
	r.fields, r.kinds = lines.fields, lines.kinds
	if err != nil {
		return 0, err
	}
	return end + 1 + n, r.readFields()
}

func (r *Response) parseLine(line []byte) error {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || line[7] != '0' && line[7] != '1' {
		return errStatusLine
	}
	r.http10 = line[7] == '0'
	r.line = line[9:]
	status, ok := parseLength(r.line[:3])
	if !ok || status < 100 || len(r.line) > 3 && r.line[3] != ' ' || controlIn(r.line) {
		return errStatusLine
	}
	r.Status = int(status)
	return nil
}

func (r *Response) readFields() error {
	r.connection.reset(r.http10)
	r.Length, r.sse, r.encoded, r.Login, r.Idle = UntilClose, false, false, false, -1
	r.APIMID, r.vary, r.Dated, r.Switch = nil, r.vary[:0], false, false
	chunked, lengths, upgrades := 0, 0, 0
	for i, k := range r.kinds {
		v := r.fields[i].Value
		switch k {
		case kContentLength:
			n, ok := parseLength(v)
			if lengths++; !ok || lengths > 1 {
				return errLength
			}
			r.Length = n
		case kTransferEncoding:
			if chunked++; chunked > 1 || r.http10 || !EqualFold(v, "chunked") {
				return errCoding
			}
		case kConnection:
			if err := r.readConnection(v); err != nil {
				return err
			}
		case kContentType:
			r.sse = isEventStream(v)
		case kContentEncoding:
			r.encoded = !EqualFold(v, "identity")
		case kUpgrade:
			upgrades++
			r.Switch = upgrades == 1 && EqualFold(v, "websocket")
		case kDate:
			r.Dated = true
		case kAPIMRequestID:
			r.APIMID = v
		case kKeepAlive:
			r.Idle = idleOf(v, r.Idle)
		case kLogin:
			r.Login = r.Login || BelongsToConnection(v)
		case kVary:
			r.vary = append(r.vary, v)
		}
	}
	r.Dated = r.Dated && !r.nominates([]byte("date"))
	if chunked > 0 {
		if lengths > 0 {
			return errBoth
		}
		r.Length = Chunked
	}
	return nil
}

// Settle applies what the request says about the body: none after HEAD, and
// none with 1xx, 204 and 304 (RFC 9112 section 6.3).
func (r *Response) Settle(head bool) {
	if head || r.Status < 200 || r.Status == 204 || r.Status == 304 {
		r.Length = 0
		return
	}
	if r.Length == UntilClose {
		r.Close = true
	}
}

// Body is what upstream's answer has for a body.
type Body uint8

const (
	Plain        Body = iota
	Events            // server-sent events, which are counted
	OpaqueEvents      // server-sent events that are compressed: nobody here can read them
	Tunnel            // bytes both ways, after 101
)

func (b Body) String() string {
	return [...]string{"plain", "events", "opaque_events", "tunnel"}[b]
}

// Body returns what the answer has for a body.
func (r *Response) Body() Body {
	switch {
	case r.Status == 101:
		return Tunnel
	case r.sse && r.encoded:
		return OpaqueEvents
	case r.sse:
		return Events
	}
	return Plain
}

func isEventStream(v []byte) bool {
	const want = "text/event-stream"
	return len(v) >= len(want) && EqualFold(v[:len(want)], want) &&
		(len(v) == len(want) || v[len(want)] == ';' || v[len(want)] == ' ')
}

// Fields returns the field lines as they came. They alias the buffer of the head.
func (r *Response) Fields() []rewrite.Field { return r.fields }

// Challenges appends the values of WWW-Authenticate to dst.
func (r *Response) Challenges(dst [][]byte) [][]byte {
	for i, k := range r.kinds {
		if k == kLogin && EqualFold(r.fields[i].Name, "www-authenticate") {
			dst = append(dst, r.fields[i].Value)
		}
	}
	return dst
}

// ContentType returns the type of the body, nil for none.
func (r *Response) ContentType() []byte {
	for i, k := range r.kinds {
		if k == kContentType {
			return r.fields[i].Value
		}
	}
	return nil
}

// Readable reports whether the body comes as it is, and not compressed.
func (r *Response) Readable() bool { return !r.encoded }

// Clear drops all of r that aliases the buffer of its head.
func (r *Response) Clear() {
	clear(r.fields)
	clear(r.vary)
	r.connection.reset(false)
	r.fields, r.vary, r.line, r.APIMID = r.fields[:0], r.vary[:0], nil, nil
}

// Grown is Request.Grown for a response.
func (r *Response) Grown() bool { return cap(r.fields) > usualFields || cap(r.vary) > usualFields }
