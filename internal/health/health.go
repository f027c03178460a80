// Package health is why an instance should get no new exchanges, as values: each
// part that knows a cause registers it once, and says when it holds. Readiness is
// that none does.
package health

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Set holds the causes of one instance. Its zero value has none, and is ready.
type Set struct {
	mu     sync.Mutex
	causes []*Cause
}

// Cause is one thing that can make an instance unready. It may be used from
// anywhere.
type Cause struct {
	name string
	held atomic.Pointer[held]
}

// held is what a cause says while it does.
type held struct {
	detail  string
	unready bool
}

// Register adds a cause that does not hold yet. The name is what the operator
// reads; two parts that register one name are a fault of the program.
func (s *Set) Register(name string) *Cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.causes, func(c *Cause) bool { return c.name == name }) {
		panic("BUG: the cause " + name + " is registered twice")
	}
	c := &Cause{name: name}
	s.causes = append(s.causes, c)
	return c
}

// Raise says that the cause holds from now on. detail may be empty; it holds no
// secret.
func (c *Cause) Raise(detail string) { c.held.Store(&held{detail, true}) }

// Note says what is wrong, though the instance can serve: it stays ready.
func (c *Cause) Note(detail string) { c.held.Store(&held{detail, false}) }

// Clear says that the cause holds no longer.
func (c *Cause) Clear() { c.held.Store(nil) }

// Ready returns nil, or an error with one line for each cause that holds, in the
// order in which they were registered.
func (s *Set) Ready() error {
	lines := s.lines(true)
	if lines == nil {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// Notes returns one line for each cause that says what is wrong without making the
// instance unready.
func (s *Set) Notes() []string { return s.lines(false) }

func (s *Set) lines(unready bool) (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.causes {
		switch h := c.held.Load(); {
		case h == nil || h.unready != unready:
		case h.detail == "":
			lines = append(lines, c.name)
		default:
			lines = append(lines, c.name+": "+h.detail)
		}
	}
	return lines
}
