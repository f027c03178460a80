package client

import (
	"bytes"
	"io"
	"strconv"
)

// body follows the framing of the response that is being read.
type body struct {
	state bodyState
	left  int64 // bytes left of the body or the chunk
}

type bodyState int

const (
	untilClose bodyState = iota
	fixed
	chunkSize
	chunkData
	chunkEnd
	trailer
	over
)

// Next returns the next piece of the body, as far as it has arrived; it reads
// only where nothing has. The piece is valid until the next call. io.EOF is the
// proper end; a body that stops before it gives ErrCut.
func (c *Conn) Next() ([]byte, error) {
	for {
		switch c.body.state {
		case over:
			return nil, io.EOF
		case fixed, chunkData:
			if c.body.left > 0 {
				return c.take()
			}
			c.endOfData()
		case untilClose:
			return c.takeUntilClose()
		default:
			if err := c.framingLine(); err != nil {
				return nil, cut(err)
			}
		}
	}
}

func (c *Conn) endOfData() {
	if c.body.state == fixed {
		c.body.state = over
		return
	}
	c.body.state = chunkEnd
}

func (c *Conn) take() ([]byte, error) {
	if c.start == c.end {
		if err := c.fill(); err != nil {
			return nil, cut(err)
		}
	}
	n := int(min(c.body.left, int64(c.end-c.start)))
	piece := c.buffer[c.start : c.start+n]
	c.start += n
	c.body.left -= int64(n)
	return piece, nil
}

func (c *Conn) takeUntilClose() ([]byte, error) {
	if c.start == c.end {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	piece := c.buffer[c.start:c.end]
	c.start = c.end
	return piece, nil
}

// framingLine takes a chunk size line, the line end behind a chunk, or a line
// of the trailer.
func (c *Conn) framingLine() error {
	var end int
	for {
		if end = bytes.IndexByte(c.buffer[c.start:c.end], '\n'); end >= 0 {
			break
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
	line := bytes.TrimRight(c.buffer[c.start:c.start+end], "\r")
	c.start += end + 1
	switch {
	case c.body.state == chunkEnd:
		c.body.state = chunkSize
	case c.body.state == trailer:
		if len(line) == 0 {
			c.body.state = over
		}
	default:
		size, _, _ := bytes.Cut(line, []byte(";"))
		length, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 64)
		if err != nil {
			return errMalformed
		}
		c.body = body{state: chunkData, left: length}
		if length == 0 {
			c.body.state = trailer
		}
	}
	return nil
}

func cut(err error) error {
	if err == io.EOF {
		return ErrCut
	}
	return err
}
