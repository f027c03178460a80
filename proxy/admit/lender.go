package admit

import (
	"sync/atomic"
	"time"
)

// A Lender is where the rates of one store get what they may let pass before others of
// the replicas do. A rate spends what it was lent without asking; asks for more while
// there is still some; and counts for itself where there is none: what has passed by
// that is owed to the store, and told to it with the next question. So no request waits
// for the store, and the average holds, whatever the replicas let pass before they hear
// of each other.
//
// Whoever speaks with the store takes questions from Asked and answers each by
// Loan.Lent or Loan.Failed.
type Lender struct {
	asked  chan Loan
	closed bool
	away   atomic.Bool
	lost   atomic.Int64
}

// maxAsked bounds the questions that wait. A rate that finds no room asks again with
// its next request.
const maxAsked = 4096

// NewLender returns a lender whose store is away, as it is before it has been reached.
// closed has nobody pass for as long as it is.
func NewLender(closed bool) *Lender {
	l := &Lender{asked: make(chan Loan, maxAsked), closed: closed}
	l.away.Store(true)
	return l
}

// Asked has a Loan for each key whose rate asks.
func (l *Lender) Asked() <-chan Loan { return l.asked }

// SetAway says whether the store is away. While it is, nothing is asked.
func (l *Lender) SetAway(away bool) { l.away.Store(away) }

// Away reports whether the store is away.
func (l *Lender) Away() bool { return l.away.Load() }

// Lost counts the questions for which there was no room.
func (l *Lender) Lost() int64 { return l.lost.Load() }

func (l *Lender) refuses() bool { return l.closed && l.away.Load() }

// loan is what a slot has of the store.
type loan struct {
	lapses int64 // then the store counts as paid what is left
	first  int64 // when the first of spent has passed
	left   int32 // requests that may still pass by it
	spent  int32 // requests that have passed without one, and are not told yet
	asked  bool  // a question is under way
}

// Loan is a question of one key's rate to the store.
type Loan struct {
	Rate *Rate
	Key  Key
	// Spent are requests that have passed already and are to be counted in any case, as if
	// all had passed Ago; Want is how many more may be lent.
	Spent, Want int
	Ago         time.Duration
}

// share is how many requests a rate asks for at once: an eighth of a burst, so that
// several replicas can have one at a time.
func (r *Rate) share() int32 { return min(max(r.burst/8, 1), 64) }

// borrow has a request pass by what was lent, and asks for more in time.
func (r *Rate) borrow(s *slot, at int64) (passes bool) {
	if at >= s.lapses {
		s.left = 0
	}
	if s.left == 0 {
		return false
	}
	s.left--
	if s.left <= r.share()/2 {
		r.ask(s)
	}
	return true
}

// stale is how old what was spent may be and still be owed as a whole. Until then it has
// only waited for an answer, while others may have spent as much: time that has paid it
// here has not paid it there. What is older is of an outage.
const stale = int64(time.Second)

// spend counts a request that has passed without asking.
func (r *Rate) spend(s *slot, at int64) {
	r.forgive(s, at)
	if s.spent == 0 {
		s.first = at
	}
	s.spent++
	r.ask(s)
}

// forgive lets go of what was spent during an outage and is paid by time.
func (r *Rate) forgive(s *slot, at int64) {
	if at-s.first > stale {
		owed := (s.tat - at + r.every - 1) / r.every
		s.spent, s.first = int32(max(0, min(int64(s.spent), owed))), at
	}
}

// ask asks for the key's share, unless that is under way.
func (r *Rate) ask(s *slot) {
	l := r.lends
	if s.asked || l.away.Load() {
		return
	}
	select {
	case l.asked <- Loan{Rate: r, Key: s.key}:
		s.asked = true
	default:
		l.lost.Add(1)
	}
}

// Due completes the question with what is known now. It reports false where there is
// nothing to ask any more: the key has been pushed out of the table.
func (q *Loan) Due(now time.Time) bool {
	r := q.Rate
	s, mu := r.slots.locked(q.Key, false)
	defer mu.Unlock()
	if s == nil {
		return false
	}
	at := r.at(now)
	r.forgive(s, at)
	q.Spent, q.Want = int(s.spent), int(max(r.share()-s.left, 0))
	// The requests have made the debt that is there now as if they had passed at this
	// moment, all at once.
	q.Ago = time.Duration(max(0, at-(s.tat-int64(s.spent)*r.every)))
	return true
}

// Lent takes over what the store has answered: how many requests may pass, and after
// which time the whole debt of the key is paid, that of all replicas and of this answer.
func (q *Loan) Lent(n int, paid time.Duration, now time.Time) {
	r, at := q.Rate, q.Rate.at(now)
	s, mu := r.slots.locked(q.Key, false)
	defer mu.Unlock()
	if s == nil {
		return
	}
	s.asked = false
	s.spent = max(0, s.spent-int32(q.Spent))
	s.first = at
	if at >= s.lapses {
		s.left = 0
	}
	s.left += int32(n)
	s.lapses = at + int64(paid)
	s.tat = max(s.tat, s.lapses+int64(s.spent)*r.every)
}

// Failed says that the store has not answered.
func (q *Loan) Failed() {
	s, mu := q.Rate.slots.locked(q.Key, false)
	defer mu.Unlock()
	if s != nil {
		s.asked = false
	}
}
