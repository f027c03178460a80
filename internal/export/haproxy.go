package export

import (
	"net"
	"regexp"
	"strings"
)

// haproxy is the writer of one configuration file for HAProxy: a frontend whose rules do
// what the edge does, in the order in which they stand, and a backend.
type haproxy struct {
	text
	*view
	slots []place
}

// title names the place for people.
func (p place) title() string {
	switch {
	case p.query:
		return "the query parameter " + p.name
	case p.subprotocol:
		return "the subprotocol openai-insecure-api-key, which loses to all others"
	}
	return "the field " + p.name
}

func writeHAProxy(v *view) string {
	h := &haproxy{text: text{mark: "#", unit: "    "}, view: v}
	h.slots = append(v.places(), place{name: "Sec-WebSocket-Protocol", subprotocol: true})
	h.preface()
	h.frontend()
	h.backend()
	h.callers()
	return h.String()
}

// sq quotes a word for HAProxy's parser, so that nothing in it is replaced.
func sq(s string) string {
	return `'` + strings.ReplaceAll(s, `'`, `'\''`) + `'`
}

// do writes one rule on requests.
func (h *haproxy) do(format string, args ...any) { h.line("http-request "+format, args...) }

func (h *haproxy) preface() {
	h.note("Route %s, written by apim-edge export for HAProxy 2.6 or newer, built with PCRE2.", h.name)
	h.note("Look at it with haproxy -c -f FILE. What HAProxy cannot do of the route is not in this file: apim-edge export says it on standard error, and with --json.")
	h.open("global")
	h.note("A head has to fit into one buffer. Each stream has up to two of them.")
	h.line("tune.bufsize %d", h.conf.Limits.Head.Bytes+16<<10)
	h.close("")
	h.gap()
	t := h.conf.Timeouts
	h.open("defaults %s", h.identifier("defaults"))
	h.line("mode http")
	h.line("log stdout format raw local0 info")
	h.note("Queries hold keys: this log has none.")
	h.line(`log-format "%%ci:%%cp [%%tr] %%ft %%b/%%s %%TR/%%Tw/%%Tc/%%Tr/%%Ta %%ST %%B %%tsc %%HM %%HPO"`)
	h.line("option abortonclose")
	h.line("option http-no-delay")
	reuse := "always"
	if h.up.Share == "client" {
		reuse = "never"
	}
	h.line("http-reuse %s", reuse)
	h.line("timeout http-request %s", milliseconds(t.ClientHead))
	h.line("timeout http-keep-alive %s", milliseconds(t.ClientKeepAlive))
	h.note("Any one of these bounds silence of its side, whatever it is waited for.")
	silence := longest(h.route.Timeouts.ResponseHead, h.route.Timeouts.StreamIdle)
	h.line("timeout client %s", milliseconds(longest(t.RequestBodyIdle, t.ClientWriteStall, silence)))
	h.line("timeout server %s", milliseconds(silence))
	h.line("timeout tunnel %s", milliseconds(h.route.Timeouts.StreamIdle))
	h.line("timeout connect %s", milliseconds(longest(t.Connect, t.TLSHandshake)))
	h.line("timeout queue %s", milliseconds(t.Connect))
	h.close("")
	h.gap()
}

func (h *haproxy) identifier(what string) string { return h.name + "-" + what }

func (h *haproxy) frontend() {
	h.open("frontend %s from %s", h.identifier("clients"), h.identifier("defaults"))
	h.bind()
	if h.conf.Limits.Connections > 0 {
		h.line("maxconn %d", h.conf.Limits.Connections)
	}
	if path := h.conf.Listen.HealthPath; path != "" {
		h.line("monitor-uri %s", path)
	}
	h.belongs()
	h.corsRequest()
	h.admit()
	h.credentialRules()
	h.queryRules()
	h.forwardRules()
	h.corsResponse()
	h.line("default_backend %s", h.identifier("upstream"))
	h.close("")
}

func (h *haproxy) bind() {
	host, port := h.listens()
	address := net.JoinHostPort(host, port)
	if host == "" {
		address = ":::" + port + " v4v6"
	}
	if tls := h.conf.Listen.TLS; tls.CertFile != "" {
		h.note("FILL IN: one file with what is in %s and %s, in this order.", tls.CertFile, tls.KeyFile)
		address += " ssl crt " + sq(pairOf(tls.CertFile)) + " ssl-min-ver TLSv1.2"
		h.fillPair("listen.tls", tls.CertFile, tls.KeyFile)
	}
	h.line("bind %s", address)
}

