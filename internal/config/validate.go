package config

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Validate returns every mistake in a completed configuration. It looks at
// nothing else: no file, no network, no clock.
func (c *Config) Validate() Problems {
	v := &checker{config: c}
	v.bounds("", field{typ: configType}, reflect.ValueOf(c.withoutInherited()))
	v.listeners()
	v.upstreams()
	v.routes()
	v.identity()
	v.census()
	v.traces()
	v.shared()
	for i, network := range c.TrustedProxies {
		v.network(option.Element("trusted_proxies", i), network)
	}
	v.problems.sort()
	return v.problems
}

// withoutInherited returns the configuration without the timeouts that routes
// have from the global ones: a mistake there is told once.
func (c Config) withoutInherited() Config {
	c.Routes = maps.Clone(c.Routes)
	for name, r := range c.Routes {
		if r.Timeouts.ResponseHead == c.Timeouts.ResponseHead {
			r.Timeouts.ResponseHead = Duration{}
		}
		if r.Timeouts.StreamIdle == c.Timeouts.StreamIdle {
			r.Timeouts.StreamIdle = Duration{}
		}
		c.Routes[name] = r
	}
	return c
}

// checker collects problems and gives each the place of its key.
type checker struct {
	config   *Config
	problems Problems
}

// at returns the place of a key, or of the section where it is missing.
func (v *checker) at(key string) origin {
	for ; key != ""; key = parent(key) {
		if at, ok := v.config.origins[key]; ok {
			return at
		}
	}
	return v.config.origins[""]
}

// wrong reports a value of which a set of others is allowed.
func (v *checker) wrong(key, found, allowed, meant string) {
	p := v.at(key).problem(key, found, allowed, meant)
	if !slices.Contains(v.problems, p) { // a tag and the package that an option belongs to may say the same
		v.problems = append(v.problems, p)
	}
}

// fault reports a value with a sentence; no fault is no problem. An empty
// found leaves out a value that may be a secret.
func (v *checker) fault(key, found, fault, meant string) {
	if fault != "" {
		v.problems = append(v.problems, v.at(key).fault(key, found, fault, meant))
	}
}

// bounds checks what the types and struct tags say, over the whole tree.
func (v *checker) bounds(key string, f field, value reflect.Value) {
	switch shapeOf(f.typ) {
	case section:
		for _, sub := range fieldsOf(f.typ) {
			v.bounds(option.Child(key, sub.key), sub, value.Field(sub.index))
		}
	case named:
		for _, name := range sortedNames(value) {
			sub := option.Child(key, name)
			switch free := f.tag.Get("names") == "any"; {
			case free && !freeName(name):
				v.wrong(sub, option.Show(name), freeNameWanted, "")
			case !free && (!names.MatchString(name) || len(name) > 63):
				v.wrong(sub, option.Show(name), nameWanted, respellName(name))
			}
			v.bounds(sub, f.below(), value.MapIndex(reflect.ValueOf(name)))
		}
	case listed:
		for i := range value.Len() {
			v.bounds(option.Element(key, i), f.below(), value.Index(i))
		}
	case text:
		choices := strings.Fields(f.tag.Get("oneof"))
		unset := value.String() == "" && f.tag.Get("zero") == "ok"
		if len(choices) > 0 && !unset && !slices.Contains(choices, value.String()) {
			v.wrong(key, option.Show(value.String()), oneOf(choices), nearest(value.String(), choices))
		}
	case number:
		v.within(key, f, value.Int(), fmt.Sprint(value.Int()))
	case duration:
		d := value.Interface().(Duration)
		if d.Duration > longest {
			v.wrong(key, d.String(), "at most "+Duration{longest}.String(), "")
		}
		v.within(key, f, int64(d.Duration), d.String())
	case size:
		s := value.Interface().(Size)
		v.within(key, f, s.Bytes, s.String())
	}
}

func sortedNames(m reflect.Value) []string {
	var sorted []string
	for _, key := range m.MapKeys() {
		sorted = append(sorted, key.String())
	}
	slices.Sort(sorted)
	return sorted
}

func respellName(name string) string {
	meant := strings.NewReplacer(".", "-", " ", "-", "/", "-").Replace(strings.ToLower(name))
	if names.MatchString(meant) {
		return meant
	}
	return ""
}

// within checks the tags min, max and zero.
func (v *checker) within(key string, f field, value int64, written string) {
	low, high := f.bound("min"), f.bound("max")
	zero := f.tag.Get("zero") == "ok" && value == 0
	if zero || value >= low && (high == 0 || value <= high) {
		return
	}
	v.wrong(key, written, f.allowedRange(), "")
}

