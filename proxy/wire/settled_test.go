package wire

import (
	"io"
	"testing"
)

// quiet reports whether the loop would hand the connection out again.
func (s *side) quiet() bool { return s.conn.Settled() && s.conn.Silent() }

// TestWhatTheLoopHasNotHeardOfIsNotSettled holds that bytes which came behind an
// answer are known before the connection serves anybody else, without a look at the
// socket: those that came in this turn, and those of which the loop has been told
// and that it has not handled yet.
func TestWhatTheLoopHasNotHeardOfIsNotSettled(t *testing.T) {
	l := startFrozenLoop(t)
	s, far := pair(t, l)
	l.Do(func() {
		if s.conn.Rest(); s.quiet() {
			t.Error("settled in the turn in which its exchange has ended")
		}
	})
	l.Do(func() {
		if !s.quiet() {
			t.Error("not settled after a turn in which nothing has happened")
		}
	})
	entered, written := make(chan struct{}), make(chan struct{})
	l.Post(func() { // while this runs, two things happen: they come in one turn
		close(entered)
		<-written
	})
	<-entered
	said := make(chan bool, 1)
	l.Post(func() { said <- s.quiet() })
	_, _ = io.WriteString(far, "x")
	close(written)
	if <-said {
		t.Error("settled and silent, with a byte that the loop was told of in this turn")
	}
	<-s.woken
}

// TestAFullTurnIsNoWholeRound holds it for a loop on which more has happened than it
// asks for at once: the connection may be among those of which it has not heard.
func TestAFullTurnIsNoWholeRound(t *testing.T) {
	l := &Loop{seats: make([]*Conn, 300)}
	c := &Conn{loop: l}
	for round := range 3 {
		c.Rest()
		for turn := range 6 { // 128 of 302 events each
			if c.Settled() {
				t.Errorf("round %d: settled after %d full turns, want 6", round, turn)
			}
			l.countRound(128, false)
		}
		if !c.Settled() {
			t.Errorf("round %d: not settled after each connection had its turn", round)
		}
	}
	c.Rest()
	l.countRound(128, false)
	l.countRound(5, true)
	if !c.Settled() {
		t.Error("not settled after all there was")
	}
}

// TestHalfARecordIsNotSilence holds that what crypto/tls has read of a record
// without its end counts as bytes that have come.
func TestHalfARecordIsNotSilence(t *testing.T) {
	l := startFrozenLoop(t)
	s, far := securePair(t, l)
	l.Do(func() {
		if !s.conn.Silent() {
			t.Error("not silent before anything has come")
		}
	})
	_, _ = far.NetConn().Write([]byte{23, 3, 3, 0, 40, 1, 2, 3}) // 40 bytes are announced
	<-s.woken
	l.Do(func() {
		if s.conn.Silent() {
			t.Error("silent with the beginning of a record")
		}
	})
}
