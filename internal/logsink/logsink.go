// Package logsink takes log lines without ever blocking: it keeps them in memory
// and a goroutine of its own writes them. Where the writer cannot keep up, lines
// are lost and counted.
package logsink

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shards    = 8
	shardSize = 1 << 20 // bytes that may wait in one shard
	gather    = 10 * time.Millisecond
)

// Sink is an io.Writer for whole lines.
type Sink struct {
	out    io.Writer
	parts  [shards]part
	lost   atomic.Int64
	wake   chan struct{}
	closed chan struct{}
	done   chan struct{}
	once   sync.Once
}

// part holds lines under a lock of its own, so that writers need not meet.
type part struct {
	mu      sync.Mutex
	waiting []byte
	spare   []byte
	_       [40]byte // two locks on two cache lines
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
	p := s.free()
	first := len(p.waiting) == 0
	if len(p.waiting)+len(line) > shardSize {
		s.lost.Add(1)
	} else {
		p.waiting = append(p.waiting, line...)
	}
	p.mu.Unlock()
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

// free returns the first part that nobody holds, locked: lines of one writer stay
// in their order.
func (s *Sink) free() *part {
	for i := range s.parts {
		if p := &s.parts[i]; p.mu.TryLock() {
			return p
		}
	}
	p := &s.parts[0]
	p.mu.Lock()
	return p
}

// run writes what waits, a little later than it came, so that one write carries
// many lines.
func (s *Sink) run() {
	defer close(s.done)
	for {
		select {
		case <-s.wake:
			time.Sleep(gather)
			s.flush()
		case <-s.closed:
			s.flush()
			return
		}
	}
}

func (s *Sink) flush() {
	for i := range s.parts {
		p := &s.parts[i]
		p.mu.Lock()
		lines := p.waiting
		p.waiting, p.spare = p.spare[:0], nil
		p.mu.Unlock()
		if len(lines) > 0 {
			_, _ = s.out.Write(lines) // where a log cannot be written there is nobody to tell
		}
		p.mu.Lock()
		p.spare = lines[:0]
		p.mu.Unlock()
	}
}

// Close writes what waits; lines that come later are kept in memory only.
func (s *Sink) Close() {
	s.once.Do(func() { close(s.closed) })
	<-s.done
}
