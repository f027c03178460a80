package doctor

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Idle is what has become of a connection or an exchange that was silent for some time.
type Idle struct {
	Held    Held          `json:"held"`
	For     time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
	Fate    Fate          `json:"fate"`
	// Ended is after how much silence an exchange was seen to end; 0: it was not.
	Ended        time.Duration `json:"-"`
	EndedSeconds float64       `json:"ended_after_seconds,omitempty"`
	// Status is that of an exchange's answer.
	Status int `json:"status,omitempty"`
}

// Held is what was silent.
type Held string

// What is held.
const (
	// Connection: one between two exchanges.
	Connection Held = "idle connection"
	// Exchange: a request of which half was sent.
	Exchange Held = "half-sent request"
)

// Fate is what becomes of what is silent.
type Fate string

// The fates.
const (
	// Alive: the connection took another request; the exchange was answered in the end.
	Alive Fate = "alive"
	// Closed: the other side has ended it, and said so.
	Closed Fate = "closed"
	// Lost: it was gone without a word, as a load balancer leaves it.
	Lost Fate = "lost"
	// Answered: the exchange had its answer before its request was whole.
	Answered Fate = "answered"
	// Untold: the API does not keep connections, or gave no answer.
	Untold Fate = "untold"
)

// steps are the parts of the whole time after which one each is tried, so that it shows
// between which two they end.
const steps = 4

// idle holds connections and exchanges silent, without TCP keep-alive, and goes on with
// each of them.
func (p *prober) idle(ctx context.Context, f *facts) []Idle {
	if f.at == nil || f.at.bare.Failed != "" {
		return nil
	}
	kinds := []Held{Connection}
	if f.silenceable() {
		kinds = append(kinds, Exchange)
	}
	all := make([]Idle, 0, len(kinds)*steps)
	for _, kind := range kinds {
		for i := range steps {
			d := p.opt.Idle * time.Duration(i+1) / steps
			all = append(all, Idle{Held: kind, For: d, Seconds: d.Seconds()})
		}
	}
	var held sync.WaitGroup
	for i := range all {
		held.Go(func() {
			if all[i].Held == Connection {
				all[i].Fate = p.hold(ctx, f, all[i].For)
				return
			}
			p.exchange(ctx, f, &all[i])
			all[i].EndedSeconds = all[i].Ended.Seconds()
		})
	}
	done := make(chan struct{})
	go func() { held.Wait(); close(done) }()
	p.tell(done)
	return all
}

// silenceable reports whether a request can be held half-sent: one that is turned away by
// its head alone has its answer before.
func (f *facts) silenceable() bool {
	return f.streamPlace() != nil && (f.winner != nil || f.at.bare.reach() == accepted)
}

// tell says from time to time how long there is to wait.
func (p *prober) tell(done <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(max(p.opt.Idle/8, time.Second))
	defer tick.Stop()
	p.opt.Progress(fmt.Sprintf("holding connections idle, and requests half-sent where the API accepts them, for %v", p.opt.Idle))
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			p.opt.Progress(fmt.Sprintf("idle for %v of %v", time.Since(start).Round(time.Second), p.opt.Idle))
		}
	}
}

func (p *prober) hold(ctx context.Context, f *facts, d time.Duration) Fate {
	t := p.transport(p.tlsConfig(), p.target.proxy)
	end := newEnd()
	t.DialContext = p.dialSilent(end)
	defer t.CloseIdleConnections()
	c := client(t)
	if p.again(ctx, c, f) == Untold || p.again(ctx, c, f) != Alive {
		return Untold
	}
	select {
	case <-ctx.Done():
		return Untold
	case <-end.seen:
		return Closed
	case <-time.After(d):
	}
	return p.again(ctx, c, f)
}

// again sends a request and reports on which connection it went: on the one before
// (Alive), on another one since that was seen to end (Closed), or first on the one
// before, in vain (Lost).
func (p *prober) again(ctx context.Context, c *http.Client, f *facts) Fate {
	ctx, cancel := context.WithTimeout(ctx, p.opt.Timeout)
	defer cancel()
	var reused []bool
	var mu sync.Mutex
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		mu.Lock()
		defer mu.Unlock()
		reused = append(reused, i.Reused)
	}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.target.direct(f.at.path), nil)
	if err != nil {
		return Untold
	}
	req.Header["User-Agent"] = []string{p.opt.Agent}
	resp, err := c.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
		_ = resp.Body.Close()
	}
	mu.Lock()
	defer mu.Unlock()
	switch {
	case len(reused) > 0 && reused[0] && (err != nil || len(reused) > 1):
		return Lost
	case len(reused) > 0 && reused[0]:
		return Alive
	case err != nil:
		return Untold
	}
	return Closed
}
