package export

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// view is one route with what it leads to, as the writers see it.
type view struct {
	conf   config.Config
	name   string
	target Target
	route  config.Route
	up     config.Upstream
	url    *url.URL
	fills  []Fill
}

func newView(conf config.Config, name string, to Target) *view {
	v := &view{conf: conf, name: name, target: to, route: conf.Routes[name]}
	v.route.Upstream = v.upstreams()[0]
	v.up = conf.Upstreams[v.route.Upstream]
	u, err := url.Parse(v.up.URL)
	if err != nil {
		u = &url.URL{} // a configuration that was checked has none
	}
	u.User = nil // never shown, whatever a file says
	v.url = u
	return v
}

// upstreams are the names of those that the route leads to. The first is that of the
// document.
func (v *view) upstreams() []string { return v.route.UpstreamNames() }

// oneUpstream reports whether the route leads to that alone.
func (v *view) oneUpstream() bool { return len(v.upstreams()) == 1 }

func itoa(n int) string { return strconv.Itoa(n) }

// variable is the name of the route in variables and identifiers.
func (v *view) variable() string { return strings.ReplaceAll(v.name, "-", "_") }

func (v *view) cors() bool { return len(v.route.CORS.AllowedOrigins) > 0 }

// asks reports whether the route asks for a token or a key.
func (v *view) asks() bool { return len(v.route.Require.Token) > 0 || v.route.Require.Client }

// admits reports whether a client of the edge may use the route.
func (v *view) admits(client string) bool {
	routes := v.conf.Clients[client].Routes
	return len(routes) == 0 || slices.Contains(routes, v.name)
}

func (v *view) secure() bool { return v.url.Scheme == "https" }

// host is the upstream's host without its port.
func (v *view) host() string { return v.url.Hostname() }

// port is the upstream's port.
func (v *view) port() string {
	switch {
	case v.url.Port() != "":
		return v.url.Port()
	case v.secure():
		return "443"
	}
	return "80"
}

// authority is the upstream as an address to connect to.
func (v *view) authority() string {
	if a, err := netip.ParseAddr(v.host()); err == nil && a.Is6() {
		return "[" + v.host() + "]:" + v.port()
	}
	return v.host() + ":" + v.port()
}

// isAddress reports whether the upstream is named by an address, so that no name has to
// be looked up.
func (v *view) isAddress() bool {
	_, err := netip.ParseAddr(v.host())
	return err == nil
}

// serverName is the name of the upstream's certificate.
func (v *view) serverName() string {
	if v.up.TLS.ServerName != "" {
		return v.up.TLS.ServerName
	}
	return v.host()
}

// shared reports whether the upstream takes its key in Authorization itself.
func (v *view) shared() bool { return strings.EqualFold(v.route.Credential.Header, "Authorization") }

// replaced reports whether the edge's own credential takes the place of the caller's.
func (v *view) replaced() bool { return v.up.Auth.Set() && !v.up.Auth.KeepCaller }

// moved reports whether the path changes on its way to the upstream.
func (v *view) moved() bool { return v.strip() != "" || v.added() != "" }

// strip is the prefix that is taken off, "" where none is.
func (v *view) strip() string { return strings.TrimSuffix(v.route.StripPrefix, "/") }

// added is the prefix of the upstream's URL.
func (v *view) added() string { return strings.TrimSuffix(v.url.EscapedPath(), "/") }

// closed says why the target's document lets nobody in: a check that the route asks for
// is not in it, and a file that leaves out a lock must not leave the door open.
func (v *view) closed() string {
	if v.target == APIM {
		return v.closedAPIM()
	}
	switch name := v.unreadableHeader(); {
	case name != "":
		return "the route asks for the field " + name + " (require.headers), and nginx reads no field of such a name"
	case v.asks():
		return "the route asks for tokens or keys (require), and the document checks none"
	case v.up.Auth.ManagedIdentity.Resource != "":
		return "the upstream is shown a token of a managed identity, and " + titles[v.target] + " can fetch none"
	}
	return ""
}

func (v *view) closedAPIM() string {
	if len(v.route.Require.Token) > 1 {
		return "the route takes tokens of several policies (require.token), and checks in API Management must all pass"
	}
	for _, name := range v.route.Require.Token {
		if p := v.conf.TokenPolicies[name]; p.TenantID == "" && len(p.OpenIDConfigs) == 0 {
			return "the keys of token policy " + name + " are not in the document, and no token can be checked without"
		}
	}
	return ""
}

// keyFields are the target and the aliases: the fields of the key slot, in their order.
func (v *view) keyFields() []string {
	c := v.route.Credential
	var fields []string
	if !v.shared() {
		fields = append(fields, c.Header)
	}
	for _, name := range c.Aliases {
		known := slices.ContainsFunc(fields, func(f string) bool { return strings.EqualFold(f, name) })
		if !known && !strings.EqualFold(name, c.Header) {
			fields = append(fields, name)
		}
	}
	return fields
}

// place is one place of the key slot.
type place struct {
	name        string // of the field or parameter
	query       bool
	subprotocol bool
}

// places are the fields and the parameters of the key slot, in their order. The subprotocol,
// which is the last, each writer adds in its own way.
func (v *view) places() (all []place) {
	for _, name := range v.keyFields() {
		all = append(all, place{name: name})
	}
	for _, name := range v.route.Credential.QueryAliases {
		all = append(all, place{name: name, query: true})
	}
	return all
}

// firstLate is the number of the first place that is no field; they count from 1.
func (v *view) firstLate() int { return len(v.keyFields()) + 1 }

// around returns what stands before and behind the key in the target field.
func (v *view) around() (prefix, suffix string) {
	prefix, suffix, _ = strings.Cut(v.route.Credential.Value, "{key}")
	return prefix, suffix
}

func (v *view) keepsMisplaced() bool { return v.route.Credential.MisplacedToken == "keep" }

// environment is the name of the variable or file that a secret is filled in by.
func (v *view) environment(key, ref string) string {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		return name
	}
	return "APIM_EDGE_" + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(v.route.Upstream+"."+key))
}

// ownScheme stands in front of the credential that the edge itself shows.
func (v *view) ownScheme() string {
	if strings.EqualFold(v.up.Auth.Header, "Authorization") {
		return "Bearer "
	}
	return ""
}

// fillCredential asks for that credential.
func (v *view) fillCredential(place, text string) {
	v.fills = append(v.fills, Fill{Key: "upstreams." + v.route.Upstream + ".auth.value", Place: place, Text: text})
}

// listens returns where clients are listened for; host is empty for every address.
func (v *view) listens() (host, port string) {
	host, port, err := net.SplitHostPort(v.conf.Listen.Address)
	if err != nil {
		return "", "8080"
	}
	return host, port
}

func seconds(d config.Duration) string {
	return strconv.FormatInt(int64((d.Duration+time.Second-1)/time.Second), 10) + "s"
}

// milliseconds writes a time for programs whose bare numbers mean something else.
func milliseconds(d config.Duration) string {
	if d.Duration%time.Second == 0 {
		return seconds(d)
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}

func longest(times ...config.Duration) config.Duration {
	return slices.MaxFunc(times, func(a, b config.Duration) int { return int(a.Duration - b.Duration) })
}
