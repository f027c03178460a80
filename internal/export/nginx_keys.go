package export

import "slices"

func unreadable(v *view) bool {
	return slices.ContainsFunc(v.keyFields(), func(name string) bool { return !plainName(name) })
}

const nginxQuery = "a map finds a parameter once, and nothing takes one out wherever and however often it stands there; the query goes on as it comes"

// nginxKeys says what becomes of each key in nginx.
var nginxKeys = merged(proxies, spread("nginx has one Host, one prefix, one credential and one name of a certificate for all servers of an upstream"), map[string]fate{
	"listen.address":         does("listen"),
	"listen.tls.cert_file":   does("ssl_certificate; a changed file needs a reload"),
	"listen.tls.key_file":    does("ssl_certificate_key; a changed file needs a reload"),
	"listen.tls.ticket_keys": cant("ssl_session_ticket_key wants files of 80 bytes, which you make").but(noTicketKeys, spare("tickets are sealed with keys that nobody else has")),
	"listen.health_path":     cant("location: it answers 200 as long as nginx runs, also while the credential or the upstream is missing"),
	"trusted_proxies":        does("geo, for X-Forwarded-For, -Proto and -Host; Forwarded and the fields of single vendors are dropped from everybody"),

	"upstreams.<name>.url":             does("upstream, proxy_pass and the map of the path"),
	"upstreams.<name>.tls.ca_file":     does("proxy_ssl_trusted_certificate; where it is empty, Debian's file of authorities"),
	"upstreams.<name>.tls.server_name": does("proxy_ssl_name, for SNI and for the name in the certificate"),
	"upstreams.<name>.tls.cert_file":   does("proxy_ssl_certificate"),
	"upstreams.<name>.tls.key_file":    does("proxy_ssl_certificate_key"),
	"upstreams.<name>.preserve_host":   does("proxy_set_header Host"),
	"upstreams.<name>.max_connections": cant("max_conns: beyond it nginx answers 502 at once, since waiting in order is a matter of its commercial edition"),
	"upstreams.<name>.max_idle":        does("keepalive, for each worker"),
	"upstreams.<name>.max_age":         does("keepalive_time"),
	"upstreams.<name>.share": spare("connections to the upstream are for whoever comes next").
		but(func(v *view) bool { return v.up.Share == "client" }, cant("the file keeps no connections to the upstream at all, so that none serves two clients")),
	"upstreams.<name>.auth.value":       does("an include file with the field, which you fill in; a value that changes needs a reload"),
	"upstreams.<name>.auth.keep_caller": does("proxy_set_header: the caller's are dropped, or go on"),

	"routes.<name>.path_prefix":  does("location, at a boundary of segments"),
	"routes.<name>.host":         does("server_name, and 404 for other hosts"),
	"routes.<name>.strip_prefix": does("the map of the path"),
	"routes.<name>.request_body": does("client_max_body_size"),

	"routes.<name>.credential.header": does("proxy_set_header").but(unreadable, cant("nginx reads no field whose name has other characters than letters, digits and hyphens")),
	"routes.<name>.credential.value":  does("the map that writes the key").but(dollarForm, cant("a dollar sign cannot be written in nginx")),
	"routes.<name>.credential.aliases": does("a map for each field").
		but(unreadable, cant("nginx reads no field whose name has other characters than letters, digits and hyphens")),
	"routes.<name>.credential.query_aliases":      does("a map of the query for each parameter, which is taken out of the URL"),
	"routes.<name>.credential.on_conflict":        does("maps that compare, and 400"),
	"routes.<name>.credential.on_missing":         does("a map, and 401"),
	"routes.<name>.credential.misplaced_token":    does("the maps of what wins"),
	"routes.<name>.credential.keep_authorization": does("the map of Authorization"),
	"routes.<name>.credential.placeholders":       does("the maps of the places"),
	"routes.<name>.require.addresses.allow":       does("geo, through all trusted_proxies, and 403"),
	"routes.<name>.require.addresses.deny":        does("geo, through all trusted_proxies, and 403"),
	"routes.<name>.require.headers.<name>.values": does("a map of the field with an include file, which you fill in, and 403; a value that changes needs a reload").
		but(hasUnreadableHeader, cant("nginx reads no field whose name has other characters than letters, digits and hyphens; the file lets nobody in instead")),
	"routes.<name>.require.headers.<name>.ignore_case": does("the map's expressions"),
	"routes.<name>.query.set":                          cant(nginxQuery),
	"routes.<name>.query.default":                      cant(nginxQuery),
	"routes.<name>.query.remove":                       cant(nginxQuery),
	"routes.<name>.forward_claims":                     cant("it reads no claims"),

	"routes.<name>.cors.allowed_origins":       does("a map of Origin"),
	"routes.<name>.cors.allowed_methods":       does("a map of the method that is asked for"),
	"routes.<name>.cors.allowed_headers":       does("a map of the fields that are asked for; those of the OpenAI SDKs are in it"),
	"routes.<name>.cors.exposed_headers":       does("add_header; of x-ratelimit-* and openai-* the names that Azure is known to send").but(exposesAll, does("add_header")),
	"routes.<name>.cors.allow_credentials":     does("add_header"),
	"routes.<name>.cors.max_age":               does("add_header"),
	"routes.<name>.cors.allow_private_network": does("add_header"),
	"routes.<name>.cors.check_upgrades":        does("a map, and 403"),
	"routes.<name>.cors.withhold_origin":       does("proxy_set_header Origin"),

	"routes.<name>.timeouts.response_head": does("proxy_read_timeout").but(twoTimes, cant("proxy_read_timeout bounds the wait for the head and for each byte alike: the longer of the two stands there")),
	"routes.<name>.timeouts.stream_idle":   does("proxy_read_timeout").but(twoTimes, cant("see timeouts.response_head of the route")),
	"timeouts.client_head":                 does("client_header_timeout"),
	"timeouts.request_body_idle":           does("client_body_timeout and proxy_send_timeout"),
	"timeouts.connect":                     does("proxy_connect_timeout, the longer of the two"),
	"timeouts.tls_handshake":               does("proxy_connect_timeout, the longer of the two"),
	"timeouts.client_write_stall":          does("send_timeout"),
	"timeouts.client_keep_alive":           does("keepalive_timeout"),
	"timeouts.client_max_age":              does("keepalive_time").but(noMaxAge, spare("nginx ends a client's connection after an hour or 1000 requests, and says so")),
	"timeouts.upstream_keep_alive":         does("keepalive_timeout of the upstream"),
	"timeouts.drain":                       cant("worker_shutdown_timeout stands in the main context, outside of this file: set it there, and end nginx by SIGQUIT"),

	"routes.<name>.limits.per": does("the map of the caller: the text of its credential, the address, or nothing").
		but(byProxiedAddress, cant("the address that the nearest proxy names is counted; apim-edge goes on through all proxies that it trusts, and counts an IPv6 client by its /64")),
	"routes.<name>.limits.requests": does("limit_req, by the same rule").
		but(inexact, cant("limit_req counts in whole requests a minute and in thousandths of a request a second: the file rounds to that, and lets pass one a minute at least")),
	"routes.<name>.limits.burst":      does("limit_req ... burst, of which one is the first request, and nodelay"),
	"routes.<name>.limits.concurrent": does("limit_conn"),

	"limits.head":        does("large_client_header_buffers: each field, and four times that in all; the refusal is 400 and not 431"),
	"limits.connections": cant("worker_connections stands in the main context, counts connections to the upstream as well, and closes what is beyond it without an answer"),
	"limits.exchanges":   does("limit_conn, and 503"),
})

