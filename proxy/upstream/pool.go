package upstream

import (
	"iter"
	"slices"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// pool holds the idle connections of one loop and who waits for one, and belongs to that
// loop. The last connection in is the first out: hot ones stay young, the others grow
// old and are closed. See tend for what holds between the two.
type pool struct {
	up    *Upstream
	loop  *wire.Loop
	conns []*Conn            // idle and bound to nobody; the first has been idle for longest
	bound map[*Conn]struct{} // idle or not; not in conns

	queue  []*Wait    // in the order in which they came
	fresh  int        // those of queue that no idle connection serves
	dials  []*dialing // connections being made for them
	hungry bool       // the budget knows that one more is wanted
	came   uint64     // waits so far
	next   *Conn      // of conns; woken in the next turn of the loop, for handOut
}

// Bound holds the connections that serve one client's connection and no other:
// whoever logged in on one must stay alone on it, or the upstream would take the next
// client for him (issue 15, A1). The zero value holds none. They end with the client:
// whoever holds a Bound calls Close.
type Bound struct{ conns []*Conn }

// Owner is the exchange that holds a connection.
type Owner interface{ WakeUpstream() }

// A Conn is a connection to the upstream: held by one exchange (owner), idle, or gone.
// An exchange ends its hold by Keep or by Discard, one of them, once.
type Conn struct {
	*wire.Conn
	up   *Upstream
	pool *pool // of the loop that it is on
	// bound is nil where it serves whoever comes. Once set it stays: a login cannot be
	// taken back.
	bound *Bound
	owner Owner // nil while idle, and then it is in pool.conns or in bound
	// gone tells that it is in no list and counted out. It may still be sending its
	// backlog, and the end of that is of no interest to anybody.
	gone bool
	// Used tells that the connection has been idle: the upstream may have closed it at
	// any moment, also one that only the next write finds out.
	Used  bool
	login bool // it lasts as long as a client's login
	life       // how long it may be used
}

// Take returns an idle connection of the loop that is open and silent: of those that
// are bound to the client if there is one. nil: there is none, or others wait for one
// already; then the exchange waits as well (Await). soon reports instead that the
// client's own has not settled yet: it is worth another turn of the loop, because no
// other carries the client's login.
func (u *Upstream) Take(l *wire.Loop, mine *Bound, owner Owner) (c *Conn, soon bool) {
	p := u.pools[l]
	for {
		if c = mine.idle(u); c == nil && len(p.queue) == p.fresh {
			c = p.settled()
		}
		switch {
		case c == nil:
			return nil, false
		case !c.Settled(): // the client's own: see above
			return nil, true
		case c.serve(owner):
			return c, false
		}
	}
}

// serve takes an idle connection out of where it waits and gives it to owner, if it is
// open and silent; else it ends.
//
// One that is not silent ends in order, since no exchange is on it.
func (c *Conn) serve(owner Owner) bool {
	c.leave()
	if c.outlived() {
		c.retire()
		return false
	}
	if !c.silent() {
		c.up.Stats.FoundDead.Add(1)
		c.retire()
		return false
	}
	c.up.Stats.Reused.Add(1)
	c.owner = owner
	c.ExpireAfter(0)
	return true
}

// settled returns the last connection of which the loop has heard since its exchange.
// Of the others Silent cannot know what is there (see wire.Conn.Settled).
func (p *pool) settled() *Conn {
	for _, c := range slices.Backward(p.conns) {
		if c.Settled() {
			return c
		}
	}
	return nil
}

// idle returns the connection to u that waits for the client's next exchange.
func (b *Bound) idle(u *Upstream) *Conn {
	for _, c := range b.conns {
		if c.up == u && c.owner == nil {
			return c
		}
	}
	return nil
}

// Bind has the connection, which is in use, serve from now on the client of mine
// only, as long as it lives.
func (c *Conn) Bind(mine *Bound) {
	if c.bound == nil {
		c.bound = mine
		mine.conns = append(mine.conns, c)
		c.pool.bound[c] = struct{}{}
	}
}

// Close closes what waits for the client's next exchange: there is none.
func (b *Bound) Close() {
	for _, c := range slices.Backward(b.conns) { // retire takes it out
		if c.owner == nil {
			c.leave()
			c.retire()
		}
	}
}

// Keep makes the connection idle after a complete exchange: for whoever comes, or
// for the client that it is bound to. What has come on it by now was asked for by
// nobody and would be taken for the next answer: then it ends.
func (c *Conn) Keep() {
	p, rest := c.pool, c.beginRest()
	if rest <= 0 || c.up.closed.Load() || c.bound == nil && p.full() || p.yields() || !c.silent() {
		c.retire()
		return
	}
	c.Used, c.owner = true, nil
	c.Rest()
	c.ExpireAfter(rest)
	if c.bound != nil {
		c.up.reserved.Add(1)
		return
	}
	c.up.idle.Add(1)
	p.conns = append(p.conns, c)
	p.tend()
}

// full reports whether one more idle connection would be one too many, of all loops.
func (p *pool) full() bool {
	return p.up.idle.Load() >= int64(p.up.MaxIdle) && len(p.queue) == 0
}

// leave takes an idle connection out of where it waits. It must be idle, and then
// becomes an exchange's or is retired: leave counts it out of the idle ones, once. It
// is looked for from the end, where Pooled takes from.
func (c *Conn) leave() {
	if c.pool.next == c {
		c.pool.next = nil
	}
	if c.bound != nil {
		c.up.reserved.Add(-1)
		return
	}
	c.up.idle.Add(-1)
	for i := len(c.pool.conns) - 1; i >= 0; i-- {
		if c.pool.conns[i] == c {
			c.pool.conns = slices.Delete(c.pool.conns, i, i+1)
			return
		}
	}
}

// Wake implements wire.Handler. An idle connection on which anything happens is
// of no further use: the upstream has closed it, has sent bytes that nobody
// asked for, or it has been idle for too long.
func (c *Conn) Wake(*wire.Conn) {
	switch {
	case c.owner != nil:
		c.owner.WakeUpstream()
	case c.gone:
	case c.silent() && !c.Expired(): // a session ticket, for one, is silence
		if c.pool.next == c {
			c.pool.next = nil
		}
		c.pool.handOut()
	default:
		c.leave()
		c.retire()
	}
}

// silent is Silent. crypto/tls may panic over what has come; then the connection is not
// silent, and its pool and its place are those of one that ends.
func (c *Conn) silent() (yes bool) {
	defer func() {
		if recover() != nil {
			c.Loop().Survived()
			yes = false
		}
	}()
	return c.Silent()
}

// retire ends a connection that is between two exchanges, in order.
func (c *Conn) retire() {
	if c.Unasked() {
		c.up.Stats.Unasked.Add(1)
	}
	c.forget()
	c.Conn.Close()
}

// Discard cuts a connection in the middle of an exchange: by FIN without close_notify
// and behind what is on its way, which tells the upstream to stop.
func (c *Conn) Discard() {
	c.forget()
	c.Conn.Abort(false)
}

// forget counts the connection out, once in its life. Of the lists only that of its
// client is left: it was in use, or has left the pool.
func (c *Conn) forget() {
	c.gone, c.owner = true, nil
	if b := c.bound; b != nil {
		delete(c.pool.bound, c)
		b.conns = slices.DeleteFunc(b.conns, func(other *Conn) bool { return other == c })
	}
	c.up.open.Add(-1)
	c.up.budget.give(0, 1)
	c.pool.tend()
}

// giveWay closes the connection that has been idle for longest, or one that waits
// for its client, so that somebody else may have its place. It reports whether there was
// one. What is about to be handed out here is not given.
func (p *pool) giveWay() bool {
	for c := range p.all() {
		if c.bound == nil && len(p.queue) > p.fresh {
			continue
		}
		c.leave()
		c.retire()
		return true
	}
	return false
}

// empty closes all idle connections.
func (p *pool) empty() {
	for c := range p.all() {
		c.leave()
		c.retire()
	}
}

// all returns the idle connections, those of the pool from the one that has been idle
// for longest. Each may leave when its turn has come.
func (p *pool) all() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range slices.Clone(p.conns) {
			if !yield(c) {
				return
			}
		}
		for c := range p.bound {
			if c.owner == nil && !yield(c) {
				return
			}
		}
	}
}
