// Package logsink takes log lines without ever waiting for the output: it keeps
// them in memory and a goroutine of its own writes them. Where the output cannot
// keep up, or fails, lines are lost and counted, and the log says how many as soon
// as it can be written again.
package logsink

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	capacity = 8 << 20               // bytes that may wait
	soon     = 10 * time.Millisecond // until a line is written where few come
	rest     = time.Second           // at most, between two tries of an output that fails
	patience = 2 * time.Second       // with an output that takes nothing, at the end

	// Where many come, gather is how long one write waits for them: to wake the goroutine
	// costs as much as to write 200 lines does. Of 5,000 lines a second each cost 1.7 µs
	// when it was woken every 10 ms, and 0.2 µs at 100 ms.
	gather = 100 * time.Millisecond
	many   = 4 << 10 // bytes of one write
	enough = 1 << 20 // bytes that are not waited with, well below capacity
)

// Sink is an io.Writer for whole lines. Lines of one writer stay in their order.
type Sink struct {
	out    io.Writer
	notice func(lost int64) []byte
	lost   atomic.Int64
	wake   chan struct{} // there is a line
	full   chan struct{} // there is enough
	closed chan struct{}
	done   chan struct{}
	once   sync.Once

	mu      sync.Mutex // held for a copy, never for a write
	waiting []byte

	// Of the goroutine that writes:
	told int64  // of the lines lost, those that the log has told of
	torn []byte // what is missing of a line that the output took a part of
}

// New returns a sink that writes to out. notice, if there is one, returns the line
// that says how many lines were lost.
func New(out io.Writer, notice func(lost int64) []byte) *Sink {
	s := &Sink{
		out: out, notice: notice,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1), closed: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s
}

// Lost returns how many lines were lost.
func (s *Sink) Lost() float64 { return float64(s.lost.Load()) }

// Write takes one line. It never fails and never waits for the output.
func (s *Sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	before := len(s.waiting)
	after := before + len(line)
	if after <= capacity {
		s.waiting = append(s.waiting, line...)
	}
	s.mu.Unlock()
	if after > capacity {
		s.lost.Add(1)
	}
	if before == 0 {
		signal(s.wake)
	}
	if before < enough && after >= enough {
		signal(s.full)
	}
	return len(line), nil
}

// signal leaves a word for the goroutine that writes, unless one lies there.
func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// run writes what waits, a little later than it came. An output that fails is
// tried less and less often, so that a full disk costs no processor.
func (s *Sink) run() {
	defer close(s.done)
	var spare []byte
	works, pause := true, soon
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			timer.Reset(pause)
			s.await(timer.C, works)
			spare, works = s.flush(spare)
		case <-s.closed:
			s.flush(spare)
			return
		}
		switch {
		case !works:
			pause = min(2*pause, rest)
		case len(spare) >= many:
			pause = gather
		default:
			pause = soon
		}
	}
}

// await waits until it is time to write. An output that fails is not tried because there
// is enough for it.
func (s *Sink) await(passed <-chan time.Time, works bool) {
	full := s.full
	if !works {
		full = nil
	}
	select {
	case <-passed:
	case <-full:
	case <-s.closed:
	}
}

// flush writes what waits, leaving spare in its place. It returns the space of what
// it has written, and whether the output works.
func (s *Sink) flush(spare []byte) (space []byte, works bool) {
	s.mu.Lock()
	lines := s.waiting
	s.waiting = spare[:0]
	s.mu.Unlock()
	if !s.mend() {
		s.lose(lines)
		return lines, false
	}
	if n, err := s.push(lines); err != nil {
		s.lose(s.tear(lines, n))
		return lines, false
	}
	return lines, s.tell()
}

// tell says in the log how many lines were lost.
func (s *Sink) tell() (works bool) {
	lost := s.lost.Load()
	if lost == s.told || s.notice == nil {
		return true
	}
	line := s.notice(lost - s.told)
	if n, err := s.push(line); err != nil {
		s.tear(line, n)
		return false
	}
	s.told = lost
	return true
}

// mend writes the rest of a torn line: what follows would be read as a part of it.
func (s *Sink) mend() (works bool) {
	n, err := s.push(s.torn)
	s.torn = s.torn[n:]
	return err == nil
}

// tear keeps what is missing of a line of which the output took a part, the first
// n bytes of lines being out, and returns the lines behind it.
func (s *Sink) tear(lines []byte, n int) (behind []byte) {
	behind = lines[n:]
	if n == 0 || lines[n-1] == '\n' {
		return behind
	}
	end := bytes.IndexByte(behind, '\n') + 1
	s.torn = bytes.Clone(behind[:end])
	return behind[end:]
}

func (s *Sink) lose(lines []byte) { s.lost.Add(int64(bytes.Count(lines, []byte{'\n'}))) }

// push writes p, and returns how much of it is out where that fails. A pipe or
// terminal that somebody else made non-blocking is waited for, like any other that
// takes nothing.
func (s *Sink) push(p []byte) (n int, err error) {
	for tries := patience / soon; len(p) > 0; time.Sleep(soon) {
		wrote, err := s.out.Write(p)
		n, p = n+wrote, p[wrote:]
		if err == nil || !errors.Is(err, syscall.EAGAIN) || tries == 0 {
			return n, err
		}
		select {
		case <-s.closed:
			tries--
		default:
		}
	}
	return n, nil
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
