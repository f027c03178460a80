package demo

import (
	"context"
	"strings"
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
	more      chan struct{} // closed by the next end
}

func newLedger() *ledger {
	return &ledger{requests: map[string]lookalike.Request{}, more: make(chan struct{})}
}

// seenEnd is an exchange that is over.
type seenEnd struct {
	lookalike.End
	credential string
}

func (l *ledger) request(r lookalike.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latest, l.requests[r.ID] = r, r
}

func (l *ledger) end(e lookalike.End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	request := l.requests[e.ID]
	end := seenEnd{e, request.Credential}
	delete(l.requests, e.ID)
	if len(l.ends) == remembered {
		l.ends = append(l.ends[:0], l.ends[1:]...)
	}
	l.ends = append(l.ends, end)
	close(l.more)
	l.more = make(chan struct{})
	if l.announced != nil && !strings.HasPrefix(request.Get("User-Agent"), "apim-edge-doctor/") { // it tells of its own
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
	end, found, _ := l.look(id)
	return end, found
}

// await waits for that end until ctx ends.
func (l *ledger) await(ctx context.Context, id string) (seenEnd, bool) {
	for {
		end, found, more := l.look(id)
		if found {
			return end, true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return seenEnd{}, false
		}
	}
}

// look returns the end if it is there, and what is closed by the next one.
func (l *ledger) look(id string) (end seenEnd, found bool, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.ends {
		if e.ID == id {
			return e, true, l.more
		}
	}
	return seenEnd{}, false, l.more
}
