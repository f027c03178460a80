package route

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/trace"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/rewrite"
)

// A Snapshot is a configuration compiled into what the data path needs. It never
// changes; a reload makes another one, and a running exchange keeps the one that
// it has started with.
type Snapshot struct {
	Config  config.Config
	Routes  []*Route           // the first that matches wins, so the most specific stand first
	trusted []netip.Prefix     // peers whose word about their clients is believed
	used    []*handle          // each counted in once; Release counts them out
	gates   []*identity.Policy // in the same way
	Sampler trace.Sampler      // which exchanges are told as spans
	given   []func()           // gives back what routes count with
	Hash    string             // of Config, by which an operator knows it again
}

// A Route is what holds for the requests under one path prefix. What it points to is
// shared by all loops, and does not change.
type Route struct {
	Name           string
	prefix         string // without a slash at its end
	host           hostRule
	Strip          string
	Target         *upstream.Target // where there is one upstream; of several the first
	Group          *upstream.Group  // nil: there is one upstream
	Credential     *rewrite.Policy
	Parameters     *rewrite.Parameters // nil: the query goes on as it is
	KeyField       string              // the field in which Credential sends the key
	CORS           *corsx.Policy       // nil: upstream's own fields pass
	Addresses      *admit.Addresses    // nil: everybody may call
	Headers        []*admit.Header     // none: no field is asked for
	Gate           *identity.Gate      // nil: everybody may pass
	Claims         *head.Claims        // nil: the upstream is not told what a token says
	WithholdOrigin bool                // the upstream is not told the Origin
	CheckUpgrades  bool                // the Origin of a WebSocket handshake has to be allowed
	Limit          *admit.Limit        // nil: everybody may ask for as much as they like
	Bridge         *bridge.Table       // nil: requests go on in the shape in which they come
	Usage          *Usage              // nil: nobody reads the tokens of answers
	BodyLimit      int64
	Heartbeat      time.Duration

	// PassedOver has a bit for each step of an exchange for which the route has nothing to do.
	// It is set before the first one, by who knows the steps.
	PassedOver uint32

	ResponseHead, StreamIdle time.Duration
	Metrics                  *record.Route
	// What may not pass in trailers, or a credential could come by them that the head
	// may not have. Made once: they allocate.
	DropRequestTrailer, DropResponseTrailer func(name []byte) bool
}

// Compile builds everything that conf needs and touches nothing that runs. conf is
// complete; what config.Load returns is also right, so that only its files can be at
// fault. Upstreams that are as before keep their connections. The error lists every
// fault, as *config.Problems.
func (g *Registry) Compile(conf config.Config, metrics *record.Metrics) (*Snapshot, error) {
	s := &Snapshot{Config: conf, Hash: config.Hash(conf)}
	var problems config.Problems
	fail := func(text string, key ...string) {
		problems = append(problems, config.Problem{Key: config.Key(key...), Text: text})
	}
	handles := map[string]*handle{}
	for name, u := range conf.Upstreams {
		h, key, err := g.get(name, u, conf.Timeouts)
		if err != nil {
			fail(err.Error(), "upstreams", name, key)
			continue
		}
		handles[name] = h
		s.used = append(s.used, h)
	}
	limits, err := g.limiting(s.Config)
	if err != nil {
		fail(err.Error(), "shared")
	}
	who := &gates{guard: g.Guard, conf: &s.Config, policies: map[string]*identity.Policy{}}
	for name, r := range conf.Routes {
		if to, ok, key, err := members(name, r, &s.Config, handles); err != nil {
			fail(err.Error(), key...)
		} else if !ok {
			continue // that is said already
		} else if compiled, err := compileRoute(name, r, to, metrics); err != nil {
			fail(err.Error(), "routes", name)
		} else if compiled.Headers, key, err = headers(name, r.Require.Headers); err != nil {
			fail(err.Error(), key...)
		} else if gate, key, err := who.gate(name, r); err != nil {
			fail(err.Error(), key...)
		} else {
			compiled.Gate, compiled.Limit = gate, limits.limit(name, r.Limits)
			s.Routes = append(s.Routes, compiled)
		}
	}
	s.gates, s.given = who.used(), limits.given
	if conf.Traces.Endpoint != "" {
		s.Sampler = trace.NewSampler(conf.Traces.Sample.Of)
	}
	for _, t := range conf.TrustedProxies {
		p, err := config.ParseNetwork(t)
		if err != nil {
			fail(err.Error(), "trusted_proxies")
		}
		s.trusted = append(s.trusted, p)
	}
	if len(problems) > 0 {
		g.Release(s) // what was new for this snapshot alone ends here
		return nil, conf.Locate(problems...)
	}
	slices.SortFunc(s.Routes, moreSpecific)
	return s, nil
}

