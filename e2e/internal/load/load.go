// Package load is the engine of mixed load with faults: clients that do what
// clients do, upstreams that suffer whatever upstreams suffer, and a ledger in
// which three records of each exchange are laid side by side: what its client saw,
// what upstream saw, and the access line. It can be held at a constant rate for
// days, which is the soak, or be a crowd that does as much as it can in a situation,
// which are the tests of faults.
//
// Each exchange has an id, a credential and bodies of its own, and every byte
// follows from the id. What upstream has to do goes with the request, so that it is
// a process of its own that can be stopped and killed.
package load

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Load is all clients together.
type Load struct {
	*Ledger
	Address string      // of the edge
	TLS     *tls.Config // nil: plain
	Legs    []*Leg
	Seed    uint64
	// Careful clients are like libraries: they keep their connections, and look
	// whether one has ended before they use it again. Now and then they pause for up
	// to Pause in between.
	Careful bool
	Pause   time.Duration

	pool    pool           // of arrivals
	mood    atomic.Value   // string
	all     sync.WaitGroup // arrivals and streams
	running atomic.Int64
	mu      sync.Mutex
	latency *hdrhistogram.Histogram // of small exchanges, in microseconds, since the last look
}

// New returns a load that knows no client yet.
func New(l *Ledger, address string, secure *tls.Config, legs []*Leg, seed uint64) *Load {
	load := &Load{Ledger: l, Address: address, TLS: secure, Legs: legs, Seed: seed, latency: newHistogram()}
	load.pool.load = load
	load.mood.Store(Calm)
	return load
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60e6, 3) }

// Crowd is some clients for whom the same holds.
type Crowd struct {
	// Codes are the errors that may come at any time, with their status, and with
	// them cuts whose access line has a cause; nil: only what a fate explains.
	Codes map[string]int
	// MayFail says that the edge goes: connections may be refused and end without
	// an answer.
	MayFail atomic.Bool
	// Killed says that the edge is killed: what it has not written is lost.
	Killed atomic.Bool

	mu      sync.Mutex
	seen    map[string]int
	stop    chan struct{}
	once    sync.Once
	working sync.WaitGroup
}

// saw counts an outcome.
func (c *Crowd) saw(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]int{}
	}
	c.seen[outcome]++
}

// Count returns how often the outcome has been seen.
func (c *Crowd) Count(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[outcome]
}

// String says what has been seen.
func (c *Crowd) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.seen)
}

// Stopped is closed when the crowd halts.
func (c *Crowd) Stopped() <-chan struct{} { return c.stop }

// Last lets each client begin nothing more.
func (c *Crowd) Last() { c.once.Do(func() { close(c.stop) }) }

// Halt is Last, and waits until each client has ended what it does.
func (c *Crowd) Halt() {
	c.Last()
	c.working.Wait()
}

// The moods of upstream. But for Calm and Loyal, every second exchange that is
// planned in it suffers.
const (
	Calm       = "calm"
	Loyal      = "loyal"    // no idle connection is closed without a word
	Slowly     = "slow"     // pauses within an answer
	Truncating = "truncate" // ends an answer before its end
	Babbling   = "garbage"  // answers what is no HTTP
	Closing    = "close"    // ends the connection instead of an answer
	Fickle     = "fickle"   // ends it with a request in its hands, or idle, as it likes
)

// Mood makes it the mood of upstream from now on.
func (l *Load) Mood(mood string) { l.mood.Store(mood) }

// draw plans an exchange of a kind; it returns what begin takes.
func (l *Load) draw(r *rand.Rand, k *kind, crowd *Crowd) (Plan, *Leg, *Crowd, time.Time) {
	p := Plan{Kind: k.name, place: oneOf(r, places...)}
	p.Fate, p.Framing, p.Size = Good, ByLength, 300
	p.HangUp, p.Says = r.IntN(200) == 0, r.IntN(100) == 0
	k.plan(r, &p)
	leg := l.legFor(r, &p)
	p.Leg = leg.Name
	leg.adapt(&p)
	if !leg.Patient {
		p.Patience = 3 * max(ResponseHead, StreamIdle)
	}
	if mood := l.mood.Load().(string); p.Fate == Good && !p.Tunnel {
		p.suffer(r, mood)
	}
	return p, leg, crowd, time.Now()
}

// legFor chooses the route: one that is patient for leavers, if there is such a one.
func (l *Load) legFor(r *rand.Rand, p *Plan) *Leg {
	var fit []*Leg
	for _, leg := range l.Legs {
		if leg.Patient == (p.leave != "") {
			fit = append(fit, leg)
		}
	}
	if fit == nil {
		fit = l.Legs
	}
	return oneOf(r, fit...)
}

