package upstream

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// budget is what the loops share of one upstream: how many connections it may have, and
// how many may be being made at a time. A loop that finds nothing left is given of what
// comes back, the one first on which somebody waits for longest. It is locked once for
// each connection that is made and that ends, and not for an exchange.
type budget struct {
	mu     sync.Mutex
	dials  int          // that may yet begin
	places int          // of connections, those being made included
	hungry []*hunger    // loops that want both; empty where there are both
	since  atomic.Int64 // see wanted
}

// hunger is a loop that wants a connection made.
type hunger struct {
	pool  *pool
	since time.Duration
}

// newBudget returns one for so many connections and dials at a time; 0: no limit.
func newBudget(connections, dials int) *budget {
	const unlimited = math.MaxInt / 2
	return &budget{places: cmp.Or(connections, unlimited), dials: cmp.Or(dials, unlimited)}
}

// take takes a dial and the place for its connection, for a loop on which somebody
// waits since then. Where there is none it notes that, and granted is called once.
func (b *budget) take(p *pool, since time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dials > 0 && b.places > 0 {
		b.dials--
		b.places--
		return true
	}
	i := slices.IndexFunc(b.hungry, func(h *hunger) bool { return h.pool == p })
	if i < 0 {
		i = len(b.hungry)
		b.hungry = append(b.hungry, &hunger{pool: p})
	}
	b.hungry[i].since = since
	b.note()
	return false
}

// forget notes that the loop wants nothing any more. It may have been granted something
// already.
func (b *budget) forget(p *pool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hungry = slices.DeleteFunc(b.hungry, func(h *hunger) bool { return h.pool == p })
	b.note()
}

// give gives back what has been taken, and passes it on to those who want it. A loop
// that has ended wants nothing any more.
func (b *budget) give(dials, places int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dials += dials
	b.places += places
	for b.dials > 0 && b.places > 0 && len(b.hungry) > 0 {
		i := b.longest()
		p := b.hungry[i].pool
		b.hungry = slices.Delete(b.hungry, i, i+1)
		if p.loop.Post(p.granted) {
			b.dials--
			b.places--
		}
	}
	b.note()
}

// longest returns who of hungry has waited for longest.
func (b *budget) longest() (longest int) {
	for i, h := range b.hungry {
		if h.since < b.hungry[longest].since {
			longest = i
		}
	}
	return longest
}

func (b *budget) note() {
	if b.places > 0 || len(b.hungry) == 0 {
		b.since.Store(0)
		return
	}
	b.since.Store(max(1, int64(b.hungry[b.longest()].since)))
}

// wanted returns since when somebody waits for a place that nobody has, on whichever
// loop; 0: nobody does. It is asked for each connection that becomes idle.
func (b *budget) wanted() time.Duration { return time.Duration(b.since.Load()) }

// spent reports whether the upstream has all the connections that it may have.
func (b *budget) spent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.places <= 0
}