// Metrics returns those of every route.
func (s *Snapshot) Metrics() (all []*record.Route) {
	for _, r := range s.Routes {
		all = append(all, r.Metrics)
	}
	return all
}

// moreSpecific puts routes with a host first, then longer prefixes. Two routes are never
// equal, or the order of a map would decide which of them a request is on.
func moreSpecific(a, b *Route) int {
	if a.host.any() != b.host.any() {
		return strings.Compare(b.host.text, a.host.text)
	}
	if d := len(b.prefix) - len(a.prefix); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}

// compileRoute compiles what is complete: it has no defaults of its own.
func compileRoute(name string, r config.Route, to []*handle, metrics *record.Metrics) (*Route, error) {
	out := &Route{
		Name: name, prefix: strings.TrimSuffix(r.PathPrefix, "/"), host: newHostRule(r.Host),
		Strip: strings.TrimSuffix(r.StripPrefix, "/"), Target: to[0].Target, Group: group(name, r, to),
		KeyField:       r.Credential.Header,
		WithholdOrigin: r.CORS.WithholdOrigin, BodyLimit: r.RequestBody.Bytes, Heartbeat: r.Heartbeat.Duration,
		ResponseHead: r.Timeouts.ResponseHead.Duration, StreamIdle: r.Timeouts.StreamIdle.Duration,
		Metrics: metrics.Route(name, r.UpstreamNames()...),
	}
	var err error
	if out.Credential, err = rewrite.NewPolicy(r.Credential.Options()); err != nil {
		return nil, err
	}
	if len(r.CORS.AllowedOrigins) > 0 {
		out.CheckUpgrades = r.CORS.CheckUpgrades
		if out.CORS, err = corsx.New(r.CORS.Options()); err != nil {
			return nil, err
		}
	}
	if r.Bridge.To != "" {
		if out.Bridge, err = bridge.New(r.Bridge.Options()); err != nil {
			return nil, err
		}
	}
	out.Usage, out.Parameters = newUsage(r), r.Query.Parameters()
	out.Claims = claims(r)
	if a := r.Require.Addresses; a.Set() {
		gate := config.Key("routes", name, "require", "addresses")
		if out.Addresses, err = addresses(gate, a); err != nil {
			return nil, err
		}
	}
	out.DropRequestTrailer, out.DropResponseTrailer = head.DropFromRequest(out.Credential, replaced(to), out.Claims), head.DropFromResponse(out.CORS)
	return out, nil
}

// Trusts reports whether what the peer says of others is believed.
func (s *Snapshot) Trusts(a netip.Addr) bool {
	for _, p := range s.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Allowing returns the first route whose CORS policy allows the origin, or nil. It is
// for errors that come before a route is known, so that the page can read them.
func (s *Snapshot) Allowing(origin []byte) *Route {
	if origin == nil {
		return nil
	}
	for _, r := range s.Routes {
		if r.CORS != nil && r.CORS.Allows(origin) {
			return r
		}
	}
	return nil
}
