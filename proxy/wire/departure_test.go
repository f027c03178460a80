package wire

import (
	"net"
	"testing"
	"time"
)

// TestADepartureIsSeenWhileNobodyReads holds it for FIN and RST, also behind
// bytes that nobody has asked for, and that those bytes are not lost.
func TestADepartureIsSeenWhileNobodyReads(t *testing.T) {
	for _, tc := range []struct {
		name  string
		leave func(*net.TCPConn)
		text  string
	}{
		{"FIN", func(far *net.TCPConn) { _ = far.CloseWrite() }, ""},
		{"close", func(far *net.TCPConn) { _ = far.Close() }, ""},
		{"RST", func(far *net.TCPConn) { _ = far.SetLinger(0); _ = far.Close() }, ""},
		{"bytes and then FIN", func(far *net.TCPConn) { _, _ = far.Write([]byte("x")); _ = far.CloseWrite() }, "x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, far := pair(t, startLoop(t))
			s.do(func(c *Conn) {
				if c.Left() {
					t.Error("it has left before it left")
				}
			})
			tc.leave(far)
			s.left()
			if text, _ := s.readAll(); text != tc.text {
				t.Errorf("read %q from who has left, want %q", text, tc.text)
			}
		})
	}
}

// TestBytesAreNoDeparture holds that what a client sends ahead, pipelined
// requests for example, is not taken for one.
func TestBytesAreNoDeparture(t *testing.T) {
	s, far := pair(t, startLoop(t))
	text := ""
	for _, part := range []string{"one ", "two ", "three"} {
		_, _ = far.Write([]byte(part))
		got, err := s.read()
		if text += got; err != nil {
			t.Fatal(err)
		}
		s.do(func(c *Conn) {
			if c.Left() {
				t.Errorf("it has left behind %q", text)
			}
		})
	}
	if text != "one two three" {
		t.Errorf("read %q, want %q", text, "one two three")
	}
}

// TestADepartureBelongsToItsConnection holds it while seats are given to new
// connections.
func TestADepartureBelongsToItsConnection(t *testing.T) {
	l := startLoop(t)
	for round := range 5 {
		const n = 40
		var sides [n]*side
		var fars [n]*net.TCPConn
		for i := range n {
			sides[i], fars[i] = pair(t, l)
		}
		leaves := func(i int) bool { return (i*7+round)%3 == 0 }
		for i := range n {
			if leaves(i) {
				_ = fars[i].Close()
			}
		}
		for i := range n {
			if leaves(i) {
				sides[i].left()
			}
		}
		for i := range n {
			sides[i].do(func(c *Conn) {
				if c.Left() != leaves(i) {
					t.Errorf("round %d, connection %d: Left = %v, want %v", round, i, c.Left(), leaves(i))
				}
				c.Close()
			})
		}
	}
}

// TestAnEventOfTheConnectionBeforeWakesNobody holds that an event which was on
// its way to a closed connection is not taken for one of the connection that has
// its seat now.
func TestAnEventOfTheConnectionBeforeWakesNobody(t *testing.T) {
	l := startLoop(t)
	first, firstFar := pair(t, l)
	second, secondFar := pair(t, l)
	near, far := tcpPair(t)
	next := &side{t: t, loop: l, woken: make(chan struct{}, 1)}
	// Whichever is woken first closes the other and has a new one take its seat.
	replace := func(other *side) func(*Conn) {
		return func(*Conn) {
			if next.conn != nil {
				return
			}
			other.conn.Close()
			next.conn, _ = l.Adopt(SocketOf(near), nil, next, 0)
			if next.conn.seat.number != other.conn.seat.number {
				t.Error("the new connection has another seat: nothing is tested")
			}
		}
	}
	first.whenWoken(replace(second))
	second.whenWoken(replace(first))
	release := hold(l)
	_, _ = firstFar.Write([]byte("x"))
	_, _ = secondFar.Write([]byte("y"))
	release()
	select {
	case <-first.woken:
	case <-second.woken:
	case <-time.After(patience):
		t.Fatal("never woken")
	}
	l.Do(func() {
		if next.wakes.Load() != 0 {
			t.Error("the new connection was woken by an event of the one before")
		}
		if first.wakes.Load()+second.wakes.Load() != 1 {
			t.Errorf("%d wakes of two connections of which one closed the other, want 1", first.wakes.Load()+second.wakes.Load())
		}
	})
	_, _ = far.Write([]byte("hello"))
	if text, err := next.read(); text != "hello" || err != nil {
		t.Errorf("the new connection reads %q, %v, want hello", text, err)
	}
}