// bound reads a tag in the notation of the field's own type.
func (f field) bound(tag string) int64 {
	written := f.tag.Get(tag)
	if written == "" {
		return 0
	}
	var d Duration
	var s Size
	n, err := strconv.ParseInt(written, 10, 64)
	switch {
	case shapeOf(f.typ) == number && err == nil:
		return n
	case f.typ == durationType && d.UnmarshalText([]byte(written)) == nil:
		return int64(d.Duration)
	case f.typ == sizeType && s.UnmarshalText([]byte(written)) == nil:
		return s.Bytes
	}
	panic(fmt.Sprintf("BUG: tag %s of %s", tag, f.key))
}

func (f field) allowedRange() string {
	low, high := cmp.Or(f.tag.Get("min"), "0"), f.tag.Get("max")
	switch {
	case high != "":
		return low + " to " + high
	case f.tag.Get("zero") == "ok":
		return "0, or " + low + " and more"
	default:
		return low + " or more"
	}
}

func (v *checker) listeners() {
	listen, admin := v.config.Listen, v.config.Admin
	v.address("listen.address", listen.Address)
	v.pair("listen.tls", listen.TLS.CertFile, listen.TLS.KeyFile)
	v.ticketKeys("listen.tls.ticket_keys", listen.TLS)
	v.healthPath("listen.health_path", listen.HealthPath)
	if admin.Token != "" {
		v.fault("admin.token", "", referenceFault(admin.Token), "")
	}
	for i, host := range admin.AllowedHosts {
		v.host(option.Element("admin.allowed_hosts", i), host)
	}
	if admin.Address == "" {
		return
	}
	v.address("admin.address", admin.Address)
	host, port, _ := net.SplitHostPort(listen.Address)
	adminHost, adminPort, _ := net.SplitHostPort(admin.Address)
	if port == adminPort && port != "0" && port != "" && (host == adminHost || anyHost(host) || anyHost(adminHost)) {
		v.fault("admin.address", option.Show(admin.Address), "the clients' listener has this port", "")
	}
}

// healthPath checks the path that the edge answers by itself. Where a route has it as
// its own, one of the two would never be asked.
func (v *checker) healthPath(key, path string) {
	if path == "" {
		return
	}
	fault := pathFault(path)
	for _, name := range slices.Sorted(maps.Keys(v.config.Routes)) {
		if v.config.Routes[name].PathPrefix == path {
			fault = "routes." + name + ".path_prefix is the same path, which apim-edge would answer by itself"
		}
	}
	v.fault(key, option.Show(path), fault, meantPath(path))
}

func anyHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "" || err == nil && addr.IsUnspecified()
}

func (v *checker) address(key, address string) {
	host, port, err := net.SplitHostPort(address)
	meant := ""
	if isPort(address) {
		meant = ":" + address
	}
	if err != nil || !isPort(port) || host != "" && !isHost(host) {
		v.wrong(key, option.Show(address), "an address with a port number, such as :8080 or 127.0.0.1:9090", meant)
	}
}

func (v *checker) host(key, host string) {
	meant := ""
	if name, port := splitPort(host); isPort(port) && isHost(unbracket(name)) {
		meant = unbracket(name)
	}
	if !isHost(host) || strings.Contains(host, "%") { // no client can ask for a zone
		v.wrong(key, option.Show(host), "a host name or an address, without scheme and port", meant)
	}
}

// pair reports a certificate without a key, or the reverse.
func (v *checker) pair(key, certFile, keyFile string) {
	if (certFile == "") == (keyFile == "") {
		return
	}
	missing, given := "cert_file", "key_file"
	if keyFile == "" {
		missing, given = given, missing
	}
	v.fault(option.Child(key, given), "", given+" needs "+missing+" beside it", "")
}

func (v *checker) upstreams() {
	if len(v.config.Upstreams) == 0 {
		v.fault("upstreams", "", "no upstream is named; add one with its url, or start with --upstream URL", "")
	}
	for _, name := range slices.Sorted(maps.Keys(v.config.Upstreams)) {
		key, up := option.Child("upstreams", name), v.config.Upstreams[name]
		if up.URL == "" {
			v.fault(option.Child(key, "url"), "", "the url is missing, such as https://contoso.azure-api.net", "")
			continue
		}
		fault, meant := urlFault(up.URL)
		v.fault(option.Child(key, "url"), option.Show(maskURL(up.URL)), fault, meant)
		v.upstreamTLS(option.Child(key, "tls"), up)
		v.proxy(option.Child(key, "proxy"), up.Proxy)
		v.auth(option.Child(key, "auth"), up.Auth)
		v.probe(option.Child(key, "probe"), up.Probe)
	}
}

func (v *checker) upstreamTLS(key string, up Upstream) {
	v.pair(key, up.TLS.CertFile, up.TLS.KeyFile)
	if name := up.TLS.ServerName; name != "" {
		v.host(option.Child(key, "server_name"), name)
	}
	if up.TLS != (UpstreamTLS{}) && strings.HasPrefix(up.URL, "http://") {
		v.fault(key, "", "there is no TLS to an upstream whose url begins with http://", "")
	}
}
