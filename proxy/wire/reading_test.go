package wire

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

// TestWhatThePeerSendsIsReadToItsEnd holds each end of a plain connection, for
// what is there when the loop takes the connection over, what comes in one event
// and what comes bit by bit.
func TestWhatThePeerSendsIsReadToItsEnd(t *testing.T) {
	write := func(text string) func(*net.TCPConn) {
		return func(far *net.TCPConn) { _, _ = far.Write([]byte(text)) }
	}
	fin := func(far *net.TCPConn) { _ = far.CloseWrite() }
	end := func(far *net.TCPConn) { _ = far.Close() }
	rst := func(far *net.TCPConn) { _ = far.SetLinger(0); _ = far.Close() }
	full, more := strings.Repeat("x", BufSize), strings.Repeat("y", 3*BufSize+1)
	for _, tc := range []struct {
		name string
		do   []func(*net.TCPConn)
		text string
		end  error
	}{
		{"FIN alone", []func(*net.TCPConn){fin}, "", io.EOF},
		{"bytes and FIN", []func(*net.TCPConn){write("hello"), fin}, "hello", io.EOF},
		{"bytes and close", []func(*net.TCPConn){write("hello"), end}, "hello", io.EOF},
		{"bytes in pieces and FIN", []func(*net.TCPConn){write("one "), write("two "), write("three"), fin}, "one two three", io.EOF},
		{"exactly a buffer and FIN", []func(*net.TCPConn){write(full), fin}, full, io.EOF},
		{"more than a buffer and FIN", []func(*net.TCPConn){write(more), fin}, more, io.EOF},
		{"RST alone", []func(*net.TCPConn){rst}, "", syscall.ECONNRESET},
		{"bytes and RST", []func(*net.TCPConn){write("hello"), rst}, "hello", syscall.ECONNRESET},
	} {
		t.Run(tc.name+", before the loop has it", func(t *testing.T) {
			near, far := tcpPair(t)
			for _, do := range tc.do {
				do(far)
			}
			adopt(t, startLoop(t), near, nil, 0).wantEnd(tc.text, tc.end)
		})
		t.Run(tc.name+", in one event", func(t *testing.T) {
			s, far := pair(t, startLoop(t))
			release := hold(s.loop)
			for _, do := range tc.do {
				do(far)
			}
			release()
			s.wantEnd(tc.text, tc.end)
		})
		t.Run(tc.name+", bit by bit", func(t *testing.T) {
			s, far := pair(t, startLoop(t))
			go func() {
				for _, do := range tc.do {
					do(far)
				}
			}()
			s.wantEnd(tc.text, tc.end)
		})
	}
}

// wantEnd reads to the end, and asks again.
func (s *side) wantEnd(want string, end error) {
	s.t.Helper()
	if text, err := s.readAll(); text != want || !errors.Is(err, end) {
		s.t.Errorf("read %d bytes %.20q and %v, want %d bytes %.20q and %v", len(text), text, err, len(want), want, end)
	}
	if again, err := s.read(); again != "" || !errors.Is(err, end) {
		s.t.Errorf("asked again, read %q and %v, want %v", again, err, end)
	}
	s.do(func(c *Conn) {
		if reset := end != io.EOF; (c.Failed() != nil) != reset || !c.Left() {
			s.t.Errorf("Failed = %v, Left = %v behind %v", c.Failed(), c.Left(), end)
		}
	})
}

// TestReadTakesNoBufferForNothing holds that a silent connection holds none, and
// that one which is taken for bytes is given back with them.
func TestReadTakesNoBufferForNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(*testing.T) (*side, io.Writer)
	}{
		{"plain", func(t *testing.T) (*side, io.Writer) { return pair(t, startLoop(t)) }},
		{"TLS", func(t *testing.T) (*side, io.Writer) { return securePair(t, startLoop(t)) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := tc.make(t)
			silent := func() {
				t.Helper()
				s.do(func(c *Conn) {
					if b, err := c.Read(nil); b != nil || !errors.Is(err, ErrWait) {
						t.Errorf("Read of silence = %v, %v, want no buffer and %v", b, err, ErrWait)
					}
				})
			}
			silent()
			for range 3 {
				_, _ = far.Write([]byte("hello"))
				if text, err := s.read(); text != "hello" || err != nil {
					t.Fatalf("Read = %q, %v, want hello", text, err)
				}
				silent()
			}
			s.do(func(c *Conn) {
				if n := len(c.loop.bufs); n != 1 {
					t.Errorf("%d buffers in the store, want the one that all was read into", n)
				}
			})
		})
	}
}

// TestReadAppendsToWhatThereIs holds that a head can come in pieces.
func TestReadAppendsToWhatThereIs(t *testing.T) {
	s, far := pair(t, startLoop(t))
	var b *Buf
	for _, want := range []string{"GET ", "GET / ", "GET / HTTP/1.1"} {
		_, _ = far.Write([]byte(want[b.Len():]))
		s.until(want, func(c *Conn) bool {
			b, _ = c.Read(b)
			return string(b.Bytes()) == want
		})
	}
	s.do(func(c *Conn) {
		if got, err := c.Read(b); got != b || string(got.Bytes()) != "GET / HTTP/1.1" || !errors.Is(err, ErrWait) {
			t.Errorf("Read of silence = %q, %v, want what was there and %v", got.Bytes(), err, ErrWait)
		}
		b.Release()
	})
}

// TestAResetThatAWriteHasMetIsNoEnd holds that a body which lasts until the
// connection ends cannot look complete because the kernel told the reset to the
// upload first.
func TestAResetThatAWriteHasMetIsNoEnd(t *testing.T) {
	s, far := pair(t, startLoop(t))
	_, _ = far.Write([]byte("a part"))
	_ = far.SetLinger(0)
	_ = far.Close()
	s.left()
	s.do(func(c *Conn) {
		if _, err := c.Write([]byte("x")); err == nil {
			t.Error("Write on a connection that was reset = nil")
		}
	})
	if text, err := s.readAll(); text != "a part" || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %q and %v, want %q and %v", text, err, "a part", syscall.ECONNRESET)
	}
}

// TestAnAnswerBeforeAResetIsComplete holds that an upstream which has answered to
// the end, and resets what else it is sent, has answered to the end.
func TestAnAnswerBeforeAResetIsComplete(t *testing.T) {
	s, far := pair(t, startLoop(t))
	_, _ = far.Write([]byte("an answer"))
	_ = far.CloseWrite()
	s.left()
	s.write([]byte("x"))
	_ = far.SetLinger(0)
	_ = far.Close() // behind FIN: RST
	s.until("a write fails", func(c *Conn) bool {
		_, err := c.Write([]byte("x"))
		s.loop.Again(c)
		return err != nil
	})
	if text, err := s.readAll(); text != "an answer" || !errors.Is(err, io.EOF) {
		t.Errorf("read %q and %v, want %q and %v", text, err, "an answer", io.EOF)
	}
}
