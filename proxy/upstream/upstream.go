// Package upstream owns the connections to one legacy API: it dials, secures,
// pools and counts them. A pooled connection is watched while it is idle and
// looked at once more before it is used, so that a request is sent on a
// connection that was open a microsecond ago, or on a new one.
package upstream

import (
	"crypto/tls"
	"runtime"
	"sync"
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
	MaxConnections int           // 0: no limit
	MaxIdle        int
}

// An Upstream is safe for use by several goroutines.
type Upstream struct {
	Options
	watch *wire.Watch

	open   atomic.Int64
	idle   atomic.Int64
	shards []shard
	closed atomic.Bool
	stop   chan struct{}

	Stats Stats
}

// Stats count what the pool does.
type Stats struct {
	Dials, DialsFailed, Reused, FoundDead atomic.Int64
}

// shard is a part of the pool with a lock of its own, so that exchanges on
// different processors do not meet. The last connection in is the first out:
// hot connections stay young, the others grow old and are closed.
type shard struct {
	mu    sync.Mutex
	conns []*Conn
	_     [24]byte // keep the locks of two shards on two cache lines
}

// A Conn is a connection to the upstream, held by one exchange or idle.
type Conn struct {
	*wire.Conn
	up        *Upstream
	shard     *shard
	idleSince time.Duration // by the watch's clock
	dropF     func()        // drop as a value, made once
	// Used tells that the connection has carried an exchange before.
	Used bool
}

// New returns an upstream; Close ends it.
func New(o Options, watch *wire.Watch) *Upstream {
	u := &Upstream{Options: o, watch: watch, shards: make([]shard, runtime.GOMAXPROCS(0)), stop: make(chan struct{})}
	if o.KeepAlive > 0 {
		go u.expire()
	}
	return u
}

// Open returns how many connections are open, Idle how many of them are idle.
func (u *Upstream) Open() int64 { return u.open.Load() }

// Idle returns how many connections are idle.
func (u *Upstream) Idle() int64 { return u.idle.Load() }

// Pooled returns an idle connection that is open and silent, or nil. hint
// chooses the part of the pool that is asked first.
func (u *Upstream) Pooled(hint int) *Conn {
	if u.idle.Load() == 0 {
		return nil
	}
	for i := range u.shards {
		s := &u.shards[(hint+i)%len(u.shards)]
		for c := s.pop(); c != nil; c = s.pop() {
			u.idle.Add(-1)
			c.OnHup(nil)
			if !c.Dead() {
				u.Stats.Reused.Add(1)
				return c
			}
			u.Stats.FoundDead.Add(1)
			c.Discard()
		}
	}
	return nil
}

func (s *shard) pop() *Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.conns)
	if n == 0 {
		return nil
	}
	c := s.conns[n-1]
	s.conns[n-1], s.conns = nil, s.conns[:n-1]
	return c
}

// Keep puts the connection into the pool after a complete exchange.
func (c *Conn) Keep(hint int) {
	u := c.up
	if u.closed.Load() {
		c.retire()
		return
	}
	if u.idle.Add(1) > int64(u.MaxIdle) {
		u.idle.Add(-1)
		c.retire()
		return
	}
	c.Used, c.idleSince = true, u.watch.Now()
	c.shard = &u.shards[hint%len(u.shards)]
	c.OnHup(c.dropF)
	c.shard.mu.Lock()
	c.shard.conns = append(c.shard.conns, c)
	c.shard.mu.Unlock()
	if c.Left() {
		c.drop() // it left between the two: the hup found nothing to take
	}
	if u.closed.Load() {
		u.closeIdle(u.watch.Now() + 1)
	}
}

// drop takes an idle connection that its peer has closed out of the pool. It
// runs under the connection's lock: whoever has popped it first waits in OnHup.
func (c *Conn) drop() {
	if c.shard.take(c) {
		c.up.idle.Add(-1)
		c.Discard()
	}
}

func (s *shard) take(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.conns {
		if other == c {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			return true
		}
	}
	return false
}

// Discard closes the connection; it carries no further exchange.
func (c *Conn) Discard() {
	c.up.open.Add(-1)
	c.Conn.Abort(false)
}

// retire closes a connection on which nothing is under way, with close_notify
// where there is TLS.
func (c *Conn) retire() {
	c.up.open.Add(-1)
	c.Conn.Close()
}

// expire closes connections that have been idle for too long.
func (u *Upstream) expire() {
	t := time.NewTicker(max(u.KeepAlive/4, 10*time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-u.stop:
			return
		case <-t.C:
			u.closeIdle(u.watch.Now() - u.KeepAlive)
		}
	}
}

// closeIdle closes what has been idle since before the given time.
func (u *Upstream) closeIdle(before time.Duration) {
	for i := range u.shards {
		s := &u.shards[i]
		s.mu.Lock()
		n := 0
		for n < len(s.conns) && s.conns[n].idleSince < before {
			n++
		}
		old := append([]*Conn(nil), s.conns[:n]...)
		s.conns = append(s.conns[:0], s.conns[n:]...)
		s.mu.Unlock()
		for _, c := range old {
			u.idle.Add(-1)
			c.OnHup(nil)
			c.retire()
		}
	}
}

// Close closes the idle connections; those in use are closed when their
// exchanges end.
func (u *Upstream) Close() {
	if u.closed.Swap(true) {
		return
	}
	close(u.stop)
	u.closeIdle(u.watch.Now() + 1)
}
