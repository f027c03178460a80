package export

import (
	"slices"
	"strings"
)

const (
	allowedOrigin = "{ var(txn.origin) -m found }"
	isPreflight   = "METH_OPTIONS { req.fhdr(origin) -m len 1: } { req.fhdr(access-control-request-method) -m len 1: }"
)

// corsRequest answers preflights, in front of everything that could refuse them.
func (h *haproxy) corsRequest() {
	if !h.cors() {
		return
	}
	h.gap()
	h.note("CORS: whose pages may call, and what they may send.")
	for _, origin := range h.route.CORS.AllowedOrigins {
		switch {
		case origin == "*":
			h.do("set-var(txn.origin) str(*) if { req.fhdr(origin) -m len 1: }")
		case strings.Contains(origin, "*"):
			h.do("set-var(txn.origin) req.fhdr(origin) if { req.fhdr(origin) -m reg %s }", sq(originPattern(origin)))
		default:
			h.do("set-var(txn.origin) req.fhdr(origin) if { req.fhdr(origin) -m str %s }", sq(origin))
		}
	}
	methods := append(slices.Clone(h.route.CORS.AllowedMethods), "OPTIONS")
	words := strings.Join(methods, " ")
	h.do("set-var(txn.cors) var(txn.origin) if %s { method %s }", allowedOrigin, words)
	h.do("set-var(txn.preflight) bool(true) if %s", isPreflight)
	h.preflights(words)
	if h.checksUpgrades() {
		h.answer(403, foreignOrigin, "if { req.hdr(upgrade) -i websocket } { req.fhdr(origin) -m len 1: } !"+allowedOrigin)
	}
}

func (h *haproxy) preflights(methods string) {
	pre := "{ var(txn.preflight) -m found } "
	permit := "hdr Access-Control-Allow-Origin %[var(txn.origin)]"
	if h.route.CORS.AllowCredentials {
		permit += " hdr Access-Control-Allow-Credentials true"
	}
	end := " hdr Vary " + sq(h.preflightVary()) + " if " + pre
	method := "{ req.fhdr(access-control-request-method) " + methods + " }"
	asks := "{ req.fhdr(access-control-request-headers) -m len 1: }"
	names, any := h.offers()
	fits := "{ req.fhdr(access-control-request-headers) -m reg -i " + sq(`^([[:blank:]]*(`+anyOf(names)+`)?[[:blank:]]*(,|$))*$`) + " }"
	if any {
		fits = asks
	}
	age := " hdr Access-Control-Max-Age " + itoa(int(h.route.CORS.MaxAge.Seconds()))
	h.do("return status 204%s !%s", end, allowedOrigin)
	h.do("return status 204%s !%s { req.fhdr(access-control-request-method) GET HEAD POST }", end, method)
	if h.route.CORS.AllowPrivateNetwork {
		private := " hdr Access-Control-Allow-Private-Network true"
		asked := " { req.fhdr(access-control-request-private-network) true }"
		h.allow(permit+private+age, end+method+asked, asks, fits)
	}
	h.allow(permit+age, end+method, asks, fits)
	h.do("return status 204 %s hdr Access-Control-Allow-Methods %s hdr Access-Control-Allow-Headers %s%s", permit,
		sq(strings.Join(h.route.CORS.AllowedMethods, ", ")), sq(h.offered()), strings.TrimRight(end, " "))
}

// allow answers a preflight that asks for what is allowed.
func (h *haproxy) allow(permit, end, asks, fits string) {
	permit += " hdr Access-Control-Allow-Methods %[req.fhdr(access-control-request-method)]"
	h.do("return status 204 %s hdr Access-Control-Allow-Headers %%[req.fhdr(access-control-request-headers)]%s %s %s", permit, end, asks, fits)
	h.do("return status 204 %s%s !%s", permit, end, asks)
}

// corsResponse owns the fields of every other answer, errors included.
func (h *haproxy) corsResponse() {
	if !h.cors() {
		return
	}
	h.gap()
	other := "!{ var(txn.preflight) -m found }"
	after := func(format string, args ...any) { h.line("http-after-response "+format, args...) }
	after("del-header access-control- -m beg if %s", other)
	permitted := "if " + other + " { var(txn.cors) -m found }"
	after("set-header Access-Control-Allow-Origin %%[var(txn.cors)] %s", permitted)
	if h.route.CORS.AllowCredentials {
		after("set-header Access-Control-Allow-Credentials true %s", permitted)
	}
	after("set-header Access-Control-Expose-Headers %s %s", sq(h.exposed()), permitted)
	after("add-header Vary Origin if %s", other)
}
