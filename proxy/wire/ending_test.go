package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// TestHowAConnectionEndsIsSeenByItsPeer holds what Close and the two kinds of
// Abort look like from outside.
func TestHowAConnectionEndsIsSeenByItsPeer(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		want error // of the peer's read; nil: FIN
		open bool  // it still reads
	}{
		{"Close", (*Conn).Close, nil, false},
		{"Close twice", func(c *Conn) { c.Close(); c.Close() }, nil, false},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, nil, false},
		{"Abort with reset", func(c *Conn) { c.Abort(true) }, syscall.ECONNRESET, false},
		{"Close behind Abort", func(c *Conn) { c.Abort(true); c.Close() }, syscall.ECONNRESET, false},
		{"CloseWrite", (*Conn).CloseWrite, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := pair(t, startLoop(t))
			s.write([]byte("the last byte"))
			if _, err := io.ReadFull(far, make([]byte, len("the last byte"))); err != nil {
				t.Fatal(err)
			}
			s.do(func(c *Conn) {
				tc.end(c)
				if c.Closed() == tc.open || c.Closing() == tc.open {
					t.Errorf("Closed = %v, Closing = %v, want both %v", c.Closed(), c.Closing(), !tc.open)
				}
			})
			if got, err := drain(t, far); len(got) > 0 || !errors.Is(err, tc.want) {
				t.Errorf("the peer reads %q and %v, want %v", got, err, tc.want)
			}
		})
	}
}

// TestNothingIsDoneOnAClosedConnection holds that a descriptor which has become
// that of another connection meanwhile is not touched.
func TestNothingIsDoneOnAClosedConnection(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
	}{
		{"Close", (*Conn).Close},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }},
		{"Abort with reset", func(c *Conn) { c.Abort(true) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := startLoop(t)
			closed, _ := pair(t, l)
			closed.do(tc.end)
			next, far := pair(t, l) // it gets the free descriptor
			closed.do(func(c *Conn) {
				if n, err := c.Write([]byte("stray")); n != 0 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write = %d, %v, want 0, %v", n, err, net.ErrClosed)
				}
				if _, err := c.Read(nil); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Read = %v, want %v", err, net.ErrClosed)
				}
				if c.Silent() {
					t.Error("a closed connection is silent")
				}
				c.CloseWrite()
				c.Close()
				c.Abort(true)
				c.ExpireAfter(1)
				l.Again(c)
			})
			next.write([]byte("hello"))
			got := make([]byte, 5)
			if _, err := io.ReadFull(far, got); err != nil || string(got) != "hello" {
				t.Errorf("the peer of another connection reads %q, %v, want hello", got, err)
			}
			if closed.wakes.Load() != 0 {
				t.Errorf("a closed connection was woken %d times", closed.wakes.Load())
			}
		})
	}
}

// TestNothingIsWrittenBehindTheEnd holds that what has said its end says no more.
func TestNothingIsWrittenBehindTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name    string
		end     func(*Conn)
		backlog int
	}{
		{"Close with a backlog", (*Conn).Close, 256 << 10},
		{"Abort with a backlog", func(c *Conn) { c.Abort(false) }, 256 << 10},
		{"CloseWrite with a backlog", (*Conn).CloseWrite, 256 << 10},
		{"CloseWrite", (*Conn).CloseWrite, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := narrowPair(t, startLoop(t), narrow, 0)
			want := s.fill(tc.backlog)
			s.do(func(c *Conn) {
				tc.end(c)
				if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write = %d, %v, want 0, %v", n, err, net.ErrClosed)
				}
			})
			if got, err := drain(t, far); err != nil || len(got) != len(want) {
				t.Errorf("the peer reads %d bytes and %v, want %d", len(got), err, len(want))
			}
		})
	}
}

// TestOnlyACompleteMessageEndsWithCloseNotify holds that a peer on TLS can tell
// Close from Abort.
func TestOnlyACompleteMessageEndsWithCloseNotify(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(*Conn)
		last byte // the type of the last record
		want error
	}{
		{"Close", (*Conn).Close, recordAlert, nil},
		{"CloseWrite", (*Conn).CloseWrite, recordAlert, nil},
		{"Close behind CloseWrite", func(c *Conn) { c.CloseWrite(); c.Close() }, recordAlert, nil},
		{"Abort without reset", func(c *Conn) { c.Abort(false) }, recordData, nil},
		{"Abort with reset", func(c *Conn) { c.Abort(true) }, recordData, syscall.ECONNRESET},
	} {
		t.Run(tc.name, func(t *testing.T) {
			near, tcp := tcpPair(t)
			seen := &tap{Conn: tcp}
			far := tls.Client(seen, oldConfig())
			s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
			s.write([]byte("x"))
			if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			s.do(tc.end)
			if got, err := drain(t, far); len(got) > 0 || !errors.Is(err, tc.want) {
				t.Errorf("the peer reads %q and %v, want %v", got, err, tc.want)
			}
			if seen.last != tc.last {
				t.Errorf("the last record is of type %d, want %d", seen.last, tc.last)
			}
		})
	}
}

// TestAnUnvouchedEndIsACut holds that FIN without close_notify is not io.EOF, be
// it at the border of a record or inside one, also for who asks twice.
func TestAnUnvouchedEndIsACut(t *testing.T) {
	part := []byte{recordData, 3, 3, 0, 40, 1, 2, 3}
	for _, tc := range []struct {
		name string
		end  func(*tls.Conn)
		want error
	}{
		{"close_notify", func(far *tls.Conn) { _ = far.CloseWrite() }, io.EOF},
		{"close_notify and FIN", func(far *tls.Conn) { _ = far.Close() }, io.EOF},
		{"FIN alone", func(far *tls.Conn) { _ = far.NetConn().Close() }, ErrCut},
		{"FIN inside a record", func(far *tls.Conn) { _, _ = far.NetConn().Write(part); _ = far.NetConn().Close() }, ErrCut},
		{"FIN inside a record's header", func(far *tls.Conn) { _, _ = far.NetConn().Write(part[:3]); _ = far.NetConn().Close() }, ErrCut},
		{"RST", func(far *tls.Conn) { _ = far.NetConn().(*net.TCPConn).SetLinger(0); _ = far.NetConn().Close() }, syscall.ECONNRESET},
	} {
		for version, conf := range map[string]*tls.Config{"1.3": clientConfig(), "1.2": oldConfig()} {
			for _, whole := range []bool{true, false} {
				name := tc.name + ", TLS " + version
				if whole {
					name += ", in one event"
				}
				t.Run(name, func(t *testing.T) {
					near, tcp := tcpPair(t)
					far := tls.Client(tcp, conf)
					s := adopt(t, startLoop(t), near, shake(t, near, tls.Server, far), 0)
					release := func() {}
					if whole {
						release = hold(s.loop)
					}
					_, _ = far.Write([]byte("hello"))
					tc.end(far)
					release()
					if text, err := s.readAll(); text != "hello" || !errors.Is(err, tc.want) {
						t.Fatalf("read %q and %v, want hello and %v", text, err, tc.want)
					}
					if _, err := s.read(); !errors.Is(err, tc.want) {
						t.Errorf("asked again: %v, want %v", err, tc.want)
					}
				})
			}
		}
	}
}
