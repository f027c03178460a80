package wire

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestWhatIsPostedRunsInOrder holds that nothing which is posted is lost, from
// whatever goroutine, and that each goroutine's things run in its order, one at a
// time.
func TestWhatIsPostedRunsInOrder(t *testing.T) {
	l := startLoop(t)
	const posters, posts = 8, 500
	var got [posters][]int // the race detector watches it
	var all sync.WaitGroup
	for p := range posters {
		all.Go(func() {
			for i := range posts {
				if !l.Post(func() { got[p] = append(got[p], i) }) {
					t.Error("a loop that runs takes nothing more")
				}
			}
		})
	}
	all.Wait()
	l.Do(func() {
		for p := range got {
			for i, g := range got[p] {
				if g != i {
					t.Errorf("goroutine %d: %d runs in the place of %d", p, g, i)
					return
				}
			}
			if len(got[p]) != posts {
				t.Errorf("goroutine %d: %d of %d have run", p, len(got[p]), posts)
			}
		}
	})
}

// TestWhatIsPostedFromTheLoopRunsLater holds that a step cannot run in the middle
// of another one.
func TestWhatIsPostedFromTheLoopRunsLater(t *testing.T) {
	l := startLoop(t)
	ran, nested := make(chan struct{}), false
	l.Do(func() {
		inside := true
		l.Post(func() { nested = inside; close(ran) })
		inside = false
	})
	<-ran
	if nested {
		t.Error("it ran inside of what has posted it")
	}
}

// TestAnEndedLoopHasRunWhatItTook holds that Post keeps its word while the loop is
// closed beside it: who is told that it did not, closes what he wanted to hand in.
func TestAnEndedLoopHasRunWhatItTook(t *testing.T) {
	for range 50 {
		l := startLoop(t)
		var taken, ran atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for l.Post(func() { ran.Add(1) }) {
					taken.Add(1)
				}
			})
		}
		l.Close()
		all.Wait()
		if taken.Load() != ran.Load() {
			t.Fatalf("%d were taken, %d have run", taken.Load(), ran.Load())
		}
		l.Do(func() { t.Error("Do has run on a loop that has ended") })
	}
}

// TestAConnectionHandedInAtTheEndIsClosed holds it for what comes from an accept
// or a dial in the very moment when the loop is closed.
func TestAConnectionHandedInAtTheEndIsClosed(t *testing.T) {
	for range 20 {
		l := startLoop(t)
		near, far := tcpPair(t)
		release := hold(l)
		s := &side{t: t, loop: l, woken: make(chan struct{}, 1)}
		ended := make(chan struct{})
		go func() { l.Close(); close(ended) }()
		taken := l.Post(func() { s.conn, _ = l.Adopt(SocketOf(near), nil, s, 0) })
		release()
		<-ended
		if !taken {
			_ = near.Close()
			continue
		}
		if s.conn == nil || !s.conn.Closed() {
			t.Fatal("a connection is open on a loop that has ended")
		}
		_ = far.Close()
	}
}

// TestAgainStarvesNobody holds that a connection which always has more to do
// leaves the loop to the others, and to what is posted, between two shares.
func TestAgainStarvesNobody(t *testing.T) {
	l := startLoop(t)
	greedy, greedyFar := pair(t, l)
	other, otherFar := pair(t, l)
	greedy.whenWoken(func(c *Conn) { l.Again(c) })
	_, _ = greedyFar.Write([]byte("x"))
	greedy.awake()
	for range 100 {
		_, _ = otherFar.Write([]byte("hello"))
		if text, err := other.read(); text != "hello" || err != nil {
			t.Fatalf("the other reads %q, %v", text, err)
		}
	}
	turns := make(chan int64, 1)
	l.Do(func() {
		before := greedy.wakes.Load()
		l.Post(func() { turns <- greedy.wakes.Load() - before })
	})
	if <-turns == 0 {
		t.Error("the greedy one has no turn when the loop has other things to do")
	}
	greedy.whenWoken(nil)
}

