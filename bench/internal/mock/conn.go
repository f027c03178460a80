package mock

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// headBuffer holds a request head and the start of its body.
const headBuffer = 8 << 10

// conn is one connection from a proxy (or from the load client, on the direct
// path). One goroutine reads it; events are written by the pacer.
type conn struct {
	net.Conn
	tcp    *net.TCPConn
	server *Server
	buf    []byte // bytes read and not yet used

	mu     sync.Mutex
	stream *stream // the paced stream that runs now
	silent string  // id of the silent exchange that runs now
}

var (
	errHead      = errors.New("request head not understood")
	errKeyAbsent = errors.New("the subscription key did not arrive as api-key alone")
)

func (c *conn) serve() {
	c.server.connections.Add(1)
	defer func() {
		c.Close()
		c.end()
		c.server.connections.Add(-1)
	}()
	storage := make([]byte, headBuffer)
	c.buf = storage[:0]
	for {
		marker, err := c.readRequest(storage)
		if errors.Is(err, errKeyAbsent) {
			c.server.refused.Add(1)
			_, err = c.Write(refusal)
		} else if err == nil {
			c.server.exchanges.Add(1)
			err = c.answer(marker)
		}
		if err != nil {
			return
		}
	}
}

// end is called when the connection is over: whatever ran on it has been
// cancelled.
func (c *conn) end() {
	now := c.server.clock.Now()
	c.mu.Lock()
	stream, silent := c.stream, c.silent
	c.stream, c.silent = nil, ""
	c.mu.Unlock()
	if stream != nil {
		stream.over.Store(true)
		c.server.over(c)
	}
	if silent != "" {
		c.server.over(c)
		c.server.mu.Lock()
		c.server.departures[silent] = now
		delete(c.server.running, silent)
		c.server.mu.Unlock()
	}
}

// readRequest reads one request whole and returns its marker. Reading is also
// how the end of the connection is seen while a stream runs.
func (c *conn) readRequest(storage []byte) (marker string, err error) {
	end := -1
	for {
		if end = bytes.Index(c.buf, []byte("\r\n\r\n")); end >= 0 {
			break
		}
		if err := c.fill(storage); err != nil {
			return "", err
		}
	}
	head := c.buf[:end+2]
	length, chunked, keyed := readHead(head)
	c.buf = c.buf[end+4:]
	marker, err = c.readBody(storage, length, chunked)
	if err == nil && !keyed {
		err = errKeyAbsent
	}
	return marker, err
}

// fill reads more bytes behind those that are left over.
func (c *conn) fill(storage []byte) error {
	if len(c.buf) == len(storage) {
		return errHead
	}
	if cap(c.buf) < len(storage) { // move to the front
		c.buf = storage[:copy(storage, c.buf)]
	}
	n, err := c.Read(storage[len(c.buf):])
	c.buf = storage[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// readHead returns the framing, and whether the key arrived as api-key alone.
func readHead(head []byte) (length int64, chunked, keyed bool) {
	_, lines, _ := bytes.Cut(head, []byte("\r\n"))
	authorization := false
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case isName(name, "content-length"):
			length, _ = strconv.ParseInt(string(value), 10, 64)
		case isName(name, "transfer-encoding"):
			chunked = true
		case isName(name, "api-key"):
			keyed = string(value) == Key
		case isName(name, "authorization"):
			authorization = true
		}
	}
	return length, chunked, keyed && !authorization
}

func isName(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// readBody takes the body and finds the marker in what comes first of it, or last: gateways
// that write the body anew choose their own order.
func (c *conn) readBody(storage []byte, length int64, chunked bool) (string, error) {
	marker := ""
	for {
		if marker == "" {
			marker = findMarker(c.buf)
		}
		if chunked && bytes.HasSuffix(c.buf, []byte("0\r\n\r\n")) {
			c.buf = storage[:0]
			return marker, nil
		}
		if !chunked && length <= int64(len(c.buf)) {
			c.buf = c.buf[length:]
			return marker, nil
		}
		if len(c.buf) > headBuffer/2 {
			tail, err := c.discardBody(storage, length, chunked)
			return cmp.Or(marker, findMarker(tail)), err
		}
		if err := c.fill(storage); err != nil {
			return "", err
		}
	}
}

var discardBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// tailBytes is how much of the end of a large body is looked at.
const tailBytes = 512

// discardBody reads the rest of a large body and returns its end.
func (c *conn) discardBody(storage []byte, length int64, chunked bool) (tail []byte, err error) {
	buffer := discardBuffers.Get().(*[]byte)
	defer discardBuffers.Put(buffer)
	tail = append(tail, c.buf...)
	left := length - int64(len(c.buf))
	c.buf = storage[:0]
	for left > 0 || chunked {
		n, err := c.Read(*buffer)
		if err != nil {
			return nil, err
		}
		left -= int64(n)
		tail = append(tail, (*buffer)[max(0, n-tailBytes):n]...)
		tail = append(tail[:0], tail[max(0, len(tail)-tailBytes):]...)
		if chunked && bytes.HasSuffix(tail, []byte("0\r\n\r\n")) {
			return tail, nil
		}
	}
	return tail, nil
}

// findMarker returns the words behind "bench:", up to the quote that ends them.
func findMarker(body []byte) string {
	at := bytes.Index(body, []byte("bench:"))
	if at < 0 {
		return ""
	}
	word, _, whole := bytes.Cut(body[at+len("bench:"):], []byte(`"`))
	if !whole {
		return ""
	}
	return string(word)
}
