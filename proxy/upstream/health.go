package upstream

import (
	"slices"
	"sync/atomic"
	"time"
)

// Breaker says when an upstream of several is left alone.
type Breaker struct {
	Failures int           // in a row; 0: it never opens because of them
	Within   time.Duration // from the first to the last of them
	Open     time.Duration // until one request is let through to see
}

// State is that of an upstream as those see it who choose among several.
type State uint8

// The states.
const (
	Closed   State = iota // it is asked
	HalfOpen              // one request is on its way to see how it is
	Open                  // it is left alone
)

// States are all of them.
var States = [...]State{Closed, HalfOpen, Open}

func (s State) String() string { return [...]string{"closed", "half_open", "open"}[s] }

// Cause says why an upstream is left alone.
type Cause uint8

// The causes.
const (
	CauseNone        Cause = iota
	CauseConnect           // no connection, or it took no byte
	CauseNoAnswer          // it ended, or was silent, where an answer was due
	CauseServerError       // it has answered 5xx
	CauseUnavailable       // it has said how long it is unavailable (503)
	CauseProbe             // an active probe has failed
)

// Causes are those of being left alone.
var Causes = [...]Cause{CauseConnect, CauseNoAnswer, CauseServerError, CauseUnavailable, CauseProbe}

func (c Cause) String() string {
	return [...]string{"none", "connect", "no_answer", "server_error", "unavailable", "probe"}[c]
}

// Condition is how an upstream is at one time. It does not change.
type Condition struct {
	State State
	Cause Cause
	Until time.Duration // by the clock of the upstream; where it is not Closed
	row   row           // where it is Closed
}

// A row is failures with no answer between them, as they were told.
type row struct {
	at     []time.Duration // when the last of them were, as many as open a breaker and within its time
	length int64
	since  int64 // how many answers there had been when the oldest of them was sent
}

// well is the condition of an upstream of which nothing bad is known: whoever finds it
// has nothing to write.
var well = &Condition{}

// Health is what is known of an upstream from its answers. All loops read and write it,
// and none waits for another: where the upstream is well an exchange reads two words and
// counts one.
//
// A breaker counts failures in a row and not a share, so that of an upstream with much
// to do a few lost requests do not close it to all. Loops look at bounds once per tick:
// requests that hang among many others are told of together, as are those that a process
// takes with it when it dies. So a row counts only if it is no shorter than what was
// answered since its requests were sent. A 429 is no failure and has a time
// of its own (slots): it may be about one caller's quota alone, and then nobody else is
// to be kept away. Callers are told apart by a hash of their credential, in few enough
// slots to be bounded; where the upstream sees one credential of the edge's own, there
// is one slot for all.
type Health struct {
	breaker Breaker
	clock   func() time.Duration
	tell    func(now Condition, left time.Duration) // of each change of State to Open, and from it to Closed; nil: nobody
	oneSlot atomic.Bool
	chosen  atomic.Bool // it is, or was, one of several
	now     atomic.Pointer[Condition]
	slots   [slots]atomic.Uint64
	answers atomic.Int64 // those that are no failures; apart from now, which is read as often

	Opened [len(Causes) + 1]atomic.Int64 // by cause
	// Throttled counts answers of 429, Moved the requests that went to another upstream
	// because of what this one did.
	Throttled, Moved atomic.Int64
}

// slots is how many callers are told apart at most. Two that share one are left alone
// together.
const slots = 512

// A slot holds until when its callers are throttled, in milliseconds, and how often in a
// row they were.
const rowBits = 6

func newHealth(b Breaker, clock func() time.Duration) *Health {
	h := &Health{breaker: b, clock: clock}
	h.now.Store(well)
	return h
}

// Chosen reports whether the upstream is one of several of some route.
func (h *Health) Chosen() bool { return h.chosen.Load() }

// Condition returns how the upstream is.
func (h *Health) Condition() Condition { return *h.now.Load() }

// Clock returns the time by which Condition counts.
func (h *Health) Clock() time.Duration { return h.clock() }

func (h *Health) slot(caller uint64) *atomic.Uint64 {
	if h.oneSlot.Load() {
		return &h.slots[0]
	}
	return &h.slots[caller%slots]
}

// verdict is whether an upstream may be asked.
type verdict uint8

const (
	free      verdict = iota
	due               // one request may see how it is: claim it
	broken            // it is left alone
	throttled         // it has asked this caller to wait
)

// look says whether the upstream may be asked for a caller.
func (h *Health) look(caller uint64) verdict {
	c, slot := h.now.Load(), h.slot(caller).Load()
	if c == well && slot == 0 {
		return free
	}
	now := h.clock()
	switch {
	case untilOf(slot) > now:
		return throttled
	case c.State == Closed:
		return free
	case now >= c.Until:
		return due
	}
	return broken
}

func untilOf(slot uint64) time.Duration { return time.Duration(slot>>rowBits) * time.Millisecond }

// claim makes the caller the one who sees how the upstream is. Another one may, if
// nothing is heard of that for as long as the upstream had been left alone.
func (h *Health) claim() bool {
	c, now := h.now.Load(), h.clock()
	return c.State != Closed && now >= c.Until && h.try(c, now)
}

// force is claim before the time is up: where all upstreams have failed, one is asked
// nevertheless.
func (h *Health) force() bool {
	c := h.now.Load()
	return c.State == Open && h.try(c, h.clock())
}

// unasked reports whether the upstream is left alone without having said so itself.
func (h *Health) unasked() bool { return h.now.Load().Cause != CauseUnavailable }

