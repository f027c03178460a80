package front

import (
	"context"
	"sync"
)

// turns bounds how many TLS handshakes compute at a time: half as many as there are
// processors. 1,000 at once with RSA took them from the loops: p99 of an event beside
// them was 218 to 478 ms, and is 11 to 46 ms with turns (two processors, busy with other
// things as well). Who waits for bytes has no turn.
//
// Handshakes that have begun go first, both kinds in order of arrival. With one line
// for all, what a client answers would wait behind every newcomer: of more than can
// be served within timeouts.tls_handshake none would be.
type turns struct {
	mu    sync.Mutex
	free  int
	lines [2][]*waiting // the lines, by place
}

// A place is one of the lines.
type place int

const (
	begun place = iota
	newcomer
)

// waiting is somebody in a line.
type waiting struct {
	called chan struct{} // closed: it has its turn
	left   bool          // it waits no longer
}

// take waits for a turn, unless ctx ends before.
func (t *turns) take(ctx context.Context, in place) error {
	if ctx.Err() != nil {
		return ctx.Err() // nobody waits for what it would compute
	}
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	w := &waiting{called: make(chan struct{})}
	t.lines[in] = append(t.lines[in], w)
	t.mu.Unlock()
	select {
	case <-w.called:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.called: // at the same moment
		t.next()
	default:
		w.left = true
	}
	return ctx.Err()
}

// give gives a turn back.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// next calls the one whose turn it is. The lock is held.
func (t *turns) next() {
	for in := range t.lines {
		for len(t.lines[in]) > 0 {
			w := t.lines[in][0]
			t.lines[in] = t.lines[in][1:]
			if !w.left {
				close(w.called)
				return
			}
		}
	}
	t.free++
}
