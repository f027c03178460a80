package admit

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// shop is the store as it is asked: GCRA on one clock, for one key. What has been spent
// is counted in any case, what is wanted only as far as there is room.
type shop struct {
	every, room time.Duration
	tat         time.Time
}

func (s *shop) lend(q *Loan, now time.Time) (n int, paid time.Duration) {
	tat := now.Add(-q.Ago)
	if s.tat.After(tat) {
		tat = s.tat
	}
	if tat = tat.Add(time.Duration(q.Spent) * s.every); tat.Before(now) {
		tat = now
	}
	n = max(0, min(q.Want, int(now.Add(s.room).Sub(tat)/s.every)))
	if now.Add(s.room).Before(tat) {
		n = 0
	}
	s.tat = tat.Add(time.Duration(n) * s.every)
	return n, s.tat.Sub(now)
}

// answer answers all questions of a replica.
func (s *shop) answer(l *Lender, now time.Time) (asked int) {
	for {
		select {
		case q := <-l.Asked():
			if q.Due(now) {
				n, paid := s.lend(&q, now)
				q.Lent(n, paid, now)
			}
			asked++
		default:
			return asked
		}
	}
}

type replica struct {
	*Rate
	lender *Lender
}

func newReplica(every time.Duration, burst int, closed bool) replica {
	l := NewLender(closed)
	l.SetAway(false)
	return replica{NewRate("r", every, burst, true, l), l}
}

// TestReplicasKeepOneRate holds what a shared limit promises: however the replicas are
// asked, and however late the store answers, all of them together let pass what one
// alone would, and for each a burst and what the rate gives until an answer comes. That
// much and no more: it is made good, or 5000 requests would show it.
func TestReplicasKeepOneRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const every = time.Millisecond
		burst := rapid.IntRange(1, 100).Draw(t, "burst")
		s := &shop{every: every, room: time.Duration(burst) * every}
		replicas := make([]replica, rapid.IntRange(1, 4).Draw(t, "replicas"))
		for i := range replicas {
			replicas[i] = newReplica(every, burst, false)
		}
		begun := replicas[0].begun.Add(time.Second)
		now, passed := begun, 0
		delay := rapid.IntRange(1, 20).Draw(t, "requests between two answers")
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for i := range 5000 {
			now = now.Add(time.Duration(chance.Int64N(int64(every))))
			r := replicas[chance.IntN(len(replicas))]
			if wait, _ := r.Take(keyOf(1), now); wait == 0 {
				passed++
			}
			if i%delay == 0 {
				for _, r := range replicas {
					s.answer(r.lender, now)
				}
			}
			one := burst + int(now.Sub(begun)/every)
			if most := one + len(replicas)*(burst+delay); passed > most { // delay: all of it passes within one answer
				t.Fatalf("%d replicas have let %d pass in %v, want %d at most; one alone %d", len(replicas), passed, now.Sub(begun), most, one)
			}
		}
	})
}

// TestOneReplicaGetsAllOfARate: nothing may be lost by asking, where nobody else asks.
func TestOneReplicaGetsAllOfARate(t *testing.T) {
	const every, burst = time.Millisecond, 80
	s, r := &shop{every: every, room: burst * every}, newReplica(every, burst, false)
	now, passed, asked := r.begun, 0, 0
	for range 20_000 { // four times as many as may pass
		now = now.Add(every / 4)
		if wait, _ := r.Take(keyOf(1), now); wait == 0 {
			passed++
		}
		asked += s.answer(r.lender, now)
	}
	if want := burst + 5000; passed < want-10 || passed > want {
		t.Errorf("%d have passed, want %d (10 less: what was lent last)", passed, want)
	}
	if asked > passed {
		t.Errorf("the store was asked %d times for %d requests", asked, passed)
	}
}

// TestABusyRateAsksForManyAtOnce holds that the store is not asked for each request.
func TestABusyRateAsksForManyAtOnce(t *testing.T) {
	const every, burst = time.Millisecond, 400 // a share of 50
	s, r := &shop{every: every, room: burst * every}, newReplica(every, burst, false)
	now, asked := r.begun, 0
	for range 1000 {
		now = now.Add(2 * every)
		if wait, _ := r.Take(keyOf(1), now); wait != 0 {
			t.Fatalf("half of the rate waits %v", wait)
		}
		asked += s.answer(r.lender, now)
	}
	if asked > 60 {
		t.Errorf("the store was asked %d times for 1000 requests, want 60 at most", asked)
	}
}

