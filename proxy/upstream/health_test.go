package upstream

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var usual = Breaker{Failures: 3, Within: 30 * time.Second, Open: 10 * time.Second}

func healthy(b Breaker) *Health {
	begun := time.Now()
	return newHealth(b, func() time.Duration { return time.Since(begun) + time.Millisecond })
}

func wantState(t *testing.T, h *Health, want State, cause Cause) {
	t.Helper()
	if c := h.Condition(); c.State != want || c.Cause != cause {
		t.Fatalf("%v because of %v, want %v because of %v", c.State, c.Cause, want, cause)
	}
}

func wantLook(t *testing.T, h *Health, caller uint64, want verdict) {
	t.Helper()
	if got := h.look(caller); got != want {
		t.Fatalf("verdict %d for caller %d, want %d", got, caller, want)
	}
}

// TestFailuresInARowOpenTheBreaker holds what is counted, and what begins anew.
func TestFailuresInARowOpenTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := healthy(usual)
		fail := func(n int) {
			for range n {
				h.Failed(CauseServerError, 0, h.Answers())
			}
		}
		fail(2)
		wantState(t, h, Closed, CauseNone)
		h.Succeeded(1)
		fail(2)
		wantState(t, h, Closed, CauseNone) // an answer in between
		time.Sleep(usual.Within + time.Second)
		fail(2)
		wantState(t, h, Closed, CauseNone) // the first two are too old
		fail(1)
		wantState(t, h, Open, CauseServerError)
		wantLook(t, h, 1, broken)
		if n := h.Opened[CauseServerError].Load(); n != 1 {
			t.Errorf("opened %d times, want once", n)
		}
		fail(5) // of what was under way
		h.Succeeded(1)
		wantState(t, h, Open, CauseServerError) // an answer to what was sent long ago shows nothing
		if left := h.Left(1); left != usual.Open {
			t.Errorf("left alone for %v, want %v", left, usual.Open)
		}
	})
}

// TestAFewThatHangOpenNothing holds that requests which were told of together count by what was
// answered since they were sent: a loop looks at bounds once per tick, and what hangs among
// many others is told of in a row.
func TestAFewThatHangOpenNothing(t *testing.T) {
	type told struct{ answered, failed, ago int } // failed: sent so many answers before the last
	for _, tc := range []struct {
		name  string
		told  []told
		state State
	}{
		{"a few of thousands", []told{{100_000, 20, 60_000}}, Closed},
		{"all of an upstream that no longer serves", []told{{1000, 2, 10}, {0, 3, 0}}, Open},
		{"of one that had much to do what was sent before", []told{{100_000, 2000, 99_000}}, Closed},
		{"and then what was sent behind it", []told{{100_000, 2000, 99_000}, {0, 1, 0}}, Open},
		{"most of them", []told{{10, 24, 10}}, Open},
		{"fewer than were answered", []told{{10, 9, 10}}, Closed},
		{"what a process takes with it that has served for long", []told{{5000, 50, 4000}, {0, 50, 3000}, {0, 50, 100}}, Closed},
		{"one after the other", []told{{5000, 1, 0}, {0, 1, 0}, {0, 1, 0}}, Open},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := healthy(usual)
			for _, told := range tc.told {
				for range told.answered {
					h.Succeeded(1)
				}
				for range told.failed {
					h.Failed(CauseNoAnswer, 0, h.Answers()-int64(told.ago))
				}
			}
			if c := h.Condition(); c.State != tc.state {
				t.Errorf("%v, want %v", c.State, tc.state)
			}
		})
	}
}

