package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// TestFillEnds holds every way in which a wait ends.
func TestFillEnds(t *testing.T) {
	for _, tc := range []struct {
		name    string
		timeout time.Duration
		do      func(c *Conn, far *net.TCPConn)
		want    outcome
	}{
		{"with bytes", 0, func(_ *Conn, far *net.TCPConn) { _, _ = far.Write([]byte("hello")) }, outcome{"hello", nil}},
		{"with FIN", 0, func(_ *Conn, far *net.TCPConn) { _ = far.CloseWrite() }, outcome{"", io.EOF}},
		{"with its bound", 30 * time.Millisecond, func(*Conn, *net.TCPConn) {}, outcome{"", ErrTimeout}},
		{"with Rouse", 0, func(c *Conn, _ *net.TCPConn) { c.Rouse() }, outcome{"", ErrTimeout}},
		{"with Cancel", 0, func(c *Conn, _ *net.TCPConn) { c.Cancel() }, outcome{"", ErrCanceled}},
		{"with Cancel behind Rouse", 0, func(c *Conn, _ *net.TCPConn) { c.Cancel(); c.Rouse() }, outcome{"", ErrCanceled}},
	} {
		for _, before := range []bool{true, false} {
			name := tc.name + " that comes while it waits"
			if before {
				name = tc.name + " that came before"
			}
			t.Run(name, func(t *testing.T) {
				c, far := pair(t, startWatch(t), 0)
				if before {
					tc.do(c, far)
				}
				done := fill(c, tc.timeout)
				if !before {
					waiting(t, c, tc.timeout)
					tc.do(c, far)
				}
				if got := <-done; got != tc.want {
					t.Errorf("Fill = %q, %v, want %q, %v", got.text, got.err, tc.want.text, tc.want.err)
				}
			})
		}
	}
}

// waiting returns when a Fill with a bound is under way; one without cannot be
// seen, and need not.
func waiting(t *testing.T, c *Conn, timeout time.Duration) {
	if timeout > 0 {
		eventually(t, "a wait", func() bool { return c.readBy.Load() != 0 })
	}
}

// TestABoundIsNeverEarly holds it for reads and writes.
func TestABoundIsNeverEarly(t *testing.T) {
	const bound = 60 * time.Millisecond
	c, _ := pair(t, startWatch(t), bound)
	start := time.Now()
	if _, err := c.Fill(nil, bound); !errors.Is(err, ErrTimeout) || time.Since(start) < bound {
		t.Errorf("Fill = %v after %v, want %v after %v", err, time.Since(start), ErrTimeout, bound)
	}
	start = time.Now()
	n, err := c.Write(make([]byte, 64<<20)) // nobody reads it
	if !errors.Is(err, ErrTimeout) || time.Since(start) < bound || n == 0 || n == 64<<20 {
		t.Errorf("Write = %d, %v after %v, want a part, %v after %v", n, err, time.Since(start), ErrTimeout, bound)
	}
}

// TestCalmUndoesTimeoutsOnly holds that a wait can go on after one that was too
// long, and that nothing goes on after Cancel.
func TestCalmUndoesTimeoutsOnly(t *testing.T) {
	c, far := pair(t, startWatch(t), 0)
	c.Rouse()
	if _, err := c.Fill(nil, 0); !errors.Is(err, ErrTimeout) {
		t.Fatalf("Fill after Rouse = %v", err)
	}
	c.Calm()
	_, _ = far.Write([]byte("x"))
	if b, err := c.Fill(nil, 0); err != nil || string(b.Bytes()) != "x" {
		t.Fatalf("Fill after Calm = %q, %v", b.Bytes(), err)
	}
	c.Cancel()
	c.Calm()
	if _, err := c.Fill(nil, 0); !errors.Is(err, ErrCanceled) {
		t.Errorf("Fill after Cancel and Calm = %v, want %v", err, ErrCanceled)
	}
}

// TestNoCancelIsLostBesideCalm holds it where both come at the same moment, as
// they do when a client leaves while a heartbeat is due.
func TestNoCancelIsLostBesideCalm(t *testing.T) {
	w := startWatch(t)
	for range 200 {
		c, _ := pair(t, w, 0)
		var both sync.WaitGroup
		both.Go(c.Calm)
		both.Go(c.Cancel)
		both.Wait()
		if got := <-fill(c, 0); !errors.Is(got.err, ErrCanceled) {
			t.Fatalf("Fill = %v, want %v", got.err, ErrCanceled)
		}
		c.Close()
	}
}

// TestTryFillDoesNotWait holds that it takes what is there and no more.
func TestTryFillDoesNotWait(t *testing.T) {
	c, far := pair(t, startWatch(t), 0)
	b := GetBuf()
	defer b.Release()
	c.TryFill(b)
	if b.Len() != 0 {
		t.Fatalf("TryFill of silence = %q", b.Bytes())
	}
	_, _ = far.Write([]byte("hello"))
	eventually(t, "bytes", func() bool { c.TryFill(b); return string(b.Bytes()) == "hello" })
}

// TestABoundEndsOnlyItsOwnWait holds that a bound which expires at the very
// moment when bytes come does no harm to the next wait: on a connection from the
// pool that would be the wait of another exchange.
func TestABoundEndsOnlyItsOwnWait(t *testing.T) {
	for _, next := range []time.Duration{0, time.Hour} {
		c, far := pair(t, startWatch(t), 0)
		_ = c.sock.SetReadDeadline(past) // as the watch does, too late
		_, _ = far.Write([]byte("x"))
		if got := <-fill(c, next); got.text != "x" {
			t.Errorf("Fill within %v = %q, %v, want x", next, got.text, got.err)
		}
	}
}
