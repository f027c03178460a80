package export

import "time"

// callerMaps writes who asks, by the credential. nginx keeps the texts in its memory, and
// shows them nowhere.
func (n *nginx) callerMaps() {
	if !n.byCredential() && !n.sticky() {
		return
	}
	n.gap()
	n.note("Who asks, by the credential.")
	n.table(n.v("auth"), "otherwise", "token", q("t:"+n.v("bare")), "other", q("o:$http_authorization"), "default", q("t:"+n.v("slot_token")))
	n.table(n.v("key"), "who", `""`, n.v("otherwise"), "default", q("k:"+n.v("key")))
}

// limitMaps writes whose requests are counted together.
func (n *nginx) limitMaps() {
	if !n.limited() {
		return
	}
	n.gap()
	n.note("Whose requests are counted together.")
	caller := n.v("caller")
	switch n.route.Limits.Per {
	case "address":
		n.addressMaps()
	case "route":
		caller = "$server_port"
	default:
		caller = n.v("who")
	}
	if n.paced() {
		n.line("limit_req_zone %s zone=%s_requests:10m rate=%s;", caller, n.variable(), n.pace())
	}
	if n.route.Limits.Concurrent > 0 {
		n.line("limit_conn_zone %s zone=%s_running:10m;", caller, n.variable())
	}
}

// addressMaps takes an address as it is, and of IPv6 the first half.
func (n *nginx) addressMaps() {
	if len(n.conf.TrustedProxies) > 0 {
		n.table(q(n.v("trusted")+" $http_x_forwarded_for"), "caller",
			re(`^yes (?:.*,)?[[:blank:]]*`+n.capture("value")+`[^,[:blank:]]+)[[:blank:]]*$`), n.v("value"), "default", "$remote_addr")
		return
	}
	n.table("$binary_remote_addr", "caller", re(`(?s)^`+n.capture("value")+`.{8}).{8}$`), n.v("value"), "default", "$binary_remote_addr")
}

// pace is the rate as nginx reads it: whole requests in a second or a minute.
func (n *nginx) pace() string {
	if every := n.every(); time.Second%every == 0 {
		return itoa(int(time.Second/every)) + "r/s"
	}
	return itoa(int(n.perMinute())) + "r/m"
}

// perMinute is rounded up: who keeps to the limit is not to be refused.
func (v *view) perMinute() time.Duration { return (time.Minute + v.every() - 1) / v.every() }

// inexact reports whether nginx cannot have the rate as it is. It keeps thousandths of a
// request a second, and rounds down.
func inexact(v *view) bool {
	return v.paced() && time.Second%v.every() != 0 && (time.Minute%v.every() != 0 || v.perMinute()*1000%60 != 0)
}

// limits stand behind what refuses: that uses up nobody's share.
func (n *nginx) limits() {
	l := n.route.Limits
	if !n.limited() {
		return
	}
	if n.paced() {
		burst := ""
		if l.Burst > 1 {
			burst = " burst=" + itoa(l.Burst-1) + " nodelay"
		}
		n.line("limit_req zone=%s_requests%s;", n.variable(), burst)
		n.line("limit_req_status 429;")
	}
	if l.Concurrent > 0 {
		n.line("limit_conn %s_running %d;", n.variable(), l.Concurrent)
		n.line("limit_conn_status 429;")
	}
	n.line("error_page 429 @%s_limited;", n.variable())
}

// limitedLocation says when to come back. Of one who is refused nothing is counted, so
// that the next request passes after one turn at the latest. nginx does not tell which of
// the two bounds has refused.
func (n *nginx) limitedLocation() {
	if !n.limited() {
		return
	}
	n.open("location @%s_limited {", n.variable())
	n.corsAnswer()
	wait := n.every()
	if n.route.Limits.Concurrent > 0 {
		wait = max(wait, time.Second)
	}
	for _, f := range again(wait) {
		n.add(f[0], f[1])
	}
	n.line("return 429 %s;", refusal(429, n.tooMany()))
	n.close("}")
}
