package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestABacklogIsSentWhenRoomComes holds that no byte is lost or changes its place.
func TestABacklogIsSentWhenRoomComes(t *testing.T) {
	const later = "what comes later goes behind it"
	s, far := narrowPair(t, startLoop(t), narrow, 0)
	want := append(s.fill(256<<10), later...)
	got := make([]byte, len(want))
	n := 0
	s.do(func(c *Conn) {
		if c.Backlog() < 256<<10 || c.Failed() != nil {
			t.Errorf("a backlog of %d bytes, %v", c.Backlog(), c.Failed())
		}
		// The peer takes all that the kernel has: there is room, and the loop, which
		// is here, has not been told of it.
		var err error
		n, err = io.ReadFull(far, got[:len(want)-len(later)-c.Backlog()])
		_, err1 := c.Write([]byte(later[:10]))
		_, err2 := c.Write([]byte(later[10:]))
		if err := errors.Join(err, err1, err2); err != nil {
			t.Error(err)
		}
	})
	if _, err := io.ReadFull(far, got[n:]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the peer has not read what was written")
	}
	s.until("all is sent", func(c *Conn) bool { return c.Backlog() == 0 })
	s.do(func(c *Conn) {
		if n := len(c.loop.bufs); n > 1 {
			t.Errorf("%d buffers in the store, want at most 1", n)
		}
	})
	s.write([]byte("."))
	if _, err := io.ReadFull(far, got[:1]); err != nil || got[0] != '.' {
		t.Errorf("behind the backlog the peer reads %q, %v", got[:1], err)
	}
}

// TestTheEndOfABacklogIsTold holds that the handler is woken when all is sent, and
// then only: what comes in does not matter any more behind Close.
func TestTheEndOfABacklogIsTold(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(*side, *net.TCPConn)
		closed  bool
	}{
		{"in the middle of a message", func(*side, *net.TCPConn) {}, false},
		{"behind Close", func(s *side, _ *net.TCPConn) { s.do((*Conn).Close) }, true},
		{"behind Close, the peer has said its end", func(s *side, far *net.TCPConn) { s.do((*Conn).Close); _ = far.CloseWrite() }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startLoop(t), narrow, 0)
			want := s.fill(256 << 10)
			tc.prepare(s, far)
			if _, err := io.ReadFull(far, make([]byte, len(want))); err != nil {
				t.Fatal(err)
			}
			s.awake()
			s.do(func(c *Conn) {
				if c.Backlog() != 0 || c.Closed() != tc.closed || s.wakes.Load() != 1 {
					t.Errorf("a backlog of %d bytes, Closed = %v after %d wakes, want none, %v after 1",
						c.Backlog(), c.Closed(), s.wakes.Load(), tc.closed)
				}
			})
		})
	}
}

// TestSendGivesItsBufferBack holds it for what is sent at once and for a backlog.
func TestSendGivesItsBufferBack(t *testing.T) {
	s, far := narrowPair(t, startLoop(t), narrow, 0)
	want := pattern(32 * BufSize)
	sent := 0
	s.do(func(c *Conn) {
		for ; sent < len(want); sent += BufSize {
			b := c.loop.GetBuf()
			b.Add(want[sent : sent+BufSize])
			if n, err := c.Send(b); n != BufSize || err != nil {
				t.Errorf("Send = %d, %v, want %d", n, err, BufSize)
			}
			if kept := len(c.loop.bufs); kept != 1 {
				t.Errorf("%d buffers in the store behind Send, want 1", kept)
			}
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the peer has not read what was sent: %v", err)
	}
}

// TestAnEndWaitsForTheBacklog holds that FIN comes behind all bytes.
func TestAnEndWaitsForTheBacklog(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		open bool // reading goes on
	}{
		{"Close", (*Conn).Close, false},
		{"Close twice", func(c *Conn) { c.Close(); c.Close() }, false},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, false},
		{"Abort without reset twice", func(c *Conn) { c.Abort(false); c.Abort(false) }, false},
		{"Abort without reset behind Close", func(c *Conn) { c.Close(); c.Abort(false) }, false},
		{"Close behind Abort", func(c *Conn) { c.Abort(false); c.Close() }, false},
		{"CloseWrite", (*Conn).CloseWrite, true},
		{"Close behind CloseWrite", func(c *Conn) { c.CloseWrite(); c.Close() }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startLoop(t), narrow, 0)
			want := s.fill(256 << 10)
			s.do(func(c *Conn) {
				tc.end(c)
				if c.Closed() || c.Closing() == tc.open {
					t.Errorf("Closed = %v, Closing = %v with a backlog", c.Closed(), c.Closing())
				}
			})
			got, err := drain(t, far)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the peer reads %d bytes and %v, want %d and FIN", len(got), err, len(want))
			}
			if !tc.open {
				s.until("it is closed", (*Conn).Closed)
				return
			}
			_, _ = far.Write([]byte("still here"))
			if text, err := s.read(); text != "still here" || err != nil {
				t.Errorf("Read behind CloseWrite = %q, %v", text, err)
			}
		})
	}
}