func (p *Plan) suffer(r *rand.Rand, mood string) {
	switch mood {
	case Loyal:
		p.HangUp = false
	case Fickle:
		if p.HangUp = r.IntN(3) == 0; r.IntN(10) == 0 {
			p.Fate = Closes
		}
	}
	if r.IntN(2) == 0 {
		return
	}
	switch mood {
	case Slowly:
		p.Fate, p.Gap = Slow, upTo(r, 50*time.Millisecond)
	case Truncating:
		p.Fate = Truncate
	case Babbling:
		if p.Fate = oneOf(r, Garbage, Garbage, Garbage, Babble); r.IntN(2) == 0 && (p.Framing == Chunked || p.Framing == ByEvents) {
			p.Fate = BadChunk
		}
	case Closing:
		p.Fate = oneOf(r, Closes, Resets)
	}
}

// Gather lets n clients do one piece of work after the other, as fast as it goes.
func (l *Load) Gather(n int, mix *Mix, codes map[string]int) *Crowd {
	c := &Crowd{Codes: codes, stop: make(chan struct{})}
	for i := range n {
		c.working.Go(func() { l.work(c, i, mix) })
	}
	return c
}

// work is one client of a crowd.
func (l *Load) work(c *Crowd, number int, mix *Mix) {
	r := rand.New(rand.NewPCG(uint64(number), 11))
	p := &pool{load: l, number: number + 1}
	defer p.tidy(0)
	for {
		select {
		case <-c.stop:
			return
		case <-time.After(l.thinks(r)):
		}
		if !l.Careful && r.IntN(8) == 0 {
			p.tidy(0)
		}
		k := mix.choose(r)
		k.visit(&visit{l, r, k, p, c}, l.begin(l.draw(r, k, c)))
	}
}

// thinks returns how long a client waits before its next exchange: people think, too.
func (l *Load) thinks(r *rand.Rand) time.Duration {
	if l.Pause > 0 && r.IntN(10) == 0 {
		return upTo(r, l.Pause)
	}
	return upTo(r, 150*time.Millisecond)
}

// mostRunning ends arrivals: if so many exchanges run, nothing comes back any more.
const mostRunning = 5000

// Arrivals begins exchanges at a constant rate until ctx ends. One that is late is
// begun at once and counts from its intended time: a stall cannot hide.
func (l *Load) Arrivals(ctx context.Context, mix *Mix, rate float64) {
	l.all.Go(func() { l.arrivals(ctx, mix, rate) })
}

func (l *Load) arrivals(ctx context.Context, mix *Mix, rate float64) {
	r, crowd := rand.New(rand.NewPCG(l.Seed, 1)), &Crowd{}
	period := time.Duration(float64(time.Second) / rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for next := time.Now(); ; next = next.Add(period) {
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if l.running.Add(1) > mostRunning {
			l.Found("%d exchanges at once: the edge, or this machine, does not keep up", mostRunning)
			return
		}
		k := mix.choose(r)
		own := rand.New(rand.NewPCG(l.Seed, r.Uint64()))
		p, leg, _, _ := l.draw(own, k, crowd)
		x := l.begin(p, leg, crowd, next)
		l.all.Go(func() {
			defer l.running.Add(-1)
			k.visit(&visit{l, own, k, &l.pool, crowd}, x)
		})
	}
}

// LongStreams keeps streams open until ctx ends, of one event in half a second each.
func (l *Load) LongStreams(ctx context.Context, count int) {
	crowd := &Crowd{}
	for n := range count {
		r := rand.New(rand.NewPCG(l.Seed, uint64(n)+100))
		l.all.Go(func() {
			k := kind{name: "long-stream", plan: func(r *rand.Rand, p *Plan) {
				p.Framing, p.HangUp, p.Says, p.Upload = ByEvents, false, false, 500
				p.Size, p.Gap = between(r, 20, 240), 400*time.Millisecond+upTo(r, 200*time.Millisecond)
			}}
			for ctx.Err() == nil {
				v := &visit{l, r, &k, &l.pool, crowd}
				if v.longStream(l.begin(l.draw(r, &k, crowd)), ctx.Done()) != 200 {
					time.Sleep(time.Second) // upstream is being restarted: do not hammer
				}
			}
		})
	}
}

// Await waits until all who have arrived have come to their end, and tells how
// many have not.
func (l *Load) Await(within time.Duration) (running int64, ended bool) {
	all := make(chan struct{})
	go func() {
		l.all.Wait()
		close(all)
	}()
	defer l.Tidy(0)
	select {
	case <-all:
		return 0, true
	case <-time.After(within):
		return l.running.Load(), false
	}
}

// Tidy closes connections that have been idle for longer than least.
func (l *Load) Tidy(least time.Duration) { l.pool.tidy(least) }

func (l *Load) record(latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.latency.RecordValue(latency.Microseconds())
}

// TakeLatency returns the latencies of small exchanges since the last call.
func (l *Load) TakeLatency() *hdrhistogram.Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.latency
	l.latency = newHistogram()
	return h
}