func (h *Health) try(c *Condition, now time.Duration) bool {
	return h.now.CompareAndSwap(c, &Condition{State: HalfOpen, Cause: c.Cause, Until: now + h.breaker.Open})
}

// Answers returns how many answers there were so far that are no failures.
func (h *Health) Answers() int64 { return h.answers.Load() }

// Succeeded tells of an answer that is no failure.
func (h *Health) Succeeded(caller uint64) {
	h.answers.Add(1)
	for c := h.now.Load(); c != well && c.State != Open; c = h.now.Load() {
		if h.close(c) {
			break
		}
	}
	// Others may pass while one is throttled: only behind its time it is over.
	if s := h.slot(caller); s.Load() != 0 {
		if old := s.Load(); untilOf(old) <= h.clock() {
			s.CompareAndSwap(old, 0)
		}
	}
}

// Failed tells of a failure: so many in a row open the breaker, and so does one that was
// to show how the upstream is. told is how long the upstream has said that it is
// unavailable; 0: it has not. since is what Answers was when the request was sent.
func (h *Health) Failed(cause Cause, told time.Duration, since int64) {
	for {
		c, now := h.now.Load(), h.clock()
		next := h.after(c, now, cause, told, since)
		if !h.now.CompareAndSwap(c, next) {
			continue
		}
		if next.State == Open && c.State != Open {
			h.Opened[next.Cause].Add(1)
			h.changed(next)
		}
		return
	}
}

func (h *Health) after(c *Condition, now time.Duration, cause Cause, told time.Duration, since int64) *Condition {
	open := &Condition{State: Open, Cause: cause, Until: now + h.breaker.Open}
	switch {
	case told > 0:
		open.Cause, open.Until = CauseUnavailable, now+told
		if c.State == Open { // what was said first may last longer
			open.Until = max(open.Until, c.Until)
		}
		return open
	case c.State == HalfOpen:
		return open
	case c.State == Open, h.breaker.Failures == 0:
		return c
	}
	r := c.row.and(now, h.breaker, since, h.answers.Load())
	if len(r.at) >= h.breaker.Failures && r.length >= h.answers.Load()-r.since {
		return open
	}
	return &Condition{row: r}
}

// and returns the row with another failure. It begins anew with that one where a row of one
// says more: what was sent before the upstream has ended its service has many answers
// beside it, and what was sent behind that has none.
func (r row) and(now time.Duration, b Breaker, since, answers int64) row {
	at := append(slices.Clone(r.at), now)
	for now-at[0] > b.Within || len(at) > b.Failures {
		at = at[1:]
	}
	next := row{at, r.length + 1, min(r.since, since)}
	if r.length == 0 || next.length*(answers-since+1) < answers-next.since+1 {
		next.length, next.since = 1, since
	}
	return next
}

// Undecided tells that whoever was to see how the upstream is has seen nothing, as
// where the client has left: another one may.
func (h *Health) Undecided() {
	if c := h.now.Load(); c.State == HalfOpen {
		h.now.CompareAndSwap(c, &Condition{State: HalfOpen, Cause: c.Cause, Until: h.clock()})
	}
}

// How long a caller is kept away whom an upstream throttles without saying for how long:
// twice as long each time in a row.
const (
	firstThrottle = time.Second
	lastThrottle  = time.Minute
)

// Throttle tells that the upstream has answered 429 to a caller. told is how long it
// wants to be left alone; 0: it does not say. It is an answer, and shows that the
// upstream is there.
func (h *Health) Throttle(caller uint64, told time.Duration) {
	h.Throttled.Add(1)
	if c := h.now.Load(); c.State == HalfOpen {
		h.close(c)
	}
	s := h.slot(caller)
	for {
		old, now := s.Load(), h.clock()
		row := old & (1<<rowBits - 1)
		if told == 0 && untilOf(old) > now {
			return // of several under way at once one counts
		}
		wait := told
		if told == 0 {
			wait = min(firstThrottle<<min(row, 10), lastThrottle)
		}
		until := max(now+wait, untilOf(old))
		next := uint64(until/time.Millisecond)<<rowBits | min(row+1, 1<<rowBits-1)
		if s.CompareAndSwap(old, next) {
			return
		}
	}
}

// close makes the upstream one of which nothing bad is known, if c is its condition.
func (h *Health) close(c *Condition) bool {
	if !h.now.CompareAndSwap(c, well) {
		return false
	}
	if c.State != Closed {
		h.changed(well)
	}
	return true
}

func (h *Health) changed(c *Condition) {
	if h.tell != nil {
		h.tell(*c, max(0, c.Until-h.clock()))
	}
}

// Alive tells that an active probe was answered: where failures had opened the breaker,
// the upstream is asked again. It does not count between requests that fail: an upstream
// may answer a probe and nothing else.
func (h *Health) Alive() {
	if c := h.now.Load(); c.State != Closed && c.Cause != CauseUnavailable {
		h.close(c)
	}
}

// Left returns how long the upstream is left alone for a caller; 0: it is not.
func (h *Health) Left(caller uint64) time.Duration {
	c, slot := h.now.Load(), h.slot(caller).Load()
	if c == well && slot == 0 {
		return 0
	}
	now := h.clock()
	left := untilOf(slot) - now
	if c.State != Closed {
		left = max(left, c.Until-now)
	}
	return max(left, 0)
}

// Throttling returns how many slots of callers are throttled now.
func (h *Health) Throttling() (n int) {
	now := h.clock()
	for i := range h.slots {
		if s := h.slots[i].Load(); s != 0 && untilOf(s) > now {
			n++
		}
	}
	return n
}