// TestAResetWaitsForNothing holds that Abort with reset, and whatever else drops a
// backlog, cannot be taken for the end of a complete message.
func TestAResetWaitsForNothing(t *testing.T) {
	stall := func(s *side) {
		now := time.Duration(0)
		testkit.Await(t, "the peer stalls", func() bool {
			now += 2 * time.Hour
			s.at(now)
			return s.stalled()
		})
	}
	for _, tc := range []struct {
		name string
		end  func(*side)
	}{
		{"Abort", func(s *side) { s.do(func(c *Conn) { c.Abort(true) }) }},
		{"Abort behind Close", func(s *side) { s.do(func(c *Conn) { c.Close(); c.Abort(true) }) }},
		{"a peer that stalls behind Close", func(s *side) { s.do((*Conn).Close); stall(s) }},
		{"Close when the peer has stalled", func(s *side) { stall(s); s.do((*Conn).Close) }},
		{"the end of the loop", func(s *side) { s.loop.Close() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startFrozenLoop(t), narrow, time.Hour)
			want := s.fill(256 << 10)
			tc.end(s)
			s.do(func(c *Conn) {
				if !c.Closed() {
					t.Error("it is not closed")
				}
			})
			got, err := drain(t, far)
			if !errors.Is(err, syscall.ECONNRESET) || !bytes.HasPrefix(want, got) {
				t.Errorf("the peer reads %d bytes and %v, want a part of them and %v", len(got), err, syscall.ECONNRESET)
			}
		})
	}
}

// TestABacklogThatCannotBeSentWakes holds that a peer which leaves in the middle
// is not waited for.
func TestABacklogThatCannotBeSentWakes(t *testing.T) {
	for _, tc := range []struct {
		name    string
		closing bool
	}{
		{"in the middle of a message", false},
		{"behind Close", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startLoop(t), narrow, 0)
			s.fill(256 << 10)
			if tc.closing {
				s.do((*Conn).Close)
			}
			_ = far.SetLinger(0)
			_ = far.Close()
			s.until("the failure is told", func(c *Conn) bool { return c.Failed() != nil && c.Closed() == tc.closing })
			s.do(func(c *Conn) {
				if _, err := c.Write([]byte("x")); err == nil || c.Backlog() != 0 {
					t.Errorf("Write = %v with a backlog of %d bytes", err, c.Backlog())
				}
				c.Close()
				if !c.Closed() {
					t.Error("Close waits for a backlog that cannot be sent")
				}
			})
		})
	}
}

// TestABacklogUnderTLSKeepsItsOrder holds that records are whole, and that
// close_notify comes behind them where the message is complete.
func TestABacklogUnderTLSKeepsItsOrder(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		last byte
	}{
		{"Close", (*Conn).Close, recordAlert},
		{"CloseWrite", (*Conn).CloseWrite, recordAlert},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, recordData},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near, tcp := tcpPair(t)
			_ = near.SetWriteBuffer(narrow)
			seen := &tap{Conn: tcp}
			far := tls.Client(seen, oldConfig())
			s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
			want := s.fill(256 << 10)
			s.do(tc.end)
			got, err := drain(t, far)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the peer reads %d bytes and %v, not the %d that were written", len(got), err, len(want))
			}
			if seen.last != tc.last {
				t.Errorf("the last record is of type %d, want %d", seen.last, tc.last)
			}
		})
	}
}
