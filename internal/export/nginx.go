package export

import (
	"net"
	"regexp"
	"strings"
)

// nginx is the writer of one file for the http context of nginx: maps that decide, an
// upstream, a server that acts. There is no module in it that a plain build has not, and
// no if but those that return, which are the safe ones.
type nginx struct {
	text
	*view
	slots []place
}

func writeNginx(v *view) string {
	n := &nginx{text: text{mark: "#", unit: "    "}, view: v, slots: v.places()}
	n.preface()
	n.credentialMaps()
	n.corsMaps()
	n.addressGeo()
	n.headerMaps()
	n.forwardMaps()
	n.callerMaps()
	n.limitMaps()
	n.upstream()
	n.server()
	return n.String()
}

// q quotes a text for nginx's parser.
func q(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// v names a variable of the file.
func (n *nginx) v(name string) string { return "$" + n.variable() + "_" + name }

// capture begins a group whose text a value may use. All maps share these names: a value is
// put together as soon as its expression has matched, and variables of nginx are few.
func (n *nginx) capture(name string) string { return "(?<" + n.v(name)[1:] + ">" }

// table writes a map. The rows are pairs of a condition, quoted already, and a value.
func (n *nginx) table(source, variable string, rows ...string) {
	n.open("map %s %s {", source, n.v(variable))
	for i := 0; i+1 < len(rows); i += 2 {
		n.line("%s %s;", rows[i], rows[i+1])
	}
	n.close("}")
}

// re is a condition: a regular expression.
func re(s string) string { return q("~" + s) }

func (n *nginx) preface() {
	n.note("Route %s, written by apim-edge export for nginx 1.19.10 or newer.", n.name)
	n.note("Put the file where nginx includes it in the http context, such as /etc/nginx/conf.d/%s.conf, and look with nginx -t. What nginx cannot do of the route is not in this file: apim-edge export says it on standard error, and with --json.", n.name)
	n.note("The http context should say variables_hash_bucket_size 128; and variables_hash_max_size 2048; once: the file has many variables, and nginx may warn of them without.")
	n.gap()
}

func (n *nginx) server() {
	n.gap()
	n.note("Queries hold keys: this log has none. nginx's own error log shows request lines.")
	n.line(`log_format %s '$time_iso8601 id=%s method=$request_method path=%s status=$status upstream=$upstream_status bytes=$body_bytes_sent first=$upstream_header_time time=$request_time';`,
		n.variable(), n.v("request_id"), n.v("sent_path"))
	n.open("server {")
	n.listen()
	n.line("access_log /var/log/nginx/access.log %s;", n.variable())
	t := n.conf.Timeouts
	n.line("client_header_timeout %s;", seconds(t.ClientHead))
	n.line("client_body_timeout %s;", seconds(t.RequestBodyIdle))
	n.line("send_timeout %s;", seconds(t.ClientWriteStall))
	n.line("keepalive_timeout %s;", seconds(t.ClientKeepAlive))
	if t.ClientMaxAge.Duration > 0 {
		n.line("keepalive_time %s;", seconds(t.ClientMaxAge))
	}
	n.line("large_client_header_buffers 4 %dk; # each field, and four times that in all", (n.conf.Limits.Head.Bytes+1023)>>10)
	n.line("client_max_body_size %d;", n.route.RequestBody.Bytes)
	n.line("default_type application/json;")
	if path := n.conf.Listen.HealthPath; path != "" {
		n.line("location = %s { access_log off; return 200; }", q(path))
	}
	n.location()
	if n.route.PathPrefix != "/" {
		n.open("location / {")
		n.line("return 404 %s;", refusal(404, otherPath))
		n.close("}")
	}
	n.close("}")
}

// refusal is the body of one, quoted.
func refusal(status int, message string) string {
	return `'` + strings.ReplaceAll(refusalBody(status, message), `'`, `\'`) + `'`
}

func (n *nginx) listen() {
	host, port := n.listens()
	secure := ""
	if n.conf.Listen.TLS.CertFile != "" {
		secure = " ssl"
	}
	if host != "" {
		n.line("listen %s%s;", net.JoinHostPort(host, port), secure)
	} else {
		n.line("listen %s%s;", port, secure)
		n.line("listen [::]:%s%s;", port, secure)
	}
	if n.route.Host != "" {
		n.line("server_name %s;", n.route.Host)
	}
	if secure != "" {
		n.line("ssl_certificate %s;", q(n.conf.Listen.TLS.CertFile))
		n.line("ssl_certificate_key %s;", q(n.conf.Listen.TLS.KeyFile))
		n.line("ssl_protocols TLSv1.2 TLSv1.3;")
	}
}

func (n *nginx) location() {
	if n.route.PathPrefix == "/" {
		n.open("location / {")
	} else {
		n.open("location ~ %s {", q("^"+regexp.QuoteMeta(n.route.PathPrefix)+"(?:/|$)"))
	}
	if n.route.Host != "" {
		n.line("if ($host != %s) { return 404; }", q(n.route.Host))
	}
	n.corsFields()
	n.refusals()
	n.requestFields()
	n.transfer()
	n.close("}")
	n.preflightLocation()
	n.limitedLocation()
}

func (n *nginx) refusals() {
	n.addressRefusals()
	n.headerRefusals()
	if why := n.closed(); why != "" {
		n.note("CLOSED: %s. Take this line out when something else does it.", why)
		n.line("return 403 %s;", refusal(403, closedRoute))
	}
	const malformed = "A credential holds characters that none can hold, or is too long, or a path can be read in two ways."
	n.line("if (%s = ambiguous) { return 400 %s; }", n.v("fault"), refusal(400, severalKeys))
	n.line("if (%s = malformed) { return 400 %s; }", n.v("fault"), refusal(400, malformed))
	if n.route.PathPrefix != "/" {
		n.line("if (%s = \"\") { return 400 %s; }", n.v("path"), refusal(400, pathTwoWays))
	}
	n.line("if (%s = missing) { return 401 %s; }", n.v("fault"), refusal(401, noCredential))
	if n.checksUpgrades() {
		n.line("if (%s = refused) { return 403 %s; }", n.v("upgrade_origin"), refusal(403, foreignOrigin))
	}
	if n.conf.Limits.Exchanges > 0 {
		n.line("limit_conn %s %d;", n.variable(), n.conf.Limits.Exchanges)
	}
	n.limits()
}

// transfer says how bytes go: at once, both ways.
func (n *nginx) transfer() {
	scheme := "http"
	if n.secure() {
		scheme = "https"
		n.secureUpstream()
	}
	t := n.conf.Timeouts
	n.line("proxy_http_version 1.1;")
	n.line("proxy_buffering off;")
	n.line("proxy_request_buffering off;")
	n.line("proxy_buffer_size 16k;")
	n.line("proxy_buffers 8 16k;")
	n.line("proxy_connect_timeout %s; # the TLS handshake has its own, as long", seconds(longest(t.Connect, t.TLSHandshake)))
	n.line("proxy_send_timeout %s;", seconds(t.RequestBodyIdle))
	n.line("proxy_read_timeout %s; # for the head and between bytes", seconds(longest(n.route.Timeouts.ResponseHead, n.route.Timeouts.StreamIdle)))
	n.moves()
	n.line("proxy_redirect off;")
	n.line("proxy_pass_header Server;")
	n.line("proxy_pass_header Date;")
	n.note("An upstream must not lead nginx elsewhere by a field of its answer.")
	n.line("proxy_ignore_headers X-Accel-Redirect X-Accel-Buffering X-Accel-Limit-Rate X-Accel-Charset;")
	n.line("proxy_pass %s://%s%s%s;", scheme, n.v("upstream")[1:], n.v("path"), n.v("query"))
}

func (n *nginx) secureUpstream() {
	tls := n.up.TLS
	authorities := tls.CAFile
	if authorities == "" {
		authorities = systemAuthorities
		n.note("nginx has no default of its own for what it trusts: this is Debian's file.")
	}
	n.line("proxy_ssl_verify on;")
	n.line("proxy_ssl_verify_depth 5;")
	n.line("proxy_ssl_trusted_certificate %s;", q(authorities))
	n.line("proxy_ssl_server_name on;")
	n.line("proxy_ssl_name %s;", q(n.serverName()))
	n.line("proxy_ssl_protocols TLSv1.2 TLSv1.3;")
	if tls.CertFile != "" {
		n.line("proxy_ssl_certificate %s;", q(tls.CertFile))
		n.line("proxy_ssl_certificate_key %s;", q(tls.KeyFile))
	}
}

// systemAuthorities is where Debian and the images made of it keep them.
const systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
