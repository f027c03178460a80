package export

import (
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// limits stand behind what refuses, which uses up nobody's share, and in front of what
// changes the fields. The table holds hashes, and no credential.
func (h *haproxy) limits() {
	l := h.route.Limits
	if !h.limited() {
		return
	}
	h.gap()
	h.note("Whose requests are counted together, and how many there are.")
	h.caller()
	h.do("track-sc0 var(txn.caller) table %s", h.identifier("callers"))
	if l.Concurrent > 0 {
		h.refuseBeyond("sc0_conn_cur gt "+itoa(l.Concurrent), time.Second)
	}
	if h.paced() {
		h.refuseBeyond("sc0_gpc0_rate ge "+itoa(l.Burst), h.window())
		h.do("sc-inc-gpc0(0)")
	}
}

// caller sets what is counted by.
func (h *haproxy) caller() {
	switch h.route.Limits.Per {
	case "address":
		h.do("set-var(txn.client) src")
		if nets := h.conf.TrustedProxies; len(nets) > 0 {
			h.do("set-var(txn.client) req.hdr_ip(x-forwarded-for,-1) if { src %s } { req.hdr_ip(x-forwarded-for,-1) -m found }", strings.Join(nets, " "))
		}
		h.do("set-var(txn.caller) 'var(txn.client),ipmask(32,64),sha2(256)'")
		return
	case "route":
		h.do("set-var(txn.caller) 'str(route),sha2(256)'")
		return
	}
	h.do("set-var(txn.caller) 'var(txn.who)'")
}

// who sets a hash of the credential.
func (h *haproxy) who() {
	if !h.byCredential() && !h.sticky() {
		return
	}
	h.gap()
	h.note("Who asks, by the credential.")
	h.do("set-var(txn.who) 'str(t:),sha2(256)'")
	h.do("set-var(txn.other) req.fhdr(authorization) if { var(txn.a) -m str other }")
	h.do("set-var(txn.who) 'str(o:),concat(,txn.other),sha2(256)' if { var(txn.other) -m found }")
	h.do("set-var(txn.who) 'str(t:),concat(,txn.token),sha2(256)' if { var(txn.token) -m found }")
	h.do("set-var(txn.who) 'str(t:),concat(,txn.bare),sha2(256)' if { var(txn.a) -m str token }")
	h.do("set-var(txn.who) 'str(k:),concat(,txn.send),sha2(256)' if { var(txn.send) -m found }")
}

func (h *haproxy) refuseBeyond(condition string, wait time.Duration) {
	fields := ""
	for _, f := range again(wait) {
		fields += " hdr " + f[0] + " " + f[1]
	}
	h.do("return status 429 content-type application/json%s string %s if { %s }", fields, sq(refusalBody(429, h.tooMany())), condition)
}

// callers is the table that counts. It forgets nobody who owes something, as long as it is
// not full.
func (h *haproxy) callers() {
	if !h.limited() {
		return
	}
	var stored []string
	if h.paced() {
		stored = append(stored, "gpc0_rate("+milliseconds(config.Duration{Duration: max(h.window(), time.Millisecond)})+")")
	}
	if h.route.Limits.Concurrent > 0 {
		stored = append(stored, "conn_cur")
	}
	h.gap()
	h.open("backend %s from %s", h.identifier("callers"), h.identifier("defaults"))
	h.line("stick-table type binary len 32 size 100k expire %s store %s", milliseconds(config.Duration{Duration: max(2*h.window(), time.Minute)}), strings.Join(stored, ","))
	h.close("")
}
