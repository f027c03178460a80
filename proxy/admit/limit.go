package admit

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// A Limit is the gate of one route's limits. It does not change.
type Limit struct {
	gate Gates
	// Per says whose requests are counted together.
	Per Per
	// Secret keys the hashes of those.
	Secret *[32]byte
	rate   *Rate  // nil: requests per time are not bounded
	crowd  *Crowd // nil: requests at a time are not bounded
	most   int
	told   string
}

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

// Rules are the limits of a route.
type Rules struct {
	Gates Gates
	Per   Per
	// Rate and Crowd hold the counts. nil: there is no such limit.
	Rate   *Rate
	Crowd  *Crowd
	Most   int
	Secret *[32]byte
	// Told are the rules in words, as clients and operators read them.
	Told string
}

// NewLimit returns the gate of these rules.
func NewLimit(r Rules) *Limit {
	return &Limit{gate: r.Gates, Per: r.Per, Secret: r.Secret, rate: r.Rate, crowd: r.Crowd, most: r.Most, told: r.Told}
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
	if l.crowd != nil {
		if !l.crowd.Enter(k, l.most) {
			return l.refuses(l.gate.Concurrent, LimitConcurrent, full), pass
		}
		pass = Pass{crowd: l.crowd, key: k}
	}
	if l.rate == nil {
		return Verdict{Gate: l.gate.Concurrent}, pass
	}
	wait, away := l.rate.Take(k, now)
	switch {
	case away:
		pass.Leave()
		return Verdict{Gate: l.gate.Requests, Limit: LimitStore, Code: edgeerr.LimitsUnavailable}, pass
	case wait > 0:
		pass.Leave()
		return l.refuses(l.gate.Requests, LimitRequests, wait), pass
	}
	return Verdict{Gate: l.gate.Requests}, pass
}

func (l *Limit) refuses(gate, kind string, after time.Duration) Verdict {
	return Verdict{Gate: gate, Limit: kind, Code: edgeerr.RateLimited, Message: l.told, After: after}
}

// Explain returns the verdict on the first request of somebody, without counting it.
func (l *Limit) Explain() Verdict {
	gate := l.gate.Requests
	if l.rate == nil {
		gate = l.gate.Concurrent
	}
	return Verdict{Gate: gate, Note: l.told}
}
