package config

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/identity/token"
)

// What holds in upstreams and routes that say nothing. They are not in
// Default because there a name would have to be in a map. What credential, cors
// and bridge leave open is filled in by rewrite, corsx and bridge (options.go).
const (
	defaultMaxIdle  = 1024
	defaultMaxDials = 32
	defaultName     = "default"
)

var (
	defaultMaxConnectionAge = Seconds(600)
	defaultClockSkew        = Duration{token.DefaultClockSkew}
)

// Complete returns the configuration with everything filled in that it leaves
// open, in one spelling: a list that is nil gets its default (one that is
// empty stays empty), what a route does not bound itself has the global
// bound, paths lose the slash at their end, and where there is one upstream
// only, routes lead to it. Load has done this already.
//
// In a Config made by hand 0 means unset also for max_idle, max_dials, both max_age,
// body_head, the whole of breaker and clock_skew, and every token policy has require_expiration.
func (c Config) Complete() Config {
	c.Upstreams, c.Routes = maps.Clone(c.Upstreams), maps.Clone(c.Routes)
	byHand := c.origins == nil
	for name, up := range c.Upstreams {
		if byHand && up.MaxIdle == 0 {
			up.MaxIdle = defaultMaxIdle
		}
		if byHand && up.MaxDials == 0 {
			up.MaxDials = defaultMaxDials
		}
		if byHand && up.MaxAge.Duration == 0 {
			up.MaxAge = defaultMaxConnectionAge
		}
		if byHand {
			fill(&up.Breaker, defaultBreaker)
			fill(&up.Probe.Every, defaultProbe.Every)
		}
		up.URL = strings.TrimSuffix(up.URL, "/")
		fill(&up.Share, "all")
		up.Auth = up.Auth.complete()
		c.Upstreams[name] = up
	}
	c.TokenPolicies = maps.Clone(c.TokenPolicies)
	for name, p := range c.TokenPolicies {
		if byHand {
			p.RequireExpiration = true
			fill(&p.ClockSkew, defaultClockSkew)
		}
		c.TokenPolicies[name] = p.complete()
	}
	only := c.onlyUpstream()
	if len(c.Routes) == 0 && only != "" {
		c.Routes = map[string]Route{defaultName: {CORS: CORS{MaxAge: defaultMaxAge()}, Failover: Failover{BodyHead: defaultBodyHead}}}
	}
	for name, r := range c.Routes {
		if byHand && r.CORS.MaxAge.Duration == 0 {
			r.CORS.MaxAge = defaultMaxAge()
		}
		if byHand {
			fill(&r.Failover.BodyHead, defaultBodyHead)
		}
		c.Routes[name] = r.complete(c, only)
	}
	return c
}

func (c Config) onlyUpstream() string {
	if len(c.Upstreams) != 1 {
		return ""
	}
	return slices.Collect(maps.Keys(c.Upstreams))[0]
}

func (r Route) complete(c Config, onlyUpstream string) Route {
	r = r.completeUpstreams(onlyUpstream)
	fill(&r.PathPrefix, "/")
	r.Host = plainHost(r.Host)
	r.PathPrefix, r.StripPrefix = trimSlash(r.PathPrefix), trimSlash(r.StripPrefix)
	fill(&r.Timeouts.ResponseHead, c.Timeouts.ResponseHead)
	fill(&r.Timeouts.StreamIdle, c.Timeouts.StreamIdle)
	fill(&r.RequestBody, c.Limits.RequestBody)
	r.Credential, r.CORS, r.Bridge = r.Credential.complete(), r.CORS.complete(), r.Bridge.complete()
	r.Limits = r.Limits.complete()
	fill(&r.Require.Match, "any")
	return r
}

// plainHost brings a host into the one spelling of all that mean the same.
func plainHost(host string) string {
	if a, err := netip.ParseAddr(unbracket(host)); err == nil {
		return a.String()
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// unbracket takes off the brackets that an IPv6 address has in a URL.
func unbracket(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]")
	}
	return host
}

// fill sets what is unset.
func fill[T comparable](v *T, to T) {
	var unset T
	if *v == unset {
		*v = to
	}
}

// trimSlash takes a slash off the end, save that of the root.
func trimSlash(path string) string {
	if path == "/" {
		return path
	}
	return strings.TrimSuffix(path, "/")
}