// pairOf is the name of a file with a certificate and its key, which HAProxy wants in one.
func pairOf(certFile string) string {
	return strings.TrimSuffix(strings.TrimSuffix(certFile, ".pem"), ".crt") + ".pair.pem"
}

// fillPair asks for such a file.
func (h *haproxy) fillPair(key, certFile, keyFile string) {
	h.fills = append(h.fills, Fill{Key: key, Place: pairOf(certFile), Text: "one file: " + certFile + ", then " + keyFile})
}

// answer is a rule that answers in the place of the upstream.
func (h *haproxy) answer(status int, message, condition string) {
	h.do("return status %d content-type application/json string %s %s", status, sq(refusalBody(status, message)), condition)
}

// belongs refuses what is not on the route, and paths that can be read in two ways.
func (h *haproxy) belongs() {
	if h.route.Host != "" {
		h.answer(404, "no route of this server takes this host", "unless { req.hdr(host),host_only -i "+sq(h.route.Host)+" }")
	}
	if prefix := h.route.PathPrefix; prefix != "/" {
		h.answer(404, otherPath, "unless { path "+sq(prefix)+" } or { path_beg "+sq(prefix+"/")+" }")
	}
	h.answer(400, pathTwoWays, "if { path -m reg "+sq(oddPath)+" }")
}

func (h *haproxy) admit() {
	h.addressRules()
	h.headerRules()
	if why := h.closed(); why != "" {
		h.note("CLOSED: %s. Take this line out when something else does it.", why)
		h.answer(403, closedRoute, "if TRUE")
	}
	if n := h.conf.Limits.Exchanges; n > 0 {
		h.answer(503, "There are too many requests at this time.", "if { be_conn("+h.identifier("upstream")+") ge "+itoa(n)+" }")
	}
	if n := h.route.RequestBody.Bytes; n > 0 {
		h.note("A body without a length passes.")
		h.answer(413, "The body is too large.", "if { req.hdr_val(content-length) gt "+itoa(int(n))+" }")
	}
}

func (h *haproxy) backend() {
	h.gap()
	if hasName(h.view) {
		h.note("Names are looked up as the system does it, again and again.")
		h.open("resolvers %s", h.identifier("names"))
		h.line("parse-resolv-conf")
		h.close("")
		h.gap()
	}
	h.open("backend %s from %s", h.identifier("upstream"), h.identifier("defaults"))
	h.pathRules()
	h.balance()
	for _, s := range h.servers() {
		h.line("server %s %s%s%s", h.nameOf(s), s.authority(), h.serverOptions(s), h.severalOptions(s))
	}
	h.close("")
}

func (h *haproxy) serverOptions(s server) string {
	b := &strings.Builder{}
	add := func(words ...string) { b.WriteString(" " + strings.Join(words, " ")) }
	if !s.isAddress() {
		add("resolvers", h.identifier("names"), "init-addr libc,none")
	}
	if s.up.MaxConnections > 0 {
		add("maxconn", itoa(s.up.MaxConnections))
	}
	add("pool-max-conn", itoa(h.up.MaxIdle), "pool-purge-delay", milliseconds(h.conf.Timeouts.UpstreamKeepAlive))
	if !h.secure() {
		return b.String()
	}
	tls := h.up.TLS
	authorities := "@system-ca"
	if tls.CAFile != "" {
		authorities = sq(tls.CAFile)
	}
	add("ssl verify required ca-file", authorities, "sni", sq("str("+s.serverName()+")"), "verifyhost", sq(s.serverName()), "ssl-min-ver TLSv1.2")
	if tls.CertFile != "" {
		add("crt", sq(pairOf(tls.CertFile)))
		h.fillPair("upstreams."+h.route.Upstream+".tls", tls.CertFile, tls.KeyFile)
	}
	return b.String()
}

// pathRules change the path on its way to the upstream.
func (h *haproxy) pathRules() {
	strip, added := h.strip(), h.added()
	switch {
	case !h.moved():
	case added != "":
		h.do("replace-path %s %s", sq("^"+regexp.QuoteMeta(strip)+"(.*)$"), sq(added+`\1`))
	default: // a path is never empty
		h.do("replace-path %s %s", sq("^"+regexp.QuoteMeta(strip)+"/?(.*)$"), sq(`/\1`))
	}
}