// TestWhatOthersHaveSpentIsHeeded: the first requests of a key pass before the store has
// answered; from then on what the other replica has used counts here.
func TestWhatOthersHaveSpentIsHeeded(t *testing.T) {
	const every, burst = time.Second, 8
	s := &shop{every: every, room: burst * every}
	a, b := newReplica(every, burst, false), newReplica(every, burst, false)
	now := a.begun.Add(time.Second)
	for range burst {
		if wait, _ := a.Take(keyOf(1), now); wait != 0 {
			t.Fatalf("the burst waits %v", wait)
		}
		s.answer(a.lender, now)
	}
	if wait, _ := b.Take(keyOf(1), now); wait != 0 {
		t.Fatalf("what the other replica has never heard of waits %v", wait)
	}
	s.answer(b.lender, now)
	if wait, _ := b.Take(keyOf(1), now); wait != 2*time.Second {
		t.Errorf("nine have passed, and the tenth waits %v, want 2 s", wait)
	}
}

func TestWhatWasLentLapses(t *testing.T) {
	const every, burst = time.Second, 80 // a share of 10
	s, r := &shop{every: every, room: burst * every}, newReplica(every, burst, false)
	now := r.begun
	take := func() (passed int) {
		for {
			if wait, _ := r.Take(keyOf(1), now); wait != 0 {
				return passed
			}
			passed++
		}
	}
	_, _ = r.Take(keyOf(1), now)
	s.answer(r.lender, now) // 10 are lent
	now = now.Add(time.Hour)
	if got := take(); got != burst {
		t.Errorf("after an hour %d pass at once, want the burst of %d: what was lent is paid by then", got, burst)
	}
}

// TestWithoutTheStoreEachCountsForItself, or nobody passes, as the operator wants it.
// What has passed meanwhile is told when the store is back, as far as it still counts.
func TestWithoutTheStoreEachCountsForItself(t *testing.T) {
	const every, burst = time.Second, 8
	s, r := &shop{every: every, room: burst * every}, newReplica(every, burst, false)
	now := r.begun
	r.lender.SetAway(true)
	for i := range burst {
		if wait, away := r.Take(keyOf(1), now); wait != 0 || away {
			t.Fatalf("request %d waits %v, away %v", i, wait, away)
		}
	}
	if wait, _ := r.Take(keyOf(1), now); wait != time.Second {
		t.Errorf("behind its own burst it waits %v, want 1 s", wait)
	}
	if n := len(r.lender.Asked()); n != 0 {
		t.Errorf("a store that is away is asked %d times", n)
	}
	r.lender.SetAway(false)
	now = now.Add(5 * time.Second) // five are paid
	_, _ = r.Take(keyOf(1), now)
	s.answer(r.lender, now)
	if owed := s.tat.Sub(now); owed < 4*time.Second || owed > 5*time.Second {
		t.Errorf("the store counts a debt of %v, want 4 s and what was lent", owed)
	}
}

func TestClosedRefusesWhileTheStoreIsAway(t *testing.T) {
	s, r := &shop{every: time.Second, room: 80 * time.Second}, newReplica(time.Second, 80, true)
	now := r.begun
	_, _ = r.Take(keyOf(1), now)
	s.answer(r.lender, now)
	r.lender.SetAway(true)
	passed := 0
	for range 100 {
		if wait, away := r.Take(keyOf(1), now); !away && wait == 0 {
			passed++
		}
	}
	if passed != 10 {
		t.Errorf("%d pass while the store is away, want the 10 that it has lent", passed)
	}
	l := &Limit{Gates: Gates{Requests: "limits.requests"}, Rate: r.Rate, Crowd: &Crowd{}, Most: 1}
	if v, _ := l.Enter(keyOf(1), now); v.String() != "limits.requests: 503 limits_unavailable" || v.Limit != LimitStore || l.Crowd.Keys() != 0 {
		t.Errorf("got %v of %q, and %d keys run", v, v.Limit, l.Crowd.Keys())
	}
}

// TestAQuestionThatFailsIsAskedAgain also where the key has gone meanwhile.
func TestAQuestionThatFailsIsAskedAgain(t *testing.T) {
	s, r := &shop{every: time.Second, room: 8 * time.Second}, newReplica(time.Second, 8, false)
	now := r.begun
	_, _ = r.Take(keyOf(1), now)
	q := <-r.lender.Asked()
	_, _ = r.Take(keyOf(1), now)
	if n := len(r.lender.Asked()); n != 0 {
		t.Fatalf("%d questions while one is under way", n)
	}
	if !q.Due(now) || q.Spent != 2 {
		t.Fatalf("two have passed, and the question is %+v", q)
	}
	q.Failed()
	_, _ = r.Take(keyOf(1), now)
	s.answer(r.lender, now)
	if owed := s.tat.Sub(now); owed != 4*time.Second {
		t.Errorf("the store counts a debt of %v, want 3 s and the share of one", owed)
	}
	gone := Loan{Rate: r.Rate, Key: keyOf(2)}
	if gone.Due(now) {
		t.Error("there is a question of a key that nobody knows")
	}
	gone.Lent(1, time.Second, now)
	gone.Failed()
}
