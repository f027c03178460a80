// Package issuer has the keys of those who issue tokens. A Source is one place that keys
// come from. It is asked in the background, never by a request: a request finds what was
// had last, and where the issuer hangs, lies or is away, that stays.
//
//	r := issuer.NewRegistry(issuer.Options{})
//	s, err := r.Acquire(place)
//	set := s.Keys() // nil: never had
//
// A token whose key is not known may be signed by a new one. Await asks for it, and
// waits a moment. How often an issuer is asked does not depend on how many ask: a flood
// of tokens with invented keys costs it one question in a second and a half.
package issuer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/identity/keyset"
	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// When an issuer is asked.
const (
	// refreshEvery is Microsoft's advice (MicrosoftDocs/entra-docs:
	// signing-key-rollover.md), less up to a tenth, so that replicas do not ask together.
	refreshEvery = time.Hour
	// recheckEvery is for files and variables, which cost nothing to look at.
	recheckEvery = 5 * time.Second
	// retryFirst and the two bounds: how long after a failure. Who was never reached is
	// waited for.
	retryFirst     = time.Second
	retryUnreached = time.Minute
	retryReached   = 5 * time.Minute
	// burst and askEvery are for keys that are not known, and waitAtMost is how long a
	// request waits for the answer. A rotated key has to be accepted within two
	// seconds, also behind a flood: what is left of them is the issuer's.
	burst      = 3
	askEvery   = 1500 * time.Millisecond
	waitAtMost = 2 * time.Second
)

// maxWaiting bounds how many requests wait for a key of one source.
const maxWaiting = 256

// Source is one place that keys come from.
type Source struct {
	// Place is what the policy says.
	Place token.Place

	fetch  func(context.Context) (*keyset.Set, []string, error)
	every  time.Duration
	notify func(*Source, Event)
	set    atomic.Pointer[keyset.Set]
	asked  chan struct{} // somebody wants a key that is not known
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	next    *round // the one that has not begun
	waiting int
	missing map[string]time.Time // by kid: since when it is known that there is none
	state   State
}

// round is one question to the issuer. done is closed when it is answered.
type round struct{ done chan struct{} }

// State is what an operator wants to know of a source.
type State struct {
	Place token.Place
	// Issuer is what the metadata says; empty: there is none.
	Issuer string
	// Keys is how many there are; 0: never had.
	Keys int
	// Skipped says of each key of the last answer that cannot be used why.
	Skipped []string
	// At is when the keys were had last; zero: never.
	At time.Time
	// Err is why the last question has failed; nil: it has not.
	Err error
	// Asked and Failed count questions.
	Asked, Failed int64
}

// Event is a change that is worth a line in the log.
type Event uint8

// The events of a source.
const (
	Reached  Event = iota // for the first time
	Changed               // other keys than before
	Failing               // the first failure of several
	Restored              // after failures
)

// Keys returns the keys that were had last, or nil.
func (s *Source) Keys() *keyset.Set { return s.set.Load() }

// State returns how the source is.
func (s *Source) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// run asks until ctx ends. Then the keys are gone.
func (s *Source) run(ctx context.Context) {
	defer close(s.done)
	defer func() { s.set.Load().End() }()
	asks := allowance{left: burst, at: time.Now()}
	var due, notBefore time.Time // zero: at once
	if s.Keys() != nil {
		due = time.Now().Add(s.every)
	}
	for failures := 0; ; {
		if !s.sleep(ctx, due, &asks, notBefore) {
			return
		}
		err := s.refresh(ctx)
		now := time.Now()
		if err == nil {
			failures, notBefore = 0, time.Time{}
			due = now.Add(s.every - rand.N(s.every/10+1))
			continue
		}
		failures++
		due = now.Add(s.pause(failures, err))
		notBefore = due
	}
}

// pause is how long a source is let alone that has failed.
func (s *Source) pause(failures int, err error) time.Duration {
	most := retryReached
	if s.Keys() == nil {
		most = retryUnreached
	}
	wait := min(retryFirst<<min(failures-1, 16), most)
	return max(wait, min(retryAfter(err), most))
}

