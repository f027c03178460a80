package export

import (
	"regexp"
	"strings"
)

// forwardMaps writes what the upstream is told besides credentials, and its path.
func (n *nginx) forwardMaps() {
	n.gap()
	n.note("What the upstream is told of who asks.")
	if len(n.conf.TrustedProxies) > 0 {
		n.open("geo %s {", n.v("trusted"))
		n.line(`default "";`)
		for _, network := range n.conf.TrustedProxies {
			n.line("%s yes;", network)
		}
		n.close("}")
		n.table(n.v("trusted"), "for", "yes", "$proxy_add_x_forwarded_for", "default", "$remote_addr")
		n.table(q(n.v("trusted")+"$http_x_forwarded_proto"), "proto", re(`^yes.`), "$http_x_forwarded_proto", "default", "$scheme")
		n.table(q(n.v("trusted")+"$http_x_forwarded_host"), "host", re(`^yes.`), "$http_x_forwarded_host", "default", "$http_host")
	}
	n.table("$http_x_request_id", "request_id", re(`^[!-~]{1,128}$`), "$http_x_request_id", "default", "$request_id")
	n.table("$http_upgrade", "upgrade", q("~*^websocket$"), "websocket", "default", `""`)
	n.table(n.v("upgrade"), "connection", "websocket", "upgrade", "default", `""`)
	n.pathMap()
}

// pathMap takes the path as the client wrote it, byte for byte. nginx has chosen the location
// by another reading of it: where the prefix is not there as it is, the map is empty.
func (n *nginx) pathMap() {
	value := n.v("value")
	n.table("$request_uri", "sent_path", re(`^`+n.capture("value")+`[^?]*)`), value)
	if n.route.PathPrefix == "/" {
		n.table("$request_uri", "path", re(`^`+n.capture("value")+`[^?]*)`), q(n.added()+value))
		return
	}
	strip := regexp.QuoteMeta(n.strip())
	tail := regexp.QuoteMeta(strings.TrimPrefix(n.route.PathPrefix, n.strip()))
	rows := []string{re(`^` + strip + n.capture("value") + tail + `(?:/[^?]*)?)(?:[?]|$)`), q(n.added() + value)}
	if tail == "" && n.added() == "" { // a path is never empty
		rows = append([]string{re(`^` + strip + `(?:[?]|$)`), "/"}, rows...)
	}
	n.table("$request_uri", "path", append(rows, "default", `""`)...)
}

// spoken are fields in which proxies say who asks and for what. What a client says in them
// is not believed.
var spoken = strings.Fields(`Forwarded X-Forwarded-Port X-Forwarded-Prefix X-Forwarded-Server X-Forwarded-Scheme
	X-Forwarded-Ssl X-Forwarded-By X-Forwarded-User X-Real-IP True-Client-IP X-Client-IP X-Cluster-Client-IP
	X-Original-URL X-Original-URI X-Original-Host X-Original-For X-Original-Proto X-Rewrite-URL`)

// set writes one field towards the upstream; an empty value: none.
func (n *nginx) set(name, value string) { n.line("proxy_set_header %s %s;", name, value) }

func (n *nginx) requestFields() {
	host := q(n.url.Host)
	if n.up.PreserveHost {
		host = "$http_host"
	}
	n.set("Host", host)
	n.set("Connection", n.v("connection"))
	n.set("Upgrade", n.v("upgrade"))
	n.set("Sec-WebSocket-Protocol", n.v("protocols"))
	n.set("Proxy-Connection", `""`)
	n.set("Trailer", `""`)
	if len(n.conf.TrustedProxies) > 0 {
		n.set("X-Forwarded-For", n.v("for"))
		n.set("X-Forwarded-Proto", n.v("proto"))
		n.set("X-Forwarded-Host", n.v("host"))
	} else {
		n.set("X-Forwarded-For", "$remote_addr")
		n.set("X-Forwarded-Proto", "$scheme")
		n.set("X-Forwarded-Host", "$http_host")
	}
	n.set("X-Request-Id", n.v("request_id"))
	for _, name := range spoken {
		n.set(name, `""`)
	}
	if n.cors() && n.route.CORS.WithholdOrigin {
		n.set("Origin", `""`)
	}
	n.credentialFields()
}

func (n *nginx) credentialFields() {
	own := ""
	if n.up.Auth.Set() {
		own = n.up.Auth.Header
	}
	field := func(name, value string) {
		if n.replaced() {
			value = `""`
		}
		if !strings.EqualFold(name, own) {
			n.set(name, value)
		}
	}
	field("Authorization", n.v("authorization"))
	for i, s := range n.slots {
		switch {
		case s.query:
		case i == 0 && !n.shared():
			field(s.name, n.v("target"))
		default:
			field(s.name, n.v("kept"+itoa(i+1)))
		}
	}
	if n.up.Auth.Value != "" {
		n.ownCredential()
	}
}

// ownCredential leaves a place for the credential that the edge itself shows.
func (n *nginx) ownCredential() {
	file := "secrets/" + n.name + ".conf"
	line := "proxy_set_header " + n.up.Auth.Header + ` "` + n.ownScheme() + `THE VALUE";`
	n.note("FILL IN: the file (beside nginx.conf, readable by root alone) has one line: %s", line)
	n.line("include %s;", file)
	n.fillCredential(file, "one line: "+line)
}
