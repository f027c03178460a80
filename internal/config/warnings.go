package config

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Warnings returns what is allowed in a valid configuration but is probably
// not meant, or what its operator should know.
func (c *Config) Warnings() Problems {
	v := &checker{config: c}
	v.openAdmin()
	for i, network := range c.TrustedProxies {
		if p, err := netip.ParsePrefix(network); err == nil && p.Bits() == 0 {
			v.fault(option.Element("trusted_proxies", i), option.Show(network), "this believes what every client says about itself", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		v.upstreamWarnings(option.Child("upstreams", name), name, c.Upstreams[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Routes)) {
		for i, up := range c.Routes[name].UpstreamNames() {
			r := c.Routes[name]
			if len(r.Upstreams) > 0 && r.Upstreams[i].Straight(r.Bridge) {
				r.Bridge = Bridge{}
			}
			v.doubledPath(option.Child(option.Child("routes", name), "path_prefix"), r, c.Upstreams[up].URL)
		}
		v.corsWarnings(option.Child(option.Child("routes", name), "cors"), c.Routes[name].CORS)
		if b := c.Routes[name].Bridge; b.To == "" && (len(b.Models) > 0 || b.Default != "" || b.Prefix != "") {
			v.fault(option.Child(option.Child("routes", name), "bridge"), "", "nothing here has an effect while to is empty", "")
		}
		if r := c.Routes[name]; !r.Usage && len(r.UsageModels) > 0 {
			v.fault(option.Child(option.Child("routes", name), "usage_models"), "", "nothing here has an effect while usage is false", "")
		}
		for _, f := range c.Routes[name].Bridge.Options().Doubts() {
			v.option(option.Child(option.Child("routes", name), "bridge"), f)
		}
	}
	v.identityWarnings()
	v.censusWarnings()
	v.tracesWarnings()
	v.sharedWarnings()
	v.problems = append(v.problems, c.strays...)
	v.problems.sort()
	return v.problems
}

func (v *checker) openAdmin() {
	admin := v.config.Admin
	if admin.Address != "" && !OnLoopback(admin.Address) && admin.Token == "" {
		v.fault("admin.address", option.Show(admin.Address),
			"without admin.token everybody who reaches this address can read metrics and configuration", "")
	}
}

func (v *checker) upstreamWarnings(key, name string, up Upstream) {
	used := false
	for _, r := range v.config.Routes {
		used = used || slices.Contains(r.UpstreamNames(), name)
	}
	if !used {
		v.fault(key, "", "no route leads to this upstream", "")
	}
	if proxy, fault := ParseProxy(up.Proxy); fault == "" && proxy.User != nil {
		v.fault(option.Child(key, "proxy"), "", "the password of the proxy stands in the configuration; write env:NAME or file:/path of the whole URL", "")
	}
	if u, err := url.Parse(up.URL); err == nil {
		v.urlWarnings(option.Child(key, "url"), up.URL, u)
	}
}

var portsOfTheOther = map[string]string{"https": "80", "http": "443"}

func (v *checker) urlWarnings(key, written string, u *url.URL) {
	if port := u.Port(); port != "" && port == portsOfTheOther[u.Scheme] {
		v.fault(key, option.Show(written), "port "+port+" is hardly that of "+u.Scheme+"://", strings.Replace(written, ":"+port, "", 1))
	}
	if meant := withoutOperation(u); meant != "" {
		v.fault(key, option.Show(written), "this is the URL of one operation, and each request's path is put behind it: "+
			"/models goes to "+written+"/models", meant)
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		v.fault(key, option.Show(written), "over http:// keys and answers can be read on the way", "")
	}
}

// doubledPath tells of a prefix that is put in front of itself.
func (v *checker) doubledPath(key string, r Route, base string) {
	u, err := url.Parse(base)
	if err != nil {
		return
	}
	stripped := strings.TrimPrefix(r.PathPrefix, strings.TrimSuffix(r.StripPrefix, "/"))
	if r.Bridge.To != "" {
		stripped = r.Bridge.Prefix
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(stripped, "/"), "/")
	if first == "" || !slices.Contains(strings.Split(u.Path, "/"), first) {
		return
	}
	if r.Bridge.To != "" {
		v.fault(option.Child(parent(key), "bridge"), "", "the upstream's url has /"+first+" as well: operations go to "+base+stripped+"/...; "+
			"take it off the url, or write another prefix", "")
		return
	}
	v.fault(key, option.Show(r.PathPrefix), "the upstream's url has /"+first+" as well: "+r.PathPrefix+"/models goes to "+base+stripped+"/models; "+
		"take it off the url, or write strip_prefix: "+strings.TrimSuffix(r.StripPrefix, "/")+"/"+first, "")
}

func (v *checker) corsWarnings(key string, c CORS) {
	set := c.AllowCredentials || c.CheckUpgrades || c.AllowPrivateNetwork || len(c.AllowedHeaders) > 0 || len(c.ExposedHeaders) > 0
	if set && len(c.AllowedOrigins) == 0 {
		v.fault(key, "", "nothing here has an effect while allowed_origins names no origin", "")
	}
	if c.CheckUpgrades && slices.Contains(c.AllowedOrigins, "*") {
		v.fault(option.Child(key, "check_upgrades"), "", "this refuses nobody while allowed_origins has \"*\"", "")
	}
}
