package upstream

import (
	"bytes"
	"sync/atomic"
)

// A Credential is what the edge itself shows to an upstream. Loops read it, whoever
// keeps it current changes it, and neither waits for the other: what is shown is one
// pointer to a value that does not change.
//
// There may be two keys, for the time in which one replaces the other. The second is in
// use from the moment when the upstream refuses the first, and stays so until the first
// is another one. Where the upstream refuses both, it is not about the keys: the first
// is in use again.
type Credential struct {
	// Field is where it stands.
	Field string
	// KeepCaller has the caller's credentials go on beside it.
	KeepCaller bool
	// Source says for people where it comes from. It is no secret.
	Source string

	tell    func(CredentialEvent)
	refused [2]atomic.Int64 // answers of 401, by key
	shown   atomic.Pointer[Shown]
}

// Shown is what is shown at one time. It does not change.
type Shown struct {
	// Line is the whole line of the field; nil: there is none that may be used.
	Line []byte

	use     int       // the key that Line is made of
	trial   bool      // it is the second one, and the upstream has not accepted it yet
	lines   [2][]byte // of both keys, nil where there is none
	doubted [2]bool   // which of them has been refused
}

// Second reports whether the second key is shown.
func (s *Shown) Second() bool { return s.use == 1 }

// Spare reports whether another key can be tried if the upstream refuses this one.
func (s *Shown) Spare() bool { return s.use == 0 && s.lines[1] != nil }

// settled returns s with the line that is to be shown: where the key in use is missing,
// the other one's.
func (s Shown) settled() *Shown {
	if other := 1 - s.use; s.lines[s.use] == nil && s.lines[other] != nil {
		s.use, s.trial = other, false
	}
	s.Line = s.lines[s.use]
	return &s
}

// A CredentialEvent is what people should know of a credential.
type CredentialEvent uint8

// The events.
const (
	// SecondInUse: the upstream has refused the first key and accepted the second.
	SecondInUse CredentialEvent = iota
	// AllRefused: it refuses all there are. It is told once for each value.
	AllRefused
)

// NewCredential returns one that has nothing to show yet. tell is called on loops, and
// must not block.
func NewCredential(field, source string, keepCaller bool, tell func(CredentialEvent)) *Credential {
	c := &Credential{Field: field, Source: source, KeepCaller: keepCaller, tell: tell}
	c.shown.Store(&Shown{})
	return c
}

// Shown returns what is shown now. It is asked for every attempt.
func (c *Credential) Shown() *Shown { return c.shown.Load() }

// Set changes the values: what goes into the field, nil where there is none.
func (c *Credential) Set(first, second []byte) {
	lines := [2][]byte{c.line(first), c.line(second)}
	for {
		now := c.shown.Load()
		next := *now
		for i := range lines {
			if !bytes.Equal(lines[i], now.lines[i]) {
				next.lines[i], next.doubted[i] = lines[i], false
			}
		}
		if !bytes.Equal(lines[0], now.lines[0]) {
			next.use, next.trial = 0, false // another one than was refused
		}
		if c.shown.CompareAndSwap(now, next.settled()) {
			return
		}
	}
}

func (c *Credential) line(value []byte) []byte {
	if value == nil {
		return nil
	}
	return append(append([]byte(c.Field+": "), value...), "\r\n"...)
}

// Refused says that the upstream has answered 401 where s was shown. It reports whether
// another key is shown by now, so that it is worth while to ask again.
func (c *Credential) Refused(s *Shown) (again bool) {
	c.refused[s.use].Add(1)
	for {
		now := c.shown.Load()
		if !bytes.Equal(now.Line, s.Line) {
			return now.Line != nil
		}
		next, last := *now, true
		next.doubted[now.use] = true
		switch {
		case now.use == 0 && now.lines[1] != nil:
			next.use, next.trial, last = 1, true, false
		case now.trial:
			next.use, next.trial = 0, false
		case now.doubted[now.use]:
			return false // that has been told
		}
		if !c.shown.CompareAndSwap(now, next.settled()) {
			continue
		}
		if last && !now.doubted[now.use] {
			c.tell(AllRefused)
		}
		return !last
	}
}

// Accepted says that the upstream has answered otherwise where s was shown.
func (c *Credential) Accepted(s *Shown) {
	now := c.shown.Load()
	if !s.trial || !now.trial || !bytes.Equal(now.Line, s.Line) {
		return
	}
	next := *now
	next.trial = false
	if c.shown.CompareAndSwap(now, &next) {
		c.tell(SecondInUse)
	}
}

// Refusals returns how often the upstream has answered 401 to the first and to the
// second key.
func (c *Credential) Refusals() (first, second int64) {
	return c.refused[0].Load(), c.refused[1].Load()
}
