package wire

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// TestADepartureIsSeenOnce holds it for FIN and RST, for who asks before and who
// asks after.
func TestADepartureIsSeenOnce(t *testing.T) {
	for _, tc := range []struct {
		name  string
		leave func(*net.TCPConn)
	}{
		{"FIN", func(far *net.TCPConn) { _ = far.CloseWrite() }},
		{"close", func(far *net.TCPConn) { _ = far.Close() }},
		{"RST", func(far *net.TCPConn) { _ = far.SetLinger(0); _ = far.Close() }},
		{"bytes and then FIN", func(far *net.TCPConn) { _, _ = far.Write([]byte("x")); _ = far.CloseWrite() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, far := pair(t, startWatch(t), 0)
			var before, after atomic.Int32
			c.OnHup(func() { before.Add(1) })
			if c.Left() {
				t.Fatal("it has left before it left")
			}
			tc.leave(far)
			eventually(t, "a departure", func() bool { return before.Load() > 0 })
			if !c.Left() {
				t.Error("Left = false after the departure")
			}
			c.OnHup(func() { after.Add(1) })
			c.Depart()
			if before.Load() != 1 || after.Load() != 1 {
				t.Errorf("called %d and %d times, want 1 and 1", before.Load(), after.Load())
			}
		})
	}
}

// TestBytesAreNoDeparture holds that what a client sends ahead, pipelined
// requests for example, is neither taken for a departure nor lost.
func TestBytesAreNoDeparture(t *testing.T) {
	c, far := pair(t, startWatch(t), 0)
	c.OnHup(func() { t.Error("a departure") })
	text := ""
	for _, part := range []string{"one ", "two ", "three"} {
		_, _ = far.Write([]byte(part))
		text += part
	}
	got := ""
	for len(got) < len(text) {
		b, err := c.Fill(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		got += string(b.Bytes())
		b.Release()
	}
	c.OnHup(nil)
	if got != text {
		t.Errorf("Fill = %q, want %q", got, text)
	}
}

// TestNothingRunsOnceTheArrangementIsTakenBack holds that what OnHup has arranged
// is not running any more when OnHup(nil) has returned: the exchange it belongs
// to is given back to its pool then.
func TestNothingRunsOnceTheArrangementIsTakenBack(t *testing.T) {
	w := startWatch(t)
	for range 200 {
		c, far := pair(t, w, 0)
		exchange := new(int) // the race detector watches it
		c.OnHup(func() { *exchange++ })
		var both sync.WaitGroup
		both.Go(func() { _ = far.Close() })
		both.Go(func() {
			c.OnHup(nil)
			*exchange = 0
		})
		both.Wait()
		if *exchange != 0 {
			t.Fatal("it ran after it was taken back")
		}
		c.Close()
	}
}

// TestADepartureBelongsToItsConnection holds it while places in the watch are
// given to new connections.
func TestADepartureBelongsToItsConnection(t *testing.T) {
	w := startWatch(t)
	for round := range 5 {
		const n = 40
		var conns [n]*Conn
		var fars [n]*net.TCPConn
		var left [n]atomic.Bool
		for i := range n {
			conns[i], fars[i] = pair(t, w, 0)
			conns[i].OnHup(func() { left[i].Store(true) })
		}
		leaves := func(i int) bool { return (i*7+round)%3 == 0 }
		for i := range n {
			if leaves(i) {
				_ = fars[i].Close()
			}
		}
		for i := range n {
			if leaves(i) {
				eventually(t, "a departure", left[i].Load)
			}
		}
		for i := range n {
			if left[i].Load() != leaves(i) {
				t.Errorf("round %d, connection %d: left = %v, want %v", round, i, left[i].Load(), leaves(i))
			}
			conns[i].OnHup(nil)
			conns[i].Close()
		}
	}
}

// TestConnectionsUnderEveryoneAtOnce gives the race detector each method in the
// company of the others.
func TestConnectionsUnderEveryoneAtOnce(t *testing.T) {
	w := startWatch(t)
	for range 30 {
		c, far := pair(t, w, 0)
		var all sync.WaitGroup
		all.Go(func() {
			for {
				b, err := c.Fill(nil, 0)
				b.Release()
				if err != nil {
					return
				}
			}
		})
		all.Go(func() {
			for {
				if _, err := c.Write([]byte("down")); err != nil {
					return
				}
			}
		})
		all.Go(func() {
			p := make([]byte, 64)
			for i := 0; ; i++ {
				_, _ = far.Write(p)
				if _, err := far.Read(p); err != nil || i == 20 {
					_ = far.Close()
					return
				}
			}
		})
		all.Go(func() { c.OnHup(c.Cancel); _ = c.Left(); _ = c.Canceled() })
		all.Wait()
		c.OnHup(nil)
		c.Close()
	}
}
