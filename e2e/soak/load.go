package main

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// load is all clients together.
type load struct {
	*ledger
	pool      *pool
	upstreams map[string]*upstream
	seed      uint64
	mix       mix

	all     sync.WaitGroup
	mu      sync.Mutex
	running int
	latency *hdrhistogram.Histogram // of small exchanges, in microseconds, since the last sample
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60e6, 3) }

// mostRunning ends arrivals: if so many exchanges run, nothing comes back any more.
const mostRunning = 5000

// arrivals begins exchanges at a constant rate until ctx ends. One that is late
// is begun at once and counts from its intended time: a stall cannot hide.
func (l *load) arrivals(ctx context.Context, rate float64) {
	r := rand.New(rand.NewPCG(l.seed, 1))
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
		if !l.enter() {
			l.found("%d exchanges at once: the edge, or this machine, does not keep up", mostRunning)
			return
		}
		k, p := l.mix.choose(r)
		x := l.begin(p, next)
		l.all.Go(func() {
			defer l.exit()
			k.visit(l, x)
		})
	}
}

func (l *load) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running++
	return l.running < mostRunning
}

func (l *load) exit() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
}

// longStreams keeps streams open until ctx ends, of one event in half a second each.
func (l *load) longStreams(ctx context.Context, count int) {
	for n := range count {
		r := rand.New(rand.NewPCG(l.seed, uint64(n)+100))
		l.all.Go(func() {
			for ctx.Err() == nil {
				p := plan{
					kind: "long-stream", fate: good, framing: byEvents, place: places[r.IntN(len(places))], leg: legs[n%len(legs)],
					size: between(r, 20, 240), gap: 400*time.Millisecond + upTo(r, 200*time.Millisecond), upload: 500,
				}
				l.longStream(ctx, l.begin(p, time.Now()))
			}
		})
	}
}

// longStream is one such stream; its client leaves when ctx ends.
func (l *load) longStream(ctx context.Context, x *exchange) {
	c, err := l.pool.dial()
	if err != nil {
		l.refused(x, err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() {
		x.leaves()
		_ = c.tcp.Close()
	})
	defer stop()
	o := outcome{}
	if o.err = c.send(x, x.upload); o.err == nil {
		o, _ = c.receive(x)
	}
	if ctx.Err() != nil && o.deviation == nil {
		l.end(x, "left", false)
		return
	}
	l.judge(x, o)
	if o.status != 200 { // upstream is being restarted: do not hammer
		time.Sleep(time.Second)
	}
}

// refused notes that no connection could be had.
func (l *load) refused(x *exchange, err error) {
	l.finding(x, "no connection to the edge: %v", err)
	l.end(x, "refused", false)
}

// judge closes an exchange with its verdict, and returns whether it went as it should.
func (l *load) judge(x *exchange, o outcome) bool {
	u := l.upstreams[x.leg]
	x.mu.Lock()
	c := circumstances{outage: u.wasDown(x.start), stale: u.mayBeStale(x.start), arrivals: x.arrivals, wrong: x.wrong}
	x.mu.Unlock()
	ending, fault := judge(&x.plan, x.id, o, c)
	if isTimeout(o.err) {
		fault = "nothing came for " + patience.String() + "; " + fault
	}
	if fault != "" {
		l.finding(x, "%s", fault)
	}
	l.end(x, ending, o.status != 0)
	return ending == "complete"
}

// ordinary sends a request and reads the answer.
func (l *load) ordinary(x *exchange) {
	connect := l.pool.get
	if x.pause > 0 { // a reader that falls behind
		connect = l.pool.dialNarrow
	}
	c, err := connect()
	if err != nil {
		l.refused(x, err)
		return
	}
	l.exchange(c, x)
}

func (l *load) exchange(c *conn, x *exchange) {
	// Upstream, and so the edge, may answer and close before it has read the
	// whole: the answer counts.
	sendErr := c.send(x, x.upload)
	o, again := c.receive(x)
	if o.status == 0 && sendErr != nil {
		o.err = sendErr
	}
	complete := l.judge(x, o)
	if complete && x.kind == "small" {
		l.record(time.Since(x.start))
	}
	if again && !x.lonely && x.pause == 0 {
		l.pool.put(c)
		return
	}
	if again && x.lonely { // the edge was asked to close
		if _, err := c.in.ReadByte(); err != io.EOF {
			l.finding(x, "the edge was to close behind its answer: %v", err)
		}
	}
	_ = c.Close()
}

func (l *load) record(latency time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.latency.RecordValue(latency.Microseconds())
}

// takeLatency returns the latencies since the last call.
func (l *load) takeLatency() *hdrhistogram.Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.latency
	l.latency = newHistogram()
	return h
}
