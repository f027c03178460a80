package demo

import (
	"sync"

	"github.com/apim-edge/apim-edge/internal/lookalike"
)

// remembered bounds how many exchanges the ledger keeps.
const remembered = 200

// ledger is what the look-alike saw: proof that does not come from the edge.
type ledger struct {
	mu        sync.Mutex
	latest    lookalike.Request
	requests  map[string]lookalike.Request // by ID, until their end
	ends      []seenEnd                    // oldest first
	announced func(seenEnd)
}

// seenEnd is an exchange that is over.
type seenEnd struct {
	lookalike.End
	credential string
}

func (l *ledger) request(r lookalike.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests == nil {
		l.requests = map[string]lookalike.Request{}
	}
	l.latest, l.requests[r.ID] = r, r
}

func (l *ledger) end(e lookalike.End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := seenEnd{e, l.requests[e.ID].Credential}
	delete(l.requests, e.ID)
	if len(l.ends) == remembered {
		l.ends = append(l.ends[:0], l.ends[1:]...)
	}
	l.ends = append(l.ends, end)
	if l.announced != nil {
		l.announced(end)
	}
}

// announce has each exchange that ends from now on reported to f.
func (l *ledger) announce(f func(seenEnd)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.announced = f
}

// last returns the request that came last.
func (l *ledger) last() lookalike.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest
}

// find returns the end of the exchange with that apim-request-id.
func (l *ledger) find(id string) (seenEnd, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.ends {
		if e.ID == id {
			return e, true
		}
	}
	return seenEnd{}, false
}
