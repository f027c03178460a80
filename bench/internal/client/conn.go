package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Conn is a connection of the load client. It is used by one goroutine.
type Conn struct {
	net.Conn
	tcp    *net.TCPConn
	buffer []byte
	// buffer[start:end] has been read and not been used.
	start, end int
	// ReadAt is when the newest bytes arrived.
	ReadAt time.Time
	body   body
}

// Response is what is known after a response head.
type Response struct {
	Status int
	Close  bool // the server will close the connection
	// Code is what apim-edge calls an error of its own; other proxies have none.
	Code string
}

// Errors of the load client. A cut is a message that ended before its end.
var (
	ErrCut       = errors.New("the response ended before its end")
	errTooLong   = errors.New("response head or chunk size line too long")
	errMalformed = errors.New("response not understood")
)

// StatusError is a response that is not the 200 that the bench wants.
type StatusError struct {
	Status int
	Code   string
}

func (e StatusError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("status %d", e.Status)
	}
	return fmt.Sprintf("status %d (%s)", e.Status, e.Code)
}

func (r Response) err() error { return StatusError{r.Status, r.Code} }

// Exchange sends a request and reads its response to the end. It returns the
// length of the response body.
func (c *Conn) Exchange(request []byte) (int64, error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	return c.Finish()
}

// Finish reads one response to its end.
func (c *Conn) Finish() (int64, error) {
	response, err := c.ReadHead()
	if err != nil {
		return 0, err
	}
	return c.rest(response)
}

// Timed is Exchange; it tells when the first bytes of the response came.
func (c *Conn) Timed(request []byte) (first time.Time, err error) {
	if _, err := c.Write(request); err != nil {
		return first, err
	}
	response, err := c.ReadHead()
	if err != nil {
		return first, err
	}
	first = c.ReadAt
	_, err = c.rest(response)
	return first, err
}

// rest reads what follows the head. It returns the length of the body.
func (c *Conn) rest(response Response) (int64, error) {
	var length int64
	for {
		piece, err := c.Next()
		length += int64(len(piece))
		if err == io.EOF {
			break
		}
		if err != nil {
			return length, err
		}
	}
	if response.Status != 200 {
		return length, response.err()
	}
	if response.Close {
		return length, io.EOF
	}
	return length, nil
}

// ReadHead reads a response head, over interim ones.
func (c *Conn) ReadHead() (Response, error) {
	for {
		var end int
		for {
			if end = bytes.Index(c.buffer[c.start:c.end], []byte("\r\n\r\n")); end >= 0 {
				break
			}
			if err := c.fill(); err != nil {
				return Response{}, err
			}
		}
		head := c.buffer[c.start : c.start+end+2]
		c.start += end + 4
		response, err := c.parseHead(head)
		if err != nil || response.Status >= 200 {
			return response, err
		}
	}
}

func (c *Conn) parseHead(head []byte) (Response, error) {
	line, lines, _ := bytes.Cut(head, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return Response{}, errMalformed
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return Response{}, errMalformed
	}
	response := Response{Status: status}
	c.body = body{state: untilClose}
	for len(lines) > 0 {
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case isName(name, "content-length") && c.body.state == untilClose:
			length, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil {
				return Response{}, errMalformed
			}
			c.body = body{state: fixed, left: length}
		case isName(name, "transfer-encoding"):
			c.body = body{state: chunkSize}
		case isName(name, "connection") && strings.EqualFold(string(value), "close"):
			response.Close = true
		case isName(name, "x-apim-edge-error"):
			response.Code = string(value)
		}
	}
	response.Close = response.Close || c.body.state == untilClose
	return response, nil
}

func isName(name []byte, want string) bool {
	return len(name) == len(want) && strings.EqualFold(string(name), want)
}

// fill reads more bytes behind those that have not been used.
func (c *Conn) fill() error {
	if c.start == c.end {
		c.start, c.end = 0, 0
	} else if c.end == len(c.buffer) {
		copy(c.buffer, c.buffer[c.start:c.end])
		c.start, c.end = 0, c.end-c.start
		if c.end == len(c.buffer) {
			return errTooLong
		}
	}
	n, err := c.Read(c.buffer[c.end:])
	if n == 0 {
		return err
	}
	c.ReadAt = time.Now()
	c.end += n
	return nil
}

// Leave ends the connection as a client does that goes away: with a FIN.
func (c *Conn) Leave() error { return c.Conn.Close() }

// Grow gives the connection a larger buffer, for large bodies.
func (c *Conn) Grow(size int) {
	larger := make([]byte, size)
	c.end = copy(larger, c.buffer[c.start:c.end])
	c.start, c.buffer = 0, larger
}

// SetReadBuffer sets the size of the socket's receive buffer.
func (c *Conn) SetReadBuffer(size int) error { return c.tcp.SetReadBuffer(size) }
