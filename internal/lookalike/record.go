package lookalike

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Request is a request as it reached the look-alike.
type Request struct {
	// ID is the apim-request-id of the answer.
	ID string
	// Method, Target and Proto are the request line.
	Method, Target, Proto string
	// Fields are the head's lines in the order and the case of the wire where
	// Start serves the look-alike; behind another server they are what
	// net/http kept, sorted by name.
	Fields []Field
	// Credential names the kinds that were seen, as x-lookalike-credential does.
	Credential string
	// BodyBytes and BodySHA256 describe the whole body. BodySHA256 is empty
	// where the request was refused before its body was read.
	BodyBytes  int64
	BodySHA256 string
}

// Field is one line of a head.
type Field struct{ Name, Value string }

// Get returns the value of the first line of that name, whatever its case.
func (r Request) Get(name string) string {
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Has says whether the head has a line of that name, whatever its case.
func (r Request) Has(name string) bool {
	return slices.ContainsFunc(r.Fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

// End is how an exchange ended.
type End struct {
	// ID is that of the Request.
	ID string
	// Method and Target are its request line.
	Method, Target string
	// Status is the status sent, 0 where none was.
	Status int
	// Events is how many frames of a stream were written.
	Events int
	// Left says that the client went before the answer was complete.
	Left bool
}

// received copies what the request's head says.
func received(r *http.Request) Request {
	out := Request{Method: r.Method, Target: r.RequestURI, Proto: r.Proto}
	if c, ok := r.Context().Value(connKey{}).(*sniffConn); ok {
		out.Fields = c.takeHead(r.Method + " " + r.RequestURI + " " + r.Proto + "\r\n")
	}
	if out.Fields != nil {
		return out
	}
	out.Fields = append(out.Fields, Field{"Host", r.Host}) // net/http takes it out of the map
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			out.Fields = append(out.Fields, Field{name, value})
		}
	}
	return out
}

type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

type sniffListener struct{ net.Listener }

func (l sniffListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &sniffConn{Conn: c}, nil
}

// sniffKeep bounds the memory of a sniffConn; a head must fit into it.
const sniffKeep = 256 << 10

// sniffConn remembers the latest bytes that were read, because net/http loses
// the order and the case of fields. The head of a request is found again by
// its request line; a body of the request before that contains the very same
// line would be taken for it, so it is no oracle for request smuggling.
type sniffConn struct {
	net.Conn
	mu   sync.Mutex // net/http watches for departures on another goroutine
	seen []byte
}

// Read implements net.Conn.
func (c *sniffConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, p[:n]...)
	if len(c.seen) > 2*sniffKeep {
		c.seen = append(c.seen[:0], c.seen[len(c.seen)-sniffKeep:]...)
	}
	return n, err
}

// NetConn returns what is wrapped, as tls.Conn does.
func (c *sniffConn) NetConn() net.Conn { return c.Conn }

// takeHead returns the field lines after requestLine and forgets them; nil if
// the head is not there whole.
func (c *sniffConn) takeHead(requestLine string) []Field {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, rest, found := bytes.Cut(c.seen, []byte(requestLine))
	if !found {
		return nil
	}
	head, rest, found := bytes.Cut(rest, []byte("\r\n\r\n"))
	if !found {
		return nil
	}
	var fields []Field
	for line := range strings.SplitSeq(string(head), "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
	c.seen = append(c.seen[:0], rest...)
	return fields
}
