package export

// upstream writes the servers. A server that has no other behind it is never left alone.
func (n *nginx) upstream() {
	n.gap()
	servers := n.servers()
	if hasName(n.view) {
		n.note("nginx looks names up when it starts and when it reloads, and not in between.")
	}
	n.open("upstream %s {", n.v("upstream")[1:])
	if n.sticky() && len(n.priorities()) == 1 {
		n.line("hash %s consistent;", n.v("who"))
	}
	for _, s := range servers {
		n.line("server %s%s;", s.authority(), n.serverOptions(s))
	}
	if n.up.MaxIdle > 0 && n.up.Share != "client" {
		n.line("keepalive %d; # for each worker", n.up.MaxIdle)
		n.line("keepalive_timeout %s;", seconds(n.conf.Timeouts.UpstreamKeepAlive))
		n.line("keepalive_requests 1000000000;")
		if n.up.MaxAge.Duration > 0 {
			n.line("keepalive_time %s;", seconds(n.up.MaxAge))
		}
	}
	n.close("}")
	if n.conf.Limits.Exchanges > 0 {
		n.line("limit_conn_zone $server_port zone=%s:1m;", n.variable())
	}
}

func (n *nginx) serverOptions(s server) string {
	options := ""
	add := func(option string) { options += " " + option }
	if s.up.MaxConnections > 0 {
		add("max_conns=" + itoa(s.up.MaxConnections))
	}
	if !n.spreads() {
		add("max_fails=0")
		return options
	}
	add("weight=" + itoa(s.Weight))
	add("max_fails=" + itoa(s.up.Breaker.Failures) + " fail_timeout=" + seconds(s.up.Breaker.Open))
	if s.backup {
		add("backup")
	}
	return options
}

// moves says what sends a request on to the next server. A POST of which a byte was sent
// is never sent twice: non_idempotent must not stand here, and so an answer of 429 or 503
// moves no POST.
func (n *nginx) moves() {
	if !n.spreads() {
		return
	}
	on := "off"
	if n.follows("connect") {
		on = "error"
	}
	n.line("proxy_next_upstream %s;", on)
}

// nginxSeveral are the rows where the document leads to all upstreams of the route.
var nginxSeveral = map[string]fate{
	"routes.<name>.upstreams[].name":     does("a server"),
	"routes.<name>.upstreams[].callers":  cant("no caller has a server of its own"),
	"routes.<name>.upstreams[].shape":    cant("it does not know the shape of an API"),
	"routes.<name>.upstreams[].priority": does("backup").but(manyPriorities, cant("nginx has two priorities: all behind the first are asked alike")),
	"routes.<name>.upstreams[].weight":   does("weight"),
	"routes.<name>.sticky":               does("hash ... consistent, or by turns").but(stickyBackup, cant("nginx has no backup behind a hash: each request is for itself")),
	"routes.<name>.failover.on":          cant("proxy_next_upstream error: a request moves on where there is no connection. Behind 429 and 503 it does not: non_idempotent would send a POST twice where a connection breaks").but(connectAlone, does("proxy_next_upstream")),
	"routes.<name>.failover.body_head":   spare("no request moves that was sent"),
	"upstreams.<name>.breaker.failures":  cant("max_fails counts no connection and no answer, and no status"),
	"upstreams.<name>.breaker.within":    cant("fail_timeout is this time and breaker.open in one; breaker.open stands there").but(oneBreakerTime, does("fail_timeout")),
	"upstreams.<name>.breaker.open":      does("fail_timeout"),
	"upstreams.<name>.probe.path":        cant("nginx asks nothing in the background"),
	"upstreams.<name>.probe.every":       spare("see probe.path"),
}
