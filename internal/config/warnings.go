package config

import (
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Warnings returns what is allowed in a valid configuration but is probably
// not meant, or what its operator should know.
func (c *Config) Warnings() Problems {
	v := &checker{config: c}
	v.openAdmin()
	for i, network := range c.TrustedProxies {
		if p, err := netip.ParsePrefix(network); err == nil && p.Bits() == 0 {
			v.fault(element("trusted_proxies", i), show(network), "this believes what every client says about itself", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		v.upstreamWarnings(child("upstreams", name), name, c.Upstreams[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Routes)) {
		v.corsWarnings(child(child("routes", name), "cors"), c.Routes[name].CORS)
	}
	v.problems.sort()
	return v.problems
}

func (v *checker) openAdmin() {
	admin := v.config.Admin
	host, _, _ := net.SplitHostPort(admin.Address)
	if admin.Address != "" && !isLoopback(host) && admin.Token == "" {
		v.fault("admin.address", show(admin.Address),
			"without admin.token everybody who reaches this address can read metrics and configuration", "")
	}
}

func (v *checker) upstreamWarnings(key, name string, up Upstream) {
	used := false
	for _, r := range v.config.Routes {
		used = used || r.Upstream == name
	}
	if !used {
		v.fault(key, "", "no route leads to this upstream", "")
	}
	u, err := url.Parse(up.URL)
	if err == nil && strings.EqualFold(u.Scheme, "http") && !isLoopback(u.Hostname()) {
		v.fault(child(key, "url"), show(maskURL(up.URL)), "over http:// keys and answers can be read on the way", "")
	}
}

func (v *checker) corsWarnings(key string, c CORS) {
	set := c.AllowCredentials || c.CheckUpgrades || c.AllowPrivateNetwork || len(c.AllowedHeaders) > 0 || len(c.ExposedHeaders) > 0
	if set && len(c.AllowedOrigins) == 0 {
		v.fault(key, "", "nothing here has an effect while allowed_origins names no origin", "")
	}
	if c.CheckUpgrades && slices.Contains(c.AllowedOrigins, "*") {
		v.fault(child(key, "check_upgrades"), "", "this refuses nobody while allowed_origins has \"*\"", "")
	}
}
