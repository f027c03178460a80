package load

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A leg may have several upstreams. Then a request that has failed is asked why: it may
// fail only where it must not have been moved.

// Held is failover.body_head of a leg with several upstreams: less than some uploads
// have, so that these are not moved.
const Held = 32 << 10

// Model is what clients of a bridged leg name, and the deployment of that name.
const Model = "gpt-4o"

// LeftAlone is how long an upstream that refuses asks to be left alone.
const LeftAlone = 200 * time.Millisecond

// all are the upstreams of the leg.
func (l *Leg) all() []*Upstream { return append([]*Upstream{l.Upstream}, l.Others...) }

// NameOf is the name of an upstream in the configuration.
func (l *Leg) NameOf(u *Upstream) string {
	if i := slices.Index(l.Others, u); i >= 0 {
		return fmt.Sprintf("%s-%d", l.Name, i+2)
	}
	return l.Name
}

// named is the upstream of that name; nil: none.
func (l *Leg) named(name string) *Upstream {
	for _, u := range l.all() {
		if l.NameOf(u) == name {
			return u
		}
	}
	return nil
}

// adapt makes of a plan what the leg can take.
func (l *Leg) adapt(p *Plan) {
	switch {
	case p.Kind == "preflight":
	case l.Bridged: // an operation of the bridge is a POST with a model in it
		if p.Framing == ToHEAD {
			p.Framing = ByLength
		}
		p.Members = `"model":"` + Model + `"`
		if p.Kind == named {
			p.Members += `,"previous_response_id":"resp_1"`
		}
		p.Upload += 100
	case p.Kind == named:
		p.Members = `"previous_response_id":"resp_1"`
		p.Upload += 100
	}
}

// named is the kind of a request that names what is on one upstream alone.
const named = "names-an-id"

// mayStay reports whether the request may be left where it went first. The chunks of an
// upload are held with their framing.
func (x *Exchange) mayStay() bool {
	return x.Kind == named || x.Upload+x.Upload/64+256 > Held
}

// isRefusal reports whether upstream says that it has done nothing.
func isRefusal(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// movable are the codes of which nothing has run.
var movable = []string{"upstream_connect_failed", "upstream_connect_timeout", "upstream_tls_failed", "upstreams_throttled"}

// needless says why an exchange should not have failed, or should not have gone where it
// did, for a leg with several upstreams.
func (x *Exchange) needless() string {
	o, l := &x.outcome, x.line
	if len(x.leg.Others) == 0 || l == nil || o.word != "" {
		return ""
	}
	for _, u := range x.leg.all() {
		if n := x.refusals[u]; n > 1 {
			return fmt.Sprintf("%s was asked %d times, and refused each time", x.leg.NameOf(u), n)
		}
	}
	last := x.leg.named(l.Upstream)
	another := slices.ContainsFunc(x.leg.all(), func(u *Upstream) bool { return u.wasWell(x.start, x.ended) })
	mayStay := x.mayStay() || !another
	switch {
	case x.Kind == named && len(l.Moved) > 0:
		return "it names what is on one upstream, and was moved"
	case slices.Contains(movable, o.code) && !mayStay:
		return "nothing of it ran, and it was not moved"
	case o.code == "" && isRefusal(o.status) && !mayStay:
		return "it was refused, and not moved"
	case o.code == "" && o.err == nil, x.Fate != Good && x.Fate != Slow, last == nil, x.stumbled(last):
		return ""
	case l.Cause == "upstream_closed_early", l.Cause == "upstream_aborted":
		return "it has failed at an upstream that was well"
	}
	return ""
}

// wasDown reports whether one of the upstreams was down in the time.
func (l *Leg) wasDown(from, to time.Time) bool {
	return slices.ContainsFunc(l.all(), func(u *Upstream) bool { return u.wasDown(from, to) })
}

// mayBeStale reports the same of one that has closed an idle connection.
func (l *Leg) mayBeStale(from, to time.Time) bool {
	return slices.ContainsFunc(l.all(), func(u *Upstream) bool { return u.mayBeStale(from, to) })
}

// stumbled reports whether the upstream was in trouble, or had closed an idle connection
// that the request may have met.
func (x *Exchange) stumbled(u *Upstream) bool {
	return u.wasDown(x.start, x.ended) || x.arrivals == 0 && u.mayBeStale(x.start, x.ended)
}

// refused notes that an upstream has got a request, and does nothing of it.
func (l *Ledger) refused(id string, a *arrival, u *Upstream) {
	l.came(id, a, u, func(x *Exchange) {
		if x.refusals == nil {
			x.refusals = map[*Upstream]int{}
		}
		x.refusals[u]++
	})
}

// Moved returns how often a request has moved on, by why.
func (l *Ledger) Moved() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.lines.moved)
}

// Served returns how many exchanges with the upstream of that name have gone well.
func (l *Ledger) Served(upstream string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.served[upstream]
}

// noteMoved counts what an access line tells of attempts before.
func (n *lines) noteMoved(moved []string) {
	for _, m := range moved {
		_, why, _ := strings.Cut(m, "=")
		n.moved[why]++
	}
}

// route is the leg's route in the configuration.
func (l *Leg) route() string {
	if len(l.Others) == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString("upstreams: [")
	for _, u := range l.all() {
		shape := ""
		if l.Bridged && u != l.Upstream {
			shape = ", shape: v1"
		}
		fmt.Fprintf(&text, "{name: %s%s}, ", l.NameOf(u), shape)
	}
	fmt.Fprintf(&text, "], failover: {body_head: %dKiB}", Held>>10)
	if l.Upstream.Key != "" {
		text.WriteString(", open: true")
	}
	if l.Bridged {
		fmt.Fprintf(&text, ", bridge: {to: legacy, prefix: /%s/openai, models: {%s: {deployment: %s, api_version: 2024-10-21}, other: {deployment: other, api_version: 2024-10-21}}}",
			l.Name, Model, Model)
	}
	return text.String()
}
