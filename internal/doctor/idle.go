package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Idle is what has become of a connection that was idle for some time.
type Idle struct {
	For     time.Duration `json:"-"`
	Seconds float64       `json:"seconds"`
	Fate    Fate          `json:"fate"`
}

// Fate is what becomes of an idle connection.
type Fate string

// The fates.
const (
	// Alive: it took another request.
	Alive Fate = "alive"
	// Closed: the other side has ended it, and said so.
	Closed Fate = "closed"
	// Lost: it was gone without a word, as a load balancer leaves it.
	Lost Fate = "lost"
	// Untold: the API does not keep connections, or gave no answer.
	Untold Fate = "untold"
)

// steps are the parts of the whole time after which a connection each is tried, so that
// it shows between which two they end.
const steps = 4

// idle holds connections idle, without TCP keep-alive, and asks once more on each.
func (p *prober) idle(ctx context.Context, f *facts) []Idle {
	if f.at == nil || f.at.bare.Failed != "" {
		return nil
	}
	all := make([]Idle, steps)
	var held sync.WaitGroup
	for i := range all {
		all[i].For = p.opt.Idle * time.Duration(i+1) / steps
		all[i].Seconds = all[i].For.Seconds()
		held.Go(func() { all[i].Fate = p.hold(ctx, f, all[i].For) })
	}
	done := make(chan struct{})
	go func() { held.Wait(); close(done) }()
	p.tell(done)
	return all
}

// tell says from time to time how long there is to wait.
func (p *prober) tell(done <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(max(p.opt.Idle/8, time.Second))
	defer tick.Stop()
	p.opt.Progress(fmt.Sprintf("holding connections idle for %v", p.opt.Idle))
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
	t.DialContext = (&net.Dialer{Timeout: p.opt.Timeout, KeepAlive: -1}).DialContext
	defer t.CloseIdleConnections()
	c := client(t)
	if p.again(ctx, c, f) == Untold || p.again(ctx, c, f) != Alive {
		return Untold
	}
	select {
	case <-ctx.Done():
		return Untold
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

// judgeIdle says after how long idle connections end, and how.
func (v *verdict) judgeIdle(all []Idle) {
	var alive time.Duration
	for _, i := range all {
		switch i.Fate {
		case Alive:
			alive = i.For
			continue
		case Closed:
			v.note("idle", fmt.Sprintf("the other side ends idle connections between %v and %v, in order", alive, i.For), fmt.Sprintf("set timeouts.upstream_keep_alive below %v, if that is seen often", i.For))
		case Lost:
			v.problem("idle", fmt.Sprintf("something on the way forgets idle connections between %v and %v, without a word: a stream that is silent for so long dies as well", alive, i.For),
				"let TCP keep-alive probes pass, which the edge sends every 60 s; ask the owner of the load balancer for a longer idle timeout, or for resets")
		case Untold:
			v.note("idle", "nothing is known of idle connections: the API did not keep the one that was tried", "")
		}
		return
	}
	if len(all) > 0 {
		v.ok("idle", fmt.Sprintf("connections that were idle for %v, without TCP keep-alive, still served", alive))
	}
}