// TestOneRequestSeesHowItIs holds the way back: one at a time, and what each outcome
// means.
func TestOneRequestSeesHowItIs(t *testing.T) {
	for _, tc := range []struct {
		name    string
		outcome func(*Health)
		state   State
		look    verdict
	}{
		{"it answers", func(h *Health) { h.Succeeded(1) }, Closed, free},
		{"it throttles, so it is there", func(h *Health) { h.Throttle(2, time.Second) }, Closed, free},
		{"it fails", func(h *Health) { h.Failed(CauseConnect, 0, h.Answers()) }, Open, broken},
		{"the client leaves", (*Health).Undecided, HalfOpen, due},
		{"nothing is heard", func(*Health) {}, HalfOpen, broken},
		{"nothing is heard for long", func(*Health) { time.Sleep(usual.Open) }, HalfOpen, due},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := healthy(usual)
				for range usual.Failures {
					h.Failed(CauseConnect, 0, h.Answers())
				}
				if h.claim() {
					t.Fatal("somebody was let through before the time")
				}
				time.Sleep(usual.Open)
				wantLook(t, h, 1, due)
				if !h.claim() || h.claim() {
					t.Fatal("want one to be let through, and no other")
				}
				wantState(t, h, HalfOpen, CauseConnect)
				tc.outcome(h)
				if c := h.Condition(); c.State != tc.state {
					t.Errorf("%v, want %v", c.State, tc.state)
				}
				wantLook(t, h, 1, tc.look)
			})
		})
	}
}

// TestManyAskAtOnce holds that of many who find that the time is up one is let through.
func TestManyAskAtOnce(t *testing.T) {
	h := healthy(Breaker{Failures: 1, Open: time.Hour})
	h.Failed(CauseConnect, 0, h.Answers())
	h.now.Store(&Condition{State: Open, Cause: CauseConnect})
	var wg sync.WaitGroup
	through := make(chan bool, 64)
	for range cap(through) {
		wg.Go(func() {
			if h.claim() {
				through <- true
			}
		})
	}
	wg.Wait()
	if n := len(through); n != 1 {
		t.Errorf("%d were let through, want 1", n)
	}
}

// TestWithoutABreaker holds that failures: 0 switches it off, and what an upstream says
// itself does count.
func TestWithoutABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := healthy(Breaker{})
		for range 1000 {
			h.Failed(CauseNoAnswer, 0, h.Answers())
		}
		wantState(t, h, Closed, CauseNone)
		h.Failed(CauseServerError, 5*time.Second, h.Answers())
		wantState(t, h, Open, CauseUnavailable)
		h.Failed(CauseServerError, time.Second, h.Answers())
		if left := h.Left(1); left != 5*time.Second {
			t.Errorf("left alone for %v, want what was said first", left)
		}
		time.Sleep(5 * time.Second)
		wantLook(t, h, 1, due)
	})
}

// TestAThrottledCallerIsOneCaller holds that a quota of one caller takes the upstream
// from nobody else, unless all have the same credential there.
func TestAThrottledCallerIsOneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := healthy(usual)
		h.Throttle(7, 4*time.Second)
		wantLook(t, h, 7, throttled)
		wantLook(t, h, 8, free)
		if n := h.Throttling(); n != 1 {
			t.Errorf("%d are throttled, want 1", n)
		}
		h.Succeeded(7) // of what was under way
		wantLook(t, h, 7, throttled)
		if left := h.Left(7); left != 4*time.Second {
			t.Errorf("left alone for %v, want 4s", left)
		}
		h.Throttle(7, time.Second)
		if left := h.Left(7); left != 4*time.Second {
			t.Errorf("left alone for %v, want the longer time", left)
		}
		time.Sleep(4 * time.Second)
		wantLook(t, h, 7, free)
		wantState(t, h, Closed, CauseNone)
		h.oneSlot.Store(true)
		h.Throttle(7, 4*time.Second)
		wantLook(t, h, 8, throttled)
	})
}

// TestThrottledWithoutATime holds that it is twice as long each time, and begins anew
// behind an answer.
func TestThrottledWithoutATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := healthy(usual)
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			h.Throttle(7, 0)
			h.Throttle(7, 0) // another one that was under way
			if left := h.Left(7); left != want*time.Second {
				t.Fatalf("left alone for %v, want %vs", left, int64(want))
			}
			time.Sleep(want * time.Second)
		}
		h.Succeeded(7)
		h.Throttle(7, 0)
		if left := h.Left(7); left != time.Second {
			t.Errorf("left alone for %v behind an answer, want 1s", left)
		}
	})
}

// TestAHealthyUpstreamCostsNothing holds that nothing is written or allocated.
func TestAHealthyUpstreamCostsNothing(t *testing.T) {
	h := healthy(usual)
	if n := testing.AllocsPerRun(100, func() {
		if h.look(7) != free {
			t.Error("it may not be asked")
		}
		h.Succeeded(7)
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if h.now.Load() != well {
		t.Error("the condition was written")
	}
}
