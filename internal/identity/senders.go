package identity

import (
	"net/netip"
	"sync"
	"time"
)

// senders counts, by address, tokens that have cost the edge much and were refused: those
// that were opened in vain, and those whose key the issuer was asked for in vain. Tokens
// that have passed before are not asked for here, so that who shares an address with an
// attacker keeps what he has.
type senders struct {
	mu    sync.Mutex
	known map[netip.Addr]allowance
}

type allowance struct {
	spent int
	at    time.Time // when spent was right
}

const (
	most       = 20              // at once
	forgiven   = 3 * time.Second // for each that comes behind
	maxSenders = 4096
)

// Sender returns whom an address stands for: of IPv6 the /64, as whoever has one address
// there has 2^64.
func Sender(a netip.Addr) netip.Addr {
	if a.Is4() {
		return a // else the error would be made on each call
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

func (a allowance) now(at time.Time) allowance {
	n := int(at.Sub(a.at) / forgiven)
	if n >= a.spent {
		return allowance{0, at}
	}
	return allowance{a.spent - n, a.at.Add(time.Duration(n) * forgiven)}
}

// may reports whether an address may cost something.
func (s *senders) may(a netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[Sender(a)].now(now).spent < most
}

// count notes that it has.
func (s *senders) count(a netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[netip.Addr]allowance{}
	}
	from := Sender(a)
	next := s.known[from].now(now)
	next.spent++
	if _, found := s.known[from]; !found && len(s.known) >= maxSenders {
		s.forget(now)
	}
	s.known[from] = next
}

// forget makes room: those that are forgiven go, and if there are none any one.
func (s *senders) forget(now time.Time) {
	for a, v := range s.known {
		if v.now(now).spent == 0 {
			delete(s.known, a)
		}
	}
	for a := range s.known {
		if len(s.known) < maxSenders {
			return
		}
		delete(s.known, a)
	}
}
