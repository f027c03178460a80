package mock

import (
	"fmt"
	"io"
	"sync/atomic"
)

// An event is one chunk that looks like a chat completion chunk; its content
// is the time at which it was sent, which the load client reads back.
const (
	eventText  = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"t=%019d"},"finish_reason":null}]}` + "\n\n"
	eventsDone = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
)

// event is an event as bytes on the wire, with a place for the time.
type event struct {
	bytes []byte
	place int
}

func newEvent() *event {
	text := fmt.Sprintf(eventText, 0)
	chunk := fmt.Sprintf("%x\r\n%s\r\n", len(text), text)
	place := len(chunk) - len("\"},\"finish_reason\":null}]}\n\n\r\n") - 19
	return &event{bytes: []byte(chunk), place: place}
}

// at writes the time into the event and returns its bytes.
func (e *event) at(nanoseconds int64) []byte {
	for i := e.place + 18; i >= e.place; i-- {
		e.bytes[i] = byte('0' + nanoseconds%10)
		nanoseconds /= 10
	}
	return e.bytes
}

// firstEvent is the head of a stream with its first event, as one write.
func firstEvent(now int64) []byte {
	return append([]byte(streamHead), newEvent().at(now)...)
}

// queueLimit is how much may wait in a connection's send queue before events
// are withheld: the pacer must never block for one slow proxy. Small events
// take ten times their size of the send buffer, so it is far below that.
const queueLimit = 16 << 10

// stream writes events at a rate; the pacer's task.
type stream struct {
	conn    *conn
	event   *event
	left    int // events to come; negative: no end
	checked int
	full    bool
	over    atomic.Bool
}

// startEvents writes the head and lets the pacer do the rest.
func (c *conn) startEvents(perSecond, count int) error {
	if perSecond <= 0 {
		return fmt.Errorf("events need a rate")
	}
	if _, err := io.WriteString(c, streamHead); err != nil {
		return err
	}
	s := &stream{conn: c, event: newEvent(), left: count}
	if count == 0 {
		s.left = -1
	}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	c.server.begin(c)
	c.server.pacer.Add(s, int64(1e9)/int64(perSecond))
	return nil
}

// Do writes the next event.
func (s *stream) Do(int64) bool {
	if s.over.Load() {
		return false
	}
	if s.isFull() {
		s.conn.server.withheld.Add(1)
		return true
	}
	if _, err := s.conn.Write(s.event.at(s.conn.server.clock.Now())); err != nil {
		return false
	}
	s.conn.server.events.Add(1)
	s.left--
	if s.left == 0 {
		s.finish()
		return false
	}
	return true
}

// finish ends the stream well; the connection is free for the next exchange
// from here on, so it is let go before the last bytes are written.
func (s *stream) finish() {
	s.conn.mu.Lock()
	mine := s.conn.stream == s
	if mine {
		s.conn.stream = nil
	}
	s.conn.mu.Unlock()
	if mine {
		s.conn.server.over(s.conn)
	}
	_, _ = io.WriteString(s.conn, eventsDone)
}

// isFull looks at the send queue now and then, and always while it was full.
func (s *stream) isFull() bool {
	s.checked++
	if !s.full && s.checked%16 != 0 {
		return false
	}
	raw, err := s.conn.tcp.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) { s.full = queued(fd) > queueLimit })
	return s.full
}
