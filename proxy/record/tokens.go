package record

import (
	"maps"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// NoTokens is why nothing is known of the tokens of an answer.
type NoTokens uint8

// The reasons. The zero value: they are known, or nobody asks.
const (
	NoReason NoTokens = iota
	// Compressed: the answer has a Content-Encoding, which nobody here takes off.
	Compressed
	// NotJSON: it is neither JSON nor an event stream.
	NotJSON
	// CutOff: it ended before it told of them.
	CutOff
	// NotTold: it has come whole, and does not tell of them.
	NotTold
	noTokensCount
)

func (n NoTokens) String() string {
	return [...]string{"none", "compressed", "not_json", "cut", "not_told"}[n]
}

// tokensOf is for whom tokens are counted. All of it comes from the configuration.
type tokensOf struct{ upstream, model, caller string }

type tokenCounters struct{ in, out, cached, reasoning prometheus.Counter }

// tokens counts those of one route. Which series there are is known when they come: the
// map is only ever replaced, so that whoever counts takes no lock.
type tokens struct {
	known   atomic.Pointer[map[tokensOf]*tokenCounters]
	unknown [noTokensCount]atomic.Pointer[prometheus.Counter]
}

// countTokens adds what an answer tells of its tokens.
func (r *Route) countTokens(of *Record) {
	if of.NoTokens != NoReason {
		r.noTokens(of).Inc()
		return
	}
	c := r.tokensOf(of)
	c.in.Add(float64(of.Tokens.In()))
	c.out.Add(float64(of.Tokens.Out()))
	c.cached.Add(float64(of.Tokens.Cached()))
	c.reasoning.Add(float64(of.Tokens.Reasoning()))
}

func (r *Route) tokensOf(of *Record) *tokenCounters {
	key := tokensOf{of.Upstream, of.Model, of.Holder}
	if r.Name == noRoute {
		key = tokensOf{} // what is told of a route that was removed
	}
	if all := r.tokens.known.Load(); all != nil && (*all)[key] != nil {
		return (*all)[key]
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone.Load() { // or the series would come back
		return r.m.newTokens(noRoute, tokensOf{})
	}
	all := map[tokensOf]*tokenCounters{}
	if before := r.tokens.known.Load(); before != nil {
		maps.Copy(all, *before)
	}
	if all[key] == nil {
		all[key] = r.m.newTokens(r.Name, key)
	}
	r.tokens.known.Store(&all)
	return all[key]
}

func (m *Metrics) newTokens(route string, of tokensOf) *tokenCounters {
	labels := []string{route, orNone(of.upstream), orNone(of.model), orNone(of.caller)}
	total := func(kind string) prometheus.Counter { return m.tokens.WithLabelValues(append(labels, kind)...) }
	part := func(kind string) prometheus.Counter { return m.tokenParts.WithLabelValues(append(labels, kind)...) }
	return &tokenCounters{in: total("input"), out: total("output"), cached: part("cached"), reasoning: part("reasoning")}
}

func orNone(label string) string {
	if label == "" {
		return noRoute
	}
	return label
}

func (r *Route) noTokens(of *Record) prometheus.Counter {
	at := &r.tokens.unknown[of.NoTokens]
	if c := at.Load(); c != nil {
		return *c
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone.Load() {
		return r.m.noTokens.WithLabelValues(noRoute, of.NoTokens.String())
	}
	c := r.m.noTokens.WithLabelValues(r.Name, of.NoTokens.String())
	at.Store(&c)
	return c
}
