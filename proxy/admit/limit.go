package admit

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Per says whose requests are counted together.
type Per uint8

// What requests can have in common.
const (
	PerCredential Per = iota
	PerRoute
	PerAddress
)

// Gates are what the operator calls the two limits: keys of the configuration.
type Gates struct{ Requests, Concurrent string }

// A Limit is the gate of one route's limits. It does not change; what it counts with
// may be that of the limit before a reload.
type Limit struct {
	Gates Gates
	Per   Per
	// Secret keys the hashes of whose requests they are.
	Secret *[32]byte
	// Rate bounds requests per time; nil: nothing does.
	Rate *Rate
	// Crowd counts those that run, of which there are Most; nil: so many as come.
	Crowd *Crowd
	Most  int
	// Told are the rules in words, as clients and operators read them.
	Told string
}

// A Pass is that of one exchange that counts among those that run. Its zero value counts
// nowhere.
type Pass struct {
	crowd *Crowd
	key   Key
}

// Leave counts the exchange out, once.
func (p *Pass) Leave() {
	if c := p.crowd; c != nil {
		p.crowd = nil
		c.Leave(p.key)
	}
}

// Kinds of a refusal, for the log and the metrics.
const (
	LimitRequests   = "requests"
	LimitConcurrent = "concurrent"
	LimitStore      = "store"
)

// full is when to come again where nobody knows when one of those that run ends.
const full = time.Second

// Enter counts a request in, if it may pass. A request that is refused counts nowhere.
func (l *Limit) Enter(k Key, now time.Time) (Verdict, Pass) {
	pass := Pass{}
	if l.Crowd != nil {
		if !l.Crowd.Enter(k, l.Most) {
			return l.refuses(l.Gates.Concurrent, LimitConcurrent, full), pass
		}
		pass = Pass{crowd: l.Crowd, key: k}
	}
	if l.Rate == nil {
		return Verdict{Gate: l.Gates.Concurrent}, pass
	}
	wait, away := l.Rate.Take(k, now)
	switch {
	case away:
		pass.Leave()
		return Verdict{Gate: l.Gates.Requests, Limit: LimitStore, Code: edgeerr.LimitsUnavailable}, pass
	case wait > 0:
		pass.Leave()
		return l.refuses(l.Gates.Requests, LimitRequests, wait), pass
	}
	return Verdict{Gate: l.Gates.Requests}, pass
}

func (l *Limit) refuses(gate, kind string, after time.Duration) Verdict {
	return Verdict{Gate: gate, Limit: kind, Code: edgeerr.RateLimited, Message: l.Told, After: after}
}

// Explain returns the verdict on the first request of somebody, without counting it.
func (l *Limit) Explain() Verdict {
	gate := l.Gates.Requests
	if l.Rate == nil {
		gate = l.Gates.Concurrent
	}
	return Verdict{Gate: gate, Note: l.Told}
}
