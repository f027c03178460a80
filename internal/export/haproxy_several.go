package export

// balance says which server a request goes to, and what sends it on to the next one.
// retry-on names nothing behind which a request may have run: a POST is never sent twice.
func (h *haproxy) balance() {
	if !h.spreads() {
		return
	}
	if h.sticky() {
		h.line("balance hash var(txn.who)")
		h.line("hash-type consistent")
	} else {
		h.line("balance roundrobin")
	}
	h.line("option allbackups")
	h.line("option redispatch 1")
	h.line("retries %d", len(h.servers())-1)
	on := ""
	if h.follows("connect") {
		on += " conn-failure"
	}
	if h.follows("503") {
		on += " 503"
	}
	if on == "" {
		on = " none"
	}
	h.line("retry-on%s", on)
	if h.callsByName() {
		h.note("The name of a server is what it is called by.")
		h.line("http-send-name-header Host")
	}
}

// nameOf is how a server is called here: where each has a Host of its own, by that.
func (h *haproxy) nameOf(s server) string {
	switch {
	case !h.spreads():
		return h.identifier("api")
	case h.callsByName():
		return s.url.Host
	}
	return s.route.Upstream
}

// heaviest is the largest weight that HAProxy has.
const heaviest = 256

// severalOptions are those of a server that has others beside it.
func (h *haproxy) severalOptions(s server) (options string) {
	if !h.spreads() {
		return ""
	}
	options = " weight " + itoa(h.weight(s, heaviest))
	if n := s.up.Breaker.Failures; n > 0 {
		options += " check inter " + milliseconds(s.up.Breaker.Open) + " rise 1 observe layer7 error-limit " + itoa(n) + " on-error mark-down"
		if s.secure() {
			options += " check-sni " + sq(s.serverName())
		}
	}
	if s.backup {
		options += " backup"
	}
	return options
}

// haproxySeveral are the rows where the document leads to all upstreams of the route.
var haproxySeveral = map[string]fate{
	"routes.<name>.upstreams[].name":     does("a server"),
	"routes.<name>.upstreams[].priority": cant("backup: a request moves on to a server of the next priority when all before it are known to be away, and no earlier; all behind the first are asked alike").but(onePriority, spare("all have one priority")),
	"routes.<name>.upstreams[].weight":   does("weight").but(heavierThan(heaviest), cant("weights above 256 are made smaller, all by one factor, and rounded")),
	"routes.<name>.upstreams[].callers":  cant("no caller has a server of its own"),
	"routes.<name>.upstreams[].shape":    cant("it does not know the shape of an API"),
	"routes.<name>.sticky":               does("balance hash, hash-type consistent").but(turns, does("balance roundrobin: by turns, and not by chance")),
	"routes.<name>.failover.on":          does("retry-on conn-failure and 503").but(by429, cant("retry-on conn-failure and 503; HAProxy 2.6 cannot move a request behind 429")),
	"routes.<name>.failover.body_head":   cant("a request is held as far as it fits into tune.bufsize, to move behind 503"),
	"upstreams.<name>.breaker.failures":  does("observe layer7 and error-limit, which count answers of 500 and above, and on-error mark-down"),
	"upstreams.<name>.breaker.within":    cant("errors in a row count, however far apart"),
	"upstreams.<name>.breaker.open":      does("check inter: it is back when a connection can be made again, and one does not ask it anything"),
	"upstreams.<name>.probe.path":        cant("what is checked is whether a connection can be made"),
	"upstreams.<name>.probe.every":       spare("see probe.path"),
}

func onePriority(v *view) bool { return len(v.priorities()) == 1 }
func turns(v *view) bool       { return !v.sticky() }
func by429(v *view) bool       { return v.follows("429") }
