// Package upstream owns the connections to one legacy API: it dials, secures,
// pools and counts them. Idle connections are watched by their loop, so that a
// request is sent on a connection that was open a moment ago, or on a new one.
package upstream

import (
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Options describe one upstream.
type Options struct {
	Name    string
	Address string      // host:port to dial
	TLS     *tls.Config // nil: plain HTTP

	Connect        time.Duration
	TLSHandshake   time.Duration
	KeepAlive      time.Duration // of idle connections
	Stall          time.Duration // of a request body
	MaxConnections int           // 0: no limit
	MaxIdle        int
}

// An Upstream has one pool for each loop, so that exchanges on different
// processors share nothing but counters.
type Upstream struct {
	Options
	loops  []*wire.Loop
	pools  map[*wire.Loop]*pool
	open   atomic.Int64
	idle   atomic.Int64
	closed atomic.Bool

	Stats Stats
}

// Stats count what the pools do.
type Stats struct {
	Dials, DialsFailed, Reused, FoundDead atomic.Int64
}

// pool holds the idle connections of one loop. The last one in is the first out:
// hot connections stay young, the others grow old and are closed.
type pool struct {
	conns []*Conn
	max   int
}

// Owner is the exchange that holds a connection.
type Owner interface{ WakeUpstream() }

// A Conn is a connection to the upstream, held by one exchange or idle.
type Conn struct {
	*wire.Conn
	up    *Upstream
	pool  *pool
	owner Owner // nil while idle
	// Used tells that the connection has carried an exchange before.
	Used bool
}

// New returns an upstream; Close ends it.
func New(o Options, loops []*wire.Loop) *Upstream {
	u := &Upstream{Options: o, loops: loops, pools: map[*wire.Loop]*pool{}}
	for _, l := range loops {
		u.pools[l] = &pool{max: (o.MaxIdle + len(loops) - 1) / len(loops)}
	}
	return u
}

// Open returns how many connections are open.
func (u *Upstream) Open() int64 { return u.open.Load() }

// Idle returns how many connections are idle.
func (u *Upstream) Idle() int64 { return u.idle.Load() }

// Pooled gives owner an idle connection of the loop that is open and silent, or
// returns nil.
func (u *Upstream) Pooled(l *wire.Loop, owner Owner) *Conn {
	p := u.pools[l]
	for n := len(p.conns); n > 0; n = len(p.conns) {
		c := p.conns[n-1]
		p.conns[n-1], p.conns = nil, p.conns[:n-1]
		u.idle.Add(-1)
		if c.Silent() {
			u.Stats.Reused.Add(1)
			c.owner = owner
			c.Within(0)
			return c
		}
		u.Stats.FoundDead.Add(1)
		c.retire()
	}
	return nil
}

// Keep puts the connection into the pool after a complete exchange.
func (c *Conn) Keep() {
	p := c.pool
	if c.up.closed.Load() || len(p.conns) >= p.max || !c.Silent() {
		c.retire()
		return
	}
	c.up.idle.Add(1)
	c.Used, c.owner = true, nil
	c.Within(c.up.KeepAlive)
	p.conns = append(p.conns, c)
}

// Wake implements wire.Handler. An idle connection on which anything happens is
// of no further use: the upstream has closed it, has sent bytes that nobody
// asked for, or it has been idle for too long.
func (c *Conn) Wake(*wire.Conn) {
	if c.owner != nil {
		c.owner.WakeUpstream()
		return
	}
	if c.Silent() && !c.Expired() {
		return
	}
	for i, other := range c.pool.conns {
		if other == c {
			c.pool.conns = append(c.pool.conns[:i], c.pool.conns[i+1:]...)
			c.up.idle.Add(-1)
			c.retire()
			return
		}
	}
}

// retire ends a connection that is between two exchanges, in order.
func (c *Conn) retire() {
	c.owner = nil
	c.up.open.Add(-1)
	c.Conn.Close()
}

// Discard cuts a connection in the middle of an exchange.
func (c *Conn) Discard() {
	c.owner = nil
	c.up.open.Add(-1)
	c.Conn.Abort(false)
}

// Close closes the idle connections; those in use are closed when their
// exchanges end.
func (u *Upstream) Close() {
	if u.closed.Swap(true) {
		return
	}
	for _, l := range u.loops {
		l.Post(func() {
			p := u.pools[l]
			for _, c := range p.conns {
				u.idle.Add(-1)
				c.retire()
			}
			p.conns = nil
		})
	}
}
