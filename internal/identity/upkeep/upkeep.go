// Package upkeep keeps values current that others give out for a while: a token of the
// platform, a secret of a vault, the content of a file.
//
// Each value has a goroutine that asks for it ahead of its end, with a deadline of its
// own. Whoever uses the value reads a pointer, and never waits for who gives it. What
// has been good stays in use while the giver is out of reach, until its own end.
//
//	k := upkeep.Keep(upkeep.Options{Fetch: fetch, Period: 5 * time.Minute})
//	defer k.Stop()
//	state := k.State() // at any time, from anywhere
package upkeep

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// Reading is a value as it was given.
type Reading struct {
	Value secret.Value
	// Expires is when the value ends, whatever happens; zero: never by itself.
	Expires time.Time
	// Refresh is when the giver wants to be asked again; zero: it has not said.
	Refresh time.Time
}

// A Fetch asks for the value. Together with an error only Refresh of the reading
// counts. An error holds no part of a secret, because it is told.
type Fetch func(ctx context.Context) (Reading, error)

// ErrWithdrawn is wrapped by the error of a Fetch that has learned that the value must
// not be used any more. After any other error the last good one stays.
var ErrWithdrawn = errors.New("withdrawn")

// Options say how a value is kept.
type Options struct {
	Fetch Fetch
	// Period is how often the value is asked for; 0: when its giver says, or ahead of its
	// end.
	Period time.Duration
	// Deadline bounds one fetch.
	Deadline time.Duration
	// Changed is told of every new state, one after the other.
	Changed func(State)
}

// State is what is known of a value. It is immutable.
type State struct {
	// Reading is the last good one. Its Value is zero where there is none that may
	// be used.
	Reading
	// Got is when it came; zero: none ever has.
	Got time.Time
	// Err says why the last fetch has failed, or why the value is gone; nil: all is well.
	Err error
	// InARow counts the fetches that have failed since the last good one, Failures
	// those since the beginning.
	InARow, Failures int
}

// Kept is a value that is kept current.
type Kept struct {
	o      Options
	state  atomic.Pointer[State]
	cancel context.CancelFunc
	asked  chan struct{} // closed when the first fetch has ended
	nudged chan struct{}
	ended  sync.WaitGroup
}

// Keep begins to keep a value. The first fetch is under way when it returns.
func Keep(o Options) *Kept {
	ctx, cancel := context.WithCancel(context.Background())
	k := &Kept{o: o, cancel: cancel, asked: make(chan struct{}), nudged: make(chan struct{}, 1)}
	k.state.Store(&State{Err: errNone})
	k.ended.Go(func() { k.run(ctx) })
	return k
}

var (
	errNone    = errors.New("no answer yet")
	errExpired = errors.New("it has expired, and no new one has come")
	errPanic   = errors.New("panic in the library that asks for it")
)

// State returns what is known now.
func (k *Kept) State() State { return *k.state.Load() }

// Asked is closed when the first fetch has ended, well or not.
func (k *Kept) Asked() <-chan struct{} { return k.asked }

// Nudge has the value asked for soon, because somebody doubts it.
func (k *Kept) Nudge() {
	select {
	case k.nudged <- struct{}{}:
	default: // one waits already
	}
}

// Stop ends it, and waits until the fetch that is under way has noticed.
func (k *Kept) Stop() {
	k.cancel()
	k.ended.Wait()
}

const (
	// ahead is how long before its end a value is asked for that does not say when.
	// Microsoft's library answers from its own cache until five minutes before.
	ahead = 5*time.Minute - 10*time.Second
	// leastWait keeps a failure, a nudge or an odd answer from becoming a flood.
	leastWait = 10 * time.Second
	// mostWait is how long a giver that fails is left alone at most.
	mostWait = 5 * time.Minute
	// look is how often the clock is read: a machine that slept, or whose clock was
	// set, must not send a token that has ended meanwhile.
	look = time.Minute
)

func (k *Kept) run(ctx context.Context) {
	for first := true; ; first = false {
		due := k.fetch(ctx)
		if first {
			close(k.asked)
		}
		if !k.wait(ctx, due) {
			return
		}
	}
}

