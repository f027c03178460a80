// Package logsink takes log lines without ever waiting for the output: it keeps
// them in memory and a goroutine of its own writes them. Where the output cannot
// keep up, or fails, lines are lost and counted.
package logsink

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	capacity = 8 << 20               // bytes that may wait
	gather   = 10 * time.Millisecond // so that one write carries many lines
	patience = 2 * time.Second       // with an output that takes nothing, at the end
)

// Sink is an io.Writer for whole lines. Lines of one writer stay in their order.
type Sink struct {
	out    io.Writer
	lost   atomic.Int64
	wake   chan struct{}
	closed chan struct{}
	done   chan struct{}
	once   sync.Once

	mu      sync.Mutex // held for a copy, never for a write
	waiting []byte
}

// New returns a sink that writes to out.
func New(out io.Writer) *Sink {
	s := &Sink{out: out, wake: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{})}
	go s.run()
	return s
}

// Lost returns how many lines were lost.
func (s *Sink) Lost() float64 { return float64(s.lost.Load()) }

// Write takes one line. It never fails and never waits for the output.
func (s *Sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	first, fits := len(s.waiting) == 0, len(s.waiting)+len(line) <= capacity
	if fits {
		s.waiting = append(s.waiting, line...)
	}
	s.mu.Unlock()
	if !fits {
		s.lost.Add(1)
	}
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

// run writes what waits, a little later than it came.
func (s *Sink) run() {
	defer close(s.done)
	var spare []byte
	for {
		select {
		case <-s.wake:
			time.Sleep(gather)
			spare = s.flush(spare)
		case <-s.closed:
			s.flush(spare)
			return
		}
	}
}

// flush writes what waits, leaving spare in its place, and returns the space of
// what it has written.
func (s *Sink) flush(spare []byte) []byte {
	s.mu.Lock()
	lines := s.waiting
	s.waiting = spare[:0]
	s.mu.Unlock()
	if len(lines) == 0 {
		return lines
	}
	if n, err := s.out.Write(lines); err != nil {
		s.lost.Add(int64(bytes.Count(lines[min(n, len(lines)):], []byte{'\n'})))
	}
	return lines
}

// Close writes what waits, but does not wait for long where the output takes
// nothing. Lines that come later are not written.
func (s *Sink) Close() {
	s.once.Do(func() { close(s.closed) })
	select {
	case <-s.done:
	case <-time.After(patience):
	}
}
