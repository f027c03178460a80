// Package upstream owns the connections to one legacy API: it dials, secures,
// pools and counts them. Idle connections are watched by their loop, so that a
// request is sent on a connection that was open a moment ago, or on a new one.
package upstream

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Options describe one upstream.
type Options struct {
	Name    string
	Address string      // host:port to dial
	TLS     *tls.Config // nil: plain HTTP
	Proxy   *Proxy      // nil: the upstream is reached directly

	Connect        time.Duration
	TLSHandshake   time.Duration
	KeepAlive      time.Duration // of idle connections; 0: no bound
	MaxAge         time.Duration // of a connection, between exchanges; 0: no bound
	Stall          time.Duration // of a request body
	MaxConnections int           // 0: no limit
	MaxDials       int           // connections being made at a time; 0: no limit
	MaxIdle        int           // of all loops together
	// OneClient has each connection serve one client's connection only.
	OneClient bool
	// Breaker is heeded where it is one of several.
	Breaker Breaker
	Probe   Probe
	// OnOldAnswer is told of each dial that an old answer of DNS serves, with its age and
	// why there is no new one. It runs beside the loops, several at a time. nil: nobody.
	OnOldAnswer func(upstream string, age time.Duration, why error)
	// OnChange is told when an upstream that is one of several is left alone, and for how
	// long, and when it is asked again. It runs on loops. nil: nobody.
	OnChange func(upstream string, now Condition, left time.Duration)
}

// An Upstream has one pool for each loop, so that exchanges on different
// processors share nothing but counters.
type Upstream struct {
	Options
	loops    []*wire.Loop
	pools    map[*wire.Loop]*pool // does not change, so that every loop may read it
	budget   *budget
	open     atomic.Int64 // connections, those being made included
	idle     atomic.Int64 // those of open that are in a pool
	reserved atomic.Int64 // those of open that wait for their client
	waiting  atomic.Int64 // exchanges
	closed   atomic.Bool  // what becomes idle from now on is retired

	now    func(*wire.Loop) time.Duration
	clock  func() time.Duration              // that all loops share; never 0
	jitter func(time.Duration) time.Duration // a part of it, by chance
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	turn   atomic.Uint64 // dials so far
	names  names
	aside  aside

	Stats Stats
	// Health is kept where it is one of several.
	Health  *Health
	probing atomic.Bool
	// life ends with Close.
	life context.Context //nolint:containedctx // it is that of the upstream
	end  context.CancelFunc
}

// Stats count what the pools do, on all loops.
type Stats struct {
	Dials, DialsFailed, Reused, FoundDead, Unasked, OldAnswers atomic.Int64
}

// New returns an upstream; Close ends it.
func New(o Options, loops []*wire.Loop) *Upstream {
	if o.KeepAlive == 0 {
		o.KeepAlive = forever
	}
	begun := time.Now()
	u := &Upstream{
		Options: o, loops: loops, pools: map[*wire.Loop]*pool{}, budget: newBudget(o.MaxConnections, o.MaxDials),
		now: (*wire.Loop).Now, clock: func() time.Duration { return time.Since(begun) + 1 }, jitter: rand.N[time.Duration], lookup: net.DefaultResolver.LookupNetIP,
	}
	u.life, u.end = context.WithCancel(context.Background())
	u.Health = newHealth(o.Breaker, u.clock)
	if o.OnChange != nil {
		u.Health.tell = func(now Condition, left time.Duration) { o.OnChange(o.Name, now, left) }
	}
	for _, l := range loops {
		u.pools[l] = &pool{up: u, loop: l, bound: map[*Conn]struct{}{}}
	}
	return u
}

// Open returns how many connections are open, those being made included.
func (u *Upstream) Open() int64 { return u.open.Load() }

// Idle returns how many connections are idle.
func (u *Upstream) Idle() int64 { return u.idle.Load() + u.reserved.Load() }

// Waiting returns how many exchanges wait for a connection.
func (u *Upstream) Waiting() int64 { return u.waiting.Load() }

// Close closes the idle connections; those in use are closed when their
// exchanges end: closed is set before a pool is emptied on its loop, so that none
// becomes idle behind that.
func (u *Upstream) Close() {
	if u.closed.Swap(true) {
		return
	}
	u.end()
	for _, l := range u.loops {
		l.Post(u.pools[l].empty)
	}
}
