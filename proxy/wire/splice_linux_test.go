//go:build linux && !portable

package wire

import (
	"io"
	"testing"
)

// TestWhatAPipeHoldsGoesWithIt holds that nobody gets a pipe with bytes of another
// exchange in it, and that an empty one is used again.
func TestWhatAPipeHoldsGoesWithIt(t *testing.T) {
	l := startLoop(t)
	from, source := pair(t, l)
	to, sink := pair(t, l)
	if _, err := source.Write([]byte("one's")); err != nil {
		t.Fatal(err)
	}
	fill := func(p *Pipe, n int64) {
		for {
			switch got, err := p.Fill(from.conn, n); {
			case err == nil && got == n:
				return
			case err != ErrWait: //nolint:errorlint // it is never wrapped
				t.Errorf("%d bytes, %v, want %d", got, err, n)
				return
			}
			from.conn.ready = true
		}
	}
	l.Do(func() {
		p := l.GetPipe()
		fill(p, 5)
		p.Release()
		if _, err := source.Write([]byte("another's")); err != nil {
			t.Error(err)
		}
		next := l.GetPipe()
		fill(next, 9)
		if err := next.Drain(to.conn); err != nil {
			t.Error(err)
		}
		if next.Release(); l.GetPipe() != next {
			t.Error("an empty pipe is not used again")
		}
		next.Release()
	})
	got := make([]byte, 9)
	if _, err := io.ReadFull(sink, got); err != nil || string(got) != "another's" {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAnIdleLoopHoldsNoPipe holds that descriptors go back where none is needed.
func TestAnIdleLoopHoldsNoPipe(t *testing.T) {
	l := startLoop(t)
	l.Do(func() {
		l.GetPipe().Release()
		if l.pipes.tidy(); len(l.pipes.free) != 1 {
			t.Errorf("%d pipes are kept behind one that was used, want 1", len(l.pipes.free))
		}
		if l.pipes.tidy(); len(l.pipes.free) != 0 || l.pipes.open != 0 {
			t.Errorf("%d pipes are kept, %d are open, want none", len(l.pipes.free), l.pipes.open)
		}
	})
}