// nginxGaps are differences that have no key.
var nginxGaps = []gap{
	{"several-lines", "of several lines of one credential field nginx before 1.23 takes the first, where apim-edge answers 400; later versions join them by a comma, which is refused", nil},
	{"several-lines-of-a-field", "of several lines of a field that a request must have, nginx before 1.23 takes the first; later versions join them by a comma, which passes where any value will do", (*view).demands},
	gapComparing,
	{"escaped-query-keys", "nginx decodes no percent-escapes: a key in the query that has one is answered with 400, and a parameter whose name has one goes on in the URL", hasQuery},
	{"token-by-its-text", "a token is known by its text: three or five parts, the first of which is base64url of what has \"alg\" in it. It is not read as JSON, so that a key that is made to look so is taken for one, and a header that escapes the name is not", nil},
	gapOtherReadings,
	gapConnectionOptions,
	{"fields-with-underscores", "fields whose names have other characters than letters, digits and hyphens do not reach the upstream", nil},
	{"trailers", "trailers are dropped, both ways", nil},
	gapCuts,
	{"names", "the upstream's name is looked up at the start and at a reload only, unless a version from 1.27.3 is given a resolver and resolve by hand", hasName},
	{"logins", "a login that belongs to a connection (NTLM, Negotiate) does not work, and is not kept from other clients: do not export a route that is used so", nil},
	gapClientCertificate,
	{"limits-memory", "10 MB hold the callers of each limit: beyond that who has not asked for longest is forgotten, whatever he owes", (*view).limited},
	{"limits-together", "a request that is refused since too many run has used up one of its rate", func(v *view) bool { return v.paced() && v.route.Limits.Concurrent > 0 }},
	{"limits-status", "an exchange beyond limits.exchanges gets 429 as well, since nginx has one status for both bounds", func(v *view) bool { return v.route.Limits.Concurrent > 0 && v.conf.Limits.Exchanges > 0 }},
	gapIDs,
	gapThrottled,
	{"repeats", "a GET whose connection breaks is sent to the next server, and not answered with 502", spreads},
	gapRefusals,
	{"errors", "what nginx itself has to say (502, 504, 413) is HTML and carries no word on whether the upstream had begun", nil},
	gapObserved,
}

func readsQuery(v *view) bool { return hasQuery(v) || v.route.Query.Changes() }

func hasQuery(v *view) bool { return len(v.route.Credential.QueryAliases) > 0 }

func hasName(v *view) bool {
	return slices.ContainsFunc(v.servers(), func(s server) bool { return !s.isAddress() })
}

func stickyBackup(v *view) bool   { return v.sticky() && twoPriorities(v) }
func connectAlone(v *view) bool   { return !v.follows("429") && !v.follows("503") }
func oneBreakerTime(v *view) bool { return v.up.Breaker.Within == v.up.Breaker.Open }