// sleep waits until due, or until somebody asks for a key and the source may be asked.
// It reports false where ctx has ended.
func (s *Source) sleep(ctx context.Context, due time.Time, asks *allowance, notBefore time.Time) bool {
	for wanted := false; ; {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
			return ctx.Err() == nil
		case <-s.asked:
			timer.Stop()
		}
		if wanted { // one question answers all who ask meanwhile
			continue
		}
		wanted = true
		now := time.Now()
		at := now.Add(asks.take(now))
		if at.Before(notBefore) {
			at = notBefore
		}
		if at.Before(due) {
			due = at
		}
	}
}

// allowance is how often may be asked: burst times at once, then every askEvery.
type allowance struct {
	left int
	at   time.Time // when left was right
}

// take returns how long to wait with the next question, and counts it.
func (a *allowance) take(now time.Time) time.Duration {
	for a.left < burst && now.Sub(a.at) >= askEvery {
		a.left, a.at = a.left+1, a.at.Add(askEvery)
	}
	if a.left == burst {
		a.at = now
	}
	if a.left > 0 {
		a.left--
		return 0
	}
	wait := a.at.Add(askEvery).Sub(now)
	a.at = a.at.Add(askEvery) // what has been saved up for this question is spent
	return wait
}

// refresh asks once, and keeps what was had where that fails.
func (s *Source) refresh(ctx context.Context) error {
	s.mu.Lock()
	now := s.next
	s.next = &round{done: make(chan struct{})}
	s.mu.Unlock()
	defer close(now.done)

	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	set, skipped, err := s.try(ctx)
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	s.note(set, skipped, err)
	return err
}

// try survives what a parser may do with an answer that nobody has thought of.
func (s *Source) try(ctx context.Context) (set *keyset.Set, skipped []string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the answer made its reader panic: %v", p)
		}
	}()
	return s.fetch(ctx)
}

// note takes over what was fetched, and says what has changed by that.
func (s *Source) note(set *keyset.Set, skipped []string, err error) {
	old := s.set.Load()
	s.mu.Lock()
	failing := s.state.Err != nil
	s.state.Asked++
	s.state.Err = err
	var events []Event
	if err != nil {
		s.state.Failed++
		if !failing {
			events = append(events, Failing)
		}
	} else {
		next := set.Succeed(old)
		s.set.Store(next)
		s.state.Issuer, s.state.Keys, s.state.Skipped, s.state.At = next.Issuer, next.Len(), skipped, time.Now()
		clear(s.missing)
		switch {
		case old == nil:
			events = append(events, Reached)
		case !next.Same(old):
			events = append(events, Changed)
		}
		if failing && old != nil {
			events = append(events, Restored)
		}
	}
	s.mu.Unlock()
	for _, e := range events {
		s.notify(s, e)
	}
}

// Await asks for a key that is not known and waits for the answer: at most until ctx
// ends, and never longer than waitAtMost. It reports whether there is such a key now. One
// that the issuer has just been asked for is not asked for again.
func (s *Source) Await(ctx context.Context, kid string) bool {
	s.mu.Lock()
	at, asked := s.missing[kid]
	if s.set.Load().Has(kid) || asked && time.Since(at) < askEvery || s.waiting >= maxWaiting {
		s.mu.Unlock()
		return s.set.Load().Has(kid)
	}
	mine := s.next
	s.waiting++
	s.mu.Unlock()
	select {
	case s.asked <- struct{}{}:
	default: // somebody has asked already
	}
	timer := time.NewTimer(waitAtMost)
	defer timer.Stop()
	answered := false
	select {
	case <-mine.done:
		answered = true
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting--
	known := s.set.Load().Has(kid)
	if answered && !known {
		s.noteMissing(kid)
	}
	return known
}

// maxMissing bounds what is remembered of keys that do not exist.
const maxMissing = 256

func (s *Source) noteMissing(kid string) {
	if len(s.missing) >= maxMissing {
		clear(s.missing)
	}
	s.missing[kid] = time.Now()
}

// stop ends the source, and waits for it.
func (s *Source) stop() {
	s.cancel()
	<-s.done
}
