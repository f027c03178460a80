package proxy

import (
	"math/rand/v2"
	"time"
)

// age is how old a client's connection is. Balancers that spread connections leave an
// edge that was added without work while clients keep theirs, so client_max_age has them
// connect anew.
type age struct {
	begun  time.Duration // when the loop has taken it, by the clock of the loop
	spread float32       // 0 to 1: how much earlier than others it retires
}

func newAge(now time.Duration) age { return age{now, rand.Float32()} }

// beyond reports whether the connection has outlived most, less up to a fifth:
// connections that were made together, after a start or a fault, are not to be made
// anew together.
func (a age) beyond(most, now time.Duration) bool {
	return now-a.begun >= most-time.Duration(a.spread*float32(most/5))
}

// retiring reports whether the answer under way has to be the last of the connection,
// and say so: in a drain, and beyond client_max_age. A connection without an answer to
// say it on is never closed for its age: a request that was on its way would be lost, and
// its client could not tell whether it has run. The snapshot is that of now, so that a
// reload moves clients that are there already.
func (c *Client) retiring() bool {
	most := c.edge.snapshot.Load().Config.Timeouts.ClientMaxAge.Duration
	return c.edge.draining.Load() || most > 0 && c.age.beyond(most, c.Loop().Now())
}
