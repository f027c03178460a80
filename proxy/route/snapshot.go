package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/rewrite"
)

// A Snapshot is a configuration compiled into what the data path needs. It never
// changes; a reload makes another one, and a running exchange keeps the one that
// it has started with.
type Snapshot struct {
	Config  config.Config
	Routes  []*Route // the first that matches wins
	trusted []netip.Prefix
	used    []*handle
	Hash    string
}

// route is what holds for the requests under one path prefix.
type Route struct {
	Name           string
	prefix         string // without a slash at its end
	host           hostRule
	Strip          string
	Target         *upstream.Target
	Credential     *rewrite.Policy
	CORS           *corsx.Policy // nil: upstream's own fields pass
	WithholdOrigin bool          // Origin
	CheckUpgrades  bool          // the Origin of a WebSocket handshake has to be allowed
	BodyLimit      int64
	Heartbeat      time.Duration

	ResponseHead, StreamIdle time.Duration
	Metrics                  *record.Route
	// What may not pass in trailers. Made once: they allocate.
	DropRequestTrailer, DropResponseTrailer func(name []byte) bool
}

// Compile builds everything that conf needs and touches nothing that runs.
// Upstreams that are as before keep their connections. The error lists every
// fault.
func (g *Registry) Compile(conf config.Config, metrics *record.Metrics) (*Snapshot, error) {
	s := &Snapshot{Config: conf, Hash: config.Hash(conf)}
	var faults []error
	handles := map[string]*handle{}
	for name, u := range conf.Upstreams {
		h, err := g.get(name, u, conf.Timeouts)
		if err != nil {
			faults = append(faults, fmt.Errorf("upstreams.%s.%w", name, err))
			continue
		}
		handles[name] = h
		s.used = append(s.used, h)
	}
	for name, r := range conf.Routes {
		compiled, err := compileRoute(name, r, conf, handles, metrics)
		if err != nil {
			faults = append(faults, fmt.Errorf("routes.%s.%w", name, err))
			continue
		}
		s.Routes = append(s.Routes, compiled)
	}
	for _, t := range conf.TrustedProxies {
		p, err := parsePrefix(t)
		if err != nil {
			faults = append(faults, fmt.Errorf("trusted_proxies: %w", err))
			continue
		}
		s.trusted = append(s.trusted, p)
	}
	if len(faults) > 0 {
		g.release(s.used)
		return nil, errors.Join(faults...)
	}
	slices.SortFunc(s.Routes, moreSpecific)
	return s, nil
}

// moreSpecific puts routes with a host first, then longer prefixes.
func moreSpecific(a, b *Route) int {
	if a.host.any() != b.host.any() {
		return strings.Compare(b.host.text, a.host.text)
	}
	if d := len(b.prefix) - len(a.prefix); d != 0 {
		return d
	}
	return strings.Compare(a.Name, b.Name)
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", s)
	}
	return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
}

func compileRoute(name string, r config.Route, conf config.Config, handles map[string]*handle, metrics *record.Metrics) (*Route, error) {
	h, ok := handles[r.Upstream]
	if !ok {
		return nil, fmt.Errorf("upstream: no usable upstream named %q", r.Upstream)
	}
	c := r.Credential
	policy, err := rewrite.NewPolicy(rewrite.Options{
		Header: c.Header, Value: c.Value, Aliases: c.Aliases, QueryAliases: c.QueryAliases,
		RejectConflict: c.OnConflict == "reject", RejectMissing: c.OnMissing == "reject",
		KeepMisplacedToken: c.MisplacedToken == "keep", KeepAuthorization: c.KeepAuthorization,
		Placeholders: c.Placeholders,
	})
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	out := &Route{
		Name: name, prefix: strings.TrimSuffix(r.PathPrefix, "/"), host: newHostRule(r.Host),
		Strip: strings.TrimSuffix(r.StripPrefix, "/"), Target: h.Target, Credential: policy, WithholdOrigin: r.CORS.WithholdOrigin,
		CheckUpgrades: r.CORS.CheckUpgrades && len(r.CORS.AllowedOrigins) > 0,
		BodyLimit:     conf.Limits.RequestBody.Bytes,
		Heartbeat:     r.Heartbeat.Duration, ResponseHead: conf.Timeouts.ResponseHead.Duration,
		StreamIdle: conf.Timeouts.StreamIdle.Duration, Metrics: metrics.Route(name),
	}
	if r.RequestBody.Bytes > 0 {
		out.BodyLimit = r.RequestBody.Bytes
	}
	if r.Timeouts.ResponseHead.Duration > 0 {
		out.ResponseHead = r.Timeouts.ResponseHead.Duration
	}
	if r.Timeouts.StreamIdle.Duration > 0 {
		out.StreamIdle = r.Timeouts.StreamIdle.Duration
	}
	if out.CORS, err = compileCORS(r.CORS); err != nil {
		return nil, fmt.Errorf("cors: %w", err)
	}
	out.DropRequestTrailer, out.DropResponseTrailer = head.DropFromRequest(out.Credential), head.DropFromResponse(out.CORS)
	return out, nil
}

// compileCORS returns nil where no origin is named.
func compileCORS(c config.CORS) (*corsx.Policy, error) {
	if len(c.AllowedOrigins) == 0 {
		return nil, nil
	}
	return corsx.New(corsx.Options{
		AllowedOrigins: c.AllowedOrigins, AllowedMethods: c.AllowedMethods,
		AllowedHeaders: c.AllowedHeaders, ExposedHeaders: c.ExposedHeaders,
		AllowCredentials: c.AllowCredentials, MaxAge: c.MaxAge.Duration,
		AllowPrivateNetwork: c.AllowPrivateNetwork,
	})
}

// trusts reports whether what the peer says of others is believed.
func (s *Snapshot) Trusts(a netip.Addr) bool {
	for _, p := range s.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// allowing returns the first route whose CORS policy allows the origin, or nil.
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