// wait returns when the value is due, or somebody doubts it, and takes it out of use
// where it ends meanwhile. It returns false when there is nothing more to do.
func (k *Kept) wait(ctx context.Context, due time.Time) bool {
	from := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for nudged := k.nudged; ; {
		select {
		case <-ctx.Done():
			return false
		case <-nudged:
			nudged = nil // one is enough
			if soon := from.Add(leastWait); soon.Before(due) {
				due = soon
			}
		case <-timer.C:
		}
		next := due
		if s := k.state.Load(); !s.Value.IsZero() && !s.Expires.IsZero() {
			if !time.Now().Before(s.Expires) {
				k.expire()
				return true
			}
			if s.Expires.Before(next) {
				next = s.Expires
			}
		}
		if !time.Now().Before(due) {
			return true
		}
		timer.Reset(min(time.Until(next), look))
	}
}

func (k *Kept) expire() {
	next := *k.state.Load()
	next.Value, next.Err = secret.Value{}, errExpired
	k.set(next)
}

// fetch asks once, and returns when to ask again.
func (k *Kept) fetch(ctx context.Context) (due time.Time) {
	before := k.state.Load()
	deadline := k.o.Deadline
	if left := time.Until(before.Expires); !before.Value.IsZero() && !before.Expires.IsZero() && left > 0 {
		deadline = min(deadline, left) // then it has to go out of use
	}
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	reading, err := k.ask(limited)
	now := time.Now()
	switch {
	case ctx.Err() != nil:
		return now
	case err == nil && reading.Value.IsZero():
		err = errors.New("it is empty")
	case err == nil && !reading.Expires.IsZero() && !now.Before(reading.Expires):
		err = fmt.Errorf("%w: it has expired", ErrWithdrawn)
	case err != nil && limited.Err() != nil:
		err = fmt.Errorf("no answer within %v: %w", deadline.Round(time.Second), err)
	}
	next := State{Reading: reading, Got: now, Failures: before.Failures}
	if err != nil {
		next = State{Reading: before.Reading, Got: before.Got, Err: err, InARow: before.InARow + 1, Failures: before.Failures + 1}
		if errors.Is(err, ErrWithdrawn) {
			next.Value = secret.Value{}
		}
		k.set(next)
		return k.afterFailure(now, next, reading.Refresh)
	}
	if next.Refresh.IsZero() && reading.Value.Equal(before.Value) {
		next.Refresh = before.Refresh // a library that answers from its cache does not say it again
	}
	k.set(next)
	return k.afterSuccess(now, next)
}

// ask keeps a panic of the library from the process: it serves others.
func (k *Kept) ask(ctx context.Context) (reading Reading, err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	return k.o.Fetch(ctx)
}

// afterSuccess returns when the value is due: after the period, when its giver has said,
// or ahead of its end. A moment is chosen at random within limits, so that replicas
// which began together do not ask together.
func (k *Kept) afterSuccess(now time.Time, s State) time.Time {
	left := s.Expires.Sub(now)
	switch {
	case k.o.Period > 0:
		return now.Add(k.o.Period - upTo(k.o.Period/10))
	case s.Refresh.After(now):
		return s.Refresh.Add(upTo(time.Minute)) // not earlier: a cache would answer
	case !s.Refresh.IsZero():
		return now.Add(max(min(left/2, mostWait), leastWait)) // the giver has no newer one yet
	case left > ahead:
		return s.Expires.Add(upTo(time.Minute) - ahead)
	}
	return now.Add(max(left/2, leastWait))
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(d) + 1)) }

// afterFailure returns when to try again: soon, and then less and less often.
func (k *Kept) afterFailure(now time.Time, s State, refresh time.Time) time.Time {
	wait := min(leastWait<<min(s.InARow-1, 5), mostWait)
	due := now.Add(wait - upTo(wait/4))
	if !refresh.IsZero() && refresh.After(now) && refresh.Before(due) {
		return refresh
	}
	return due
}

func (k *Kept) set(s State) {
	k.state.Store(&s)
	if k.o.Changed != nil {
		k.o.Changed(s)
	}
}
