package export

import (
	"net/url"
	"regexp"
	"slices"

	"github.com/apim-edge/apim-edge/internal/config"
)

// server is one of the upstreams of the document, as the writers see it: a view of the
// route that leads to that one alone.
type server struct {
	*view
	config.RouteUpstream
	backup bool // behind those of the lowest priority
}

// servers returns those that the document leads to: all, where the target can tell them
// apart, else the first.
func (v *view) servers() (all []server) {
	if !v.spreads() {
		return []server{{view: v}}
	}
	lowest := v.priorities()[0]
	for _, m := range v.route.Upstreams {
		one := *v
		one.route.Upstream, one.up = m.Name, v.conf.Upstreams[m.Name]
		one.url, _ = url.Parse(one.up.URL) // alike has read it
		all = append(all, server{&one, m, m.Priority > lowest})
	}
	return all
}

// priorities are those of the route's upstreams, the lowest first.
func (v *view) priorities() (all []int) {
	for _, m := range v.route.Upstreams {
		all = append(all, m.Priority)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// serverName is what HAProxy takes for the name of a server.
var serverName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// spreads reports whether the document leads to all upstreams of the route.
func (v *view) spreads() bool {
	switch {
	case v.oneUpstream():
		return false
	case v.target == APIM:
		return v.pools()
	}
	for _, m := range v.route.Upstreams {
		if !v.alike(m) {
			return false
		}
	}
	return v.target != HAProxy || !v.callsByName() || v.hosts() == len(v.route.Upstreams)
}

// hosts is how many different ones the upstreams have.
func (v *view) hosts() int {
	names := map[string]bool{}
	for _, m := range v.route.Upstreams {
		if u, err := url.Parse(v.conf.Upstreams[m.Name].URL); err == nil {
			names[u.Host] = true
		}
	}
	return len(names)
}

// callsByName reports whether each server is sent a Host of its own.
func (v *view) callsByName() bool { return !v.up.PreserveHost && v.hosts() > 1 }

// alike reports whether an upstream differs from the first one in nothing but what each
// server of the target can have for itself: its address and, in HAProxy, its name.
func (v *view) alike(m config.RouteUpstream) bool {
	if len(m.Callers) > 0 || m.Shape != "" {
		return false
	}
	up := v.conf.Upstreams[m.Name]
	u, err := url.Parse(up.URL)
	if err != nil || u.Scheme != v.url.Scheme || u.EscapedPath() != v.url.EscapedPath() {
		return false
	}
	if v.target == HAProxy && !serverName.MatchString(u.Host) {
		return false
	}
	if v.target == Nginx && (u.Host != v.url.Host && !v.up.PreserveHost || u.Scheme == "https" && up.TLS.ServerName == "" && u.Hostname() != v.url.Hostname()) {
		return false // it has one Host and one name of a certificate for all
	}
	other := up
	other.URL, other.MaxConnections, other.Breaker, other.Probe = v.up.URL, v.up.MaxConnections, v.up.Breaker, v.up.Probe
	if v.target == HAProxy {
		other.TLS.ServerName = v.up.TLS.ServerName
	}
	return other == v.up
}

// heaviest is the largest weight of the route's upstreams.
func (v *view) heaviest() (most int) {
	for _, m := range v.route.Upstreams {
		most = max(most, m.Weight)
	}
	return most
}

// weight is that of one server where none is larger than limit: else all are made smaller.
func (v *view) weight(s server, limit int) int {
	if most := v.heaviest(); most > limit {
		return max(s.Weight*limit/most, 1)
	}
	return s.Weight
}

// sticky reports whether a caller stays with one server.
func (v *view) sticky() bool { return v.spreads() && v.route.Sticky == "credential" }

// follows reports whether a failure moves a request on to the next server.
func (v *view) follows(on string) bool { return slices.Contains(v.route.Failover.On, on) }

// Conditions of rows.
func spreads(v *view) bool        { return v.spreads() }
func twoPriorities(v *view) bool  { return v.spreads() && len(v.priorities()) > 1 }
func manyPriorities(v *view) bool { return v.spreads() && len(v.priorities()) > 2 }

func heavierThan(limit int) func(*view) bool {
	return func(v *view) bool { return v.heaviest() > limit }
}

// Differences of several upstreams.
var gapIDs = gap{"ids", "a request that names what is on one resource (a file, a batch, an earlier response) is moved like any other", spreads}
var gapThrottled = gap{"throttled", "a server that answers 429 is asked again at once, whatever its Retry-After says, and a caller's quota is not known", spreads}