// TestAgainIsOneMoreTurn holds that it is one, that others come first, and that a
// closed connection has none.
func TestAgainIsOneMoreTurn(t *testing.T) {
	l := startLoop(t)
	first, _ := pair(t, l)
	second, _ := pair(t, l)
	closed, _ := pair(t, l)
	var order []*side
	for _, s := range []*side{first, second, closed} {
		s.whenWoken(func(*Conn) { order = append(order, s) })
	}
	l.Do(func() {
		for _, s := range []*side{first, second, closed} {
			l.Again(s.conn)
		}
		closed.conn.Close()
		if len(order) != 0 {
			t.Error("a turn inside of another one")
		}
	})
	second.awake()
	l.Do(func() {
		if len(order) != 2 || order[0] != first || order[1] != second {
			t.Errorf("%d turns, want one of the first and one of the second", len(order))
		}
	})
}

// TestTheEndOfALoopResetsItsConnections holds that whatever is cut off in the
// middle cannot look complete, and that handlers are told.
func TestTheEndOfALoopResetsItsConnections(t *testing.T) {
	l := startLoop(t)
	plain, far := pair(t, l)
	secured, farTLS := securePair(t, l)
	for _, s := range []*side{plain, secured} {
		s.whenWoken(func(c *Conn) {
			if !c.Closed() {
				t.Error("a handler is woken by the end, and its connection is not closed")
			}
		})
	}
	l.Close()
	if plain.wakes.Load() != 1 || secured.wakes.Load() != 1 {
		t.Errorf("handlers were woken %d and %d times, want once", plain.wakes.Load(), secured.wakes.Load())
	}
	if _, err := drain(t, far); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer reads %v, want %v", err, syscall.ECONNRESET)
	}
	if _, err := drain(t, farTLS); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the peer on TLS reads %v, want %v", err, syscall.ECONNRESET)
	}
	if l.Post(func() { t.Error("it runs on a loop that has ended") }) {
		t.Error("a loop that has ended takes more")
	}
	l.Close() // again is no harm
}

// TestLoopsStartAndCloseTogether holds the two functions for several.
func TestLoopsStartAndCloseTogether(t *testing.T) {
	loops, err := StartLoops(3, time.Second)
	if err != nil || len(loops) != 3 {
		t.Fatalf("StartLoops(3) = %d loops, %v", len(loops), err)
	}
	CloseLoops(loops)
	for i, l := range loops {
		if l.Post(func() {}) {
			t.Errorf("loop %d runs", i)
		}
	}
}

// TestTicksFollowTheShortestBound holds that a bound is at most two ticks late
// and that long bounds cost next to nothing.
func TestTicksFollowTheShortestBound(t *testing.T) {
	for _, tc := range []struct{ shortest, want time.Duration }{
		{0, 5 * time.Millisecond},
		{time.Millisecond, 5 * time.Millisecond},
		{80 * time.Millisecond, 10 * time.Millisecond},
		{time.Hour, 500 * time.Millisecond},
	} {
		l, err := NewLoop(tc.shortest)
		if err != nil {
			t.Fatal(err)
		}
		if l.Close(); l.tick != tc.want {
			t.Errorf("a tick of %v for a shortest bound of %v, want %v", l.tick, tc.shortest, tc.want)
		}
	}
}

// TestTheClockOfATurnStandsStill holds that what happens in one turn happens at
// one time, and the next turn at a later one.
func TestTheClockOfATurnStandsStill(t *testing.T) {
	l := startLoop(t)
	var first, second, later time.Duration
	l.Do(func() {
		first = l.Now()
		time.Sleep(2 * time.Millisecond)
		second = l.Now()
	})
	l.Do(func() { later = l.Now() })
	if second != first {
		t.Errorf("%v, then %v in the same turn", first, second)
	}
	if later < first+2*time.Millisecond {
		t.Errorf("%v, then %v in a turn 2 ms later", first, later)
	}
}
