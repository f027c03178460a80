package upstream

import (
	"iter"
	"slices"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// pool holds the idle connections of one loop. The last one in is the first out:
// hot connections stay young, the others grow old and are closed.
type pool struct {
	conns []*Conn
	max   int
	bound map[*Conn]struct{} // idle or not; not in conns
}

// Bound holds the connections that serve one client's connection and no other:
// whoever logged in on one must stay alone on it. The zero value holds none.
type Bound struct{ conns []*Conn }

// Owner is the exchange that holds a connection.
type Owner interface{ WakeUpstream() }

// A Conn is a connection to the upstream, held by one exchange or idle.
type Conn struct {
	*wire.Conn
	up    *Upstream
	pool  *pool
	bound *Bound // nil: it serves whoever comes
	owner Owner  // nil while idle
	gone  bool   // counted out
	// Used tells that the connection has carried an exchange before.
	Used bool
}

// patience is how many turns of its loop an exchange waits for a connection that
// has just become idle, before it has another one dialed: one to the end of the
// turn, one for the look at what has happened meanwhile.
const patience = 2

// Pooled gives owner an idle connection of the loop that is open and silent: of
// those that are bound to its client if there is one. Or it returns nil; wait
// reports then that one is about to be free, and that it is worth another turn of
// the loop. waited is how many turns owner has waited so far.
func (u *Upstream) Pooled(l *wire.Loop, mine *Bound, owner Owner, waited int) (c *Conn, wait bool) {
	p := u.pools[l]
	for {
		if c = mine.idle(u); c == nil {
			c = p.settled()
		}
		switch {
		case c == nil:
			return nil, waited < patience && len(p.conns) > 0
		case !c.Settled():
			return nil, true
		}
		c.leave()
		if c.Silent() {
			u.Stats.Reused.Add(1)
			c.owner = owner
			c.ExpireAfter(0)
			return c, false
		}
		u.Stats.FoundDead.Add(1)
		c.retire()
	}
}

// settled returns the last connection that has been silent since its exchange.
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
// for the client that it is bound to.
func (c *Conn) Keep() {
	p := c.pool
	if c.up.closed.Load() || c.bound == nil && len(p.conns) >= p.max || !c.Silent() {
		c.retire()
		return
	}
	c.up.idle.Add(1)
	c.Used, c.owner = true, nil
	c.Rest()
	c.ExpireAfter(c.up.KeepAlive)
	if c.bound == nil {
		p.conns = append(p.conns, c)
	}
}

// leave takes an idle connection out of where it waits.
func (c *Conn) leave() {
	c.up.idle.Add(-1)
	if c.bound != nil {
		return
	}
	for i, other := range slices.Backward(c.pool.conns) {
		if other == c {
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
	case c.gone, c.Silent() && !c.Expired():
	default:
		c.leave()
		c.retire()
	}
}

// retire ends a connection that is between two exchanges, in order.
func (c *Conn) retire() {
	if c.Unasked() {
		c.up.Stats.Unasked.Add(1)
	}
	c.forget()
	c.Conn.Close()
}

// Discard cuts a connection in the middle of an exchange.
func (c *Conn) Discard() {
	c.forget()
	c.Conn.Abort(false)
}

// forget counts the connection out.
func (c *Conn) forget() {
	c.gone, c.owner = true, nil
	c.up.open.Add(-1)
	if b := c.bound; b != nil {
		delete(c.pool.bound, c)
		b.conns = slices.DeleteFunc(b.conns, func(other *Conn) bool { return other == c })
	}
}

// giveWay closes the connection that has been idle for longest, or one that waits
// for its client. It reports whether there was one.
func (p *pool) giveWay() bool {
	for c := range p.all() {
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

// all returns the idle connections. Each may leave when its turn has come.
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
