package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
	"github.com/apim-edge/apim-edge/internal/option"
)

// RouteUpstream is one of several upstreams of a route (docs/upstreams.md).
type RouteUpstream struct {
	// Name of the upstream.
	Name string `koanf:"name"`
	// Those of the lowest number are asked first; a higher one where all below it
	// are left alone, or have failed the request. 0: 1.
	Priority int `koanf:"priority" max:"100"`
	// Its share of the requests among those of its priority. 0: 1, but with callers
	// no share at all.
	Weight int `koanf:"weight" max:"1000000"`
	// Callers who are sent here before anywhere else, by the hashes of their keys,
	// as apim-edge key hash prints them.
	Callers []string `koanf:"callers" secret:"hash"`
	// The shape of the API that it speaks, where the route has a bridge: legacy or
	// v1. One that speaks the shape of the clients is sent what they send; what
	// cannot cross the bridge goes there alone. Empty: that of bridge.to.
	Shape string `koanf:"shape" oneof:"legacy v1" zero:"ok"`
}

// Straight reports whether the upstream is sent what clients of the route send, beside
// a bridge.
func (u RouteUpstream) Straight(b Bridge) bool {
	return b.To != "" && u.Shape != "" && u.Shape != b.To
}

// Failover says when a request goes to another upstream of its route. A request that
// may have begun to run anywhere never does.
type Failover struct {
	// What moves a request: connect (no connection, or no byte of the request was
	// taken), "429", "503". [] means that none is moved.
	On []string `koanf:"on"`
	// Largest body that is kept so that it can be moved behind an answer of 429 or
	// 503.
	BodyHead Size `koanf:"body_head" max:"64MiB"`
}

// Breaker leaves an upstream alone that fails, where a route has several.
type Breaker struct {
	// So many failures in a row: no connection, no answer, or an answer of 500 and
	// above. They have to be no fewer than what was answered since the requests were
	// sent. 0: never.
	Failures int `koanf:"failures" max:"1000"`
	// The time within which they have to happen.
	Within Duration `koanf:"within" min:"1s" max:"1h"`
	// How long it is left alone. Then one request at a time is sent to it, until
	// one is answered.
	Open Duration `koanf:"open" min:"1s" max:"1h"`
}

// Probe asks an upstream in the background whether it is there, where a route has
// several.
type Probe struct {
	// Path that is asked for with GET, behind that of the url: an answer below 500
	// is a good one. No credential is sent. Empty: nothing is asked.
	Path string `koanf:"path"`
	// How often.
	Every Duration `koanf:"every" min:"1s" max:"1h"`
}

// MaxUpstreams is how many upstreams a route may have.
const MaxUpstreams = 16

// failures are the words of failover.on.
var failures = []string{"connect", "429", "503"}

var (
	defaultBreaker  = Breaker{Failures: 5, Within: Seconds(30), Open: Seconds(30)}
	defaultProbe    = Probe{Every: Seconds(10)}
	defaultBodyHead = Size{256 << 10}
)

// UpstreamNames returns the names of the upstreams of a route, in the order in which
// they are written.
func (r Route) UpstreamNames() []string {
	if len(r.Upstreams) == 0 {
		return []string{r.Upstream}
	}
	names := make([]string, len(r.Upstreams))
	for i, u := range r.Upstreams {
		names[i] = u.Name
	}
	return names
}

func (r Route) completeUpstreams(onlyUpstream string) Route {
	if len(r.Upstreams) == 0 {
		r.Upstreams = nil
		fill(&r.Upstream, onlyUpstream)
	}
	r.Upstreams = slices.Clone(r.Upstreams)
	for i := range r.Upstreams {
		u := &r.Upstreams[i]
		fill(&u.Priority, 1)
		if len(u.Callers) == 0 {
			fill(&u.Weight, 1)
		}
	}
	fill(&r.Sticky, "credential")
	if r.Failover.On == nil {
		r.Failover.On = slices.Clone(failures)
	}
	return r
}

// routeUpstreams checks where a route leads.
func (v *checker) routeUpstreams(key string, r Route) {
	list := option.Child(key, "upstreams")
	_, written := v.config.origins[list]
	switch {
	case len(r.Upstreams) > 0:
		v.members(list, r)
	case written && r.Upstream == "":
		v.routeUpstream(list, "")
	default:
		v.routeUpstream(option.Child(key, "upstream"), r.Upstream)
	}
	for i, word := range r.Failover.On {
		if !slices.Contains(failures, word) {
			v.wrong(option.Element(option.Child(option.Child(key, "failover"), "on"), i), option.Show(word), oneOf(failures)+"; behind anything else the request may have run", "")
		}
	}
}

func (v *checker) members(key string, r Route) {
	if r.Upstream != "" {
		v.fault(key, "", "there is upstream as well, for routes with one; write its name into this list", "")
	}
	if len(r.Upstreams) > MaxUpstreams {
		v.fault(key, strconv.Itoa(len(r.Upstreams))+" upstreams", fmt.Sprintf("more than %d are not handled", MaxUpstreams), "")
	}
	taken, first, shares := map[string]int{}, map[string]string{}, false
	for i, u := range r.Upstreams {
		at := option.Element(key, i)
		v.routeUpstream(option.Child(at, "name"), u.Name)
		if j, ok := taken[u.Name]; ok && u.Name != "" {
			v.fault(option.Child(at, "name"), option.Show(u.Name), fmt.Sprintf("upstreams[%d] is the same", j), "")
		}
		taken[u.Name] = i
		if u.Shape != "" && r.Bridge.To == "" {
			v.fault(option.Child(at, "shape"), option.Show(u.Shape), "without a bridge each upstream is sent what clients send; write a bridge for the route", "")
		}
		shares = shares || u.Weight > 0
		for n, hash := range u.Callers {
			place := option.Element(option.Child(at, "callers"), n)
			v.fault(place, "", clientkey.HashFault(hash), "")
			if other, ok := first[hash]; ok {
				v.fault(place, "", "this caller is sent to "+other+" already", "")
			}
			first[hash] = u.Name
		}
	}
	if !slices.ContainsFunc(r.Upstreams, func(u RouteUpstream) bool { return !u.Straight(r.Bridge) }) {
		v.fault(key, "", "all of them speak the shape of the clients: the bridge leads nowhere; take it away, or the shape", "")
	}
	if !shares {
		v.fault(key, "", "all of them are for their callers alone: everybody else would go nowhere; give one a weight", "")
	}
}

func (v *checker) probe(key string, p Probe) {
	if p.Path == "" {
		return
	}
	path, query, _ := strings.Cut(p.Path, "?")
	if fault := pathFault(path); fault != "" {
		v.fault(option.Child(key, "path"), option.Show(p.Path), fault, meantPath(p.Path))
	} else if strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) { // it stands in a request line
		v.fault(option.Child(key, "path"), option.Show(p.Path), "a query holds printable ASCII only, and no space and no #", "")
	}
}
