package client

import (
	"bytes"
	"io"
	"time"
)

// Event is one SSE event as it arrived.
type Event struct {
	SentAt int64 // CLOCK_MONOTONIC at the upstream; 0: the event carries no time
	ReadAt time.Time
	// SameRead says that the event before came out of the same read: it was
	// merged with this one on the way, or this client was slow.
	SameRead bool
	Done     bool // data: [DONE]
}

// Stream reads events from a response.
type Stream struct {
	conn    *Conn
	carry   []byte // the part of an event whose rest has not arrived
	pending []byte
	last    time.Time
}

// Open sends a request and reads the response head.
func (c *Conn) Open(request []byte) (*Stream, error) {
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	response, err := c.ReadHead()
	if err != nil {
		return nil, err
	}
	if response.Status != 200 {
		return nil, response.err()
	}
	return &Stream{conn: c}, nil
}

var blankLine = []byte("\n\n")

// Next waits for the next event; io.EOF is the proper end of the stream.
func (s *Stream) Next() (Event, error) {
	for {
		if text, ok := s.cutEvent(); ok {
			event := readEvent(text)
			event.ReadAt = s.conn.ReadAt
			event.SameRead = s.conn.ReadAt.Equal(s.last)
			s.last = s.conn.ReadAt
			return event, nil
		}
		piece, err := s.conn.Next()
		if err != nil {
			if err == io.EOF && len(bytes.TrimSpace(s.carry)) > 0 {
				err = ErrCut
			}
			return Event{}, err
		}
		s.pending = piece
	}
}

// cutEvent takes a whole event from what is pending. What is left is kept, as
// a copy, because the next read reuses the buffer.
func (s *Stream) cutEvent() ([]byte, bool) {
	if len(s.pending) == 0 {
		return nil, false
	}
	if len(s.carry) > 0 {
		return s.cutCarried()
	}
	text, rest, whole := bytes.Cut(s.pending, blankLine)
	if !whole {
		s.carry = append(s.carry, s.pending...)
		s.pending = nil
		return nil, false
	}
	s.pending = rest
	return text, true
}

func (s *Stream) cutCarried() ([]byte, bool) {
	before := len(s.carry)
	s.carry = append(s.carry, s.pending...)
	end := bytes.Index(s.carry, blankLine)
	if end < 0 {
		s.pending = nil
		return nil, false
	}
	text := s.carry[:end]
	s.pending = s.pending[end+len(blankLine)-before:]
	s.carry = s.carry[:0]
	return text, true
}

func readEvent(text []byte) Event {
	if bytes.HasSuffix(text, []byte("[DONE]")) {
		return Event{Done: true}
	}
	at := bytes.Index(text, []byte(`"t=`))
	if at < 0 {
		return Event{}
	}
	var sent int64
	for _, digit := range text[at+3:] {
		if digit < '0' || digit > '9' {
			break
		}
		sent = sent*10 + int64(digit-'0')
	}
	return Event{SentAt: sent}
}
