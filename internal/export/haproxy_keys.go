package export

const haQuery = "a name with other characters than letters, digits and ._~$@:!*- cannot be written as an expression; the query goes on as it comes"

// haproxyKeys says what becomes of each key in HAProxy.
var haproxyKeys = merged(proxies, spread("others can be servers of its backend, but a credential, a prefix and a bridge of their own cannot"), map[string]fate{
	"listen.address":         does("bind"),
	"listen.tls.cert_file":   does("bind ... ssl crt, one file with both, which you make; a changed file needs a reload"),
	"listen.tls.key_file":    does("bind ... ssl crt, one file with both, which you make; a changed file needs a reload"),
	"listen.tls.ticket_keys": cant("tls-ticket-keys wants a file of its own form, which you make").but(noTicketKeys, spare("tickets are sealed with keys that nobody else has")),
	"listen.health_path":     cant("monitor-uri: it answers 200 as long as HAProxy runs, also while the credential or the upstream is missing"),
	"trusted_proxies":        does("src, for X-Forwarded-For, -Proto and -Host; Forwarded and the fields of single vendors are dropped from everybody"),

	"upstreams.<name>.url":              does("server and replace-path"),
	"upstreams.<name>.tls.ca_file":      does("ca-file; where it is empty, the system's authorities"),
	"upstreams.<name>.tls.server_name":  does("sni and verifyhost"),
	"upstreams.<name>.tls.cert_file":    does("crt, one file with both, which you make"),
	"upstreams.<name>.tls.key_file":     does("crt, one file with both, which you make"),
	"upstreams.<name>.preserve_host":    does("set-header Host, or not"),
	"upstreams.<name>.max_connections":  does("maxconn of the server, and timeout queue"),
	"upstreams.<name>.max_idle":         does("pool-max-conn"),
	"upstreams.<name>.max_age":          cant("HAProxy keeps a connection for as long as it is used: a name that has moved is seen late"),
	"upstreams.<name>.share":            does("http-reuse"),
	"upstreams.<name>.auth.value":       does("a variable of the environment, which you fill in; a value that changes needs a restart"),
	"upstreams.<name>.auth.keep_caller": does("del-header: the caller's are dropped, or go on"),

	"routes.<name>.path_prefix":  does("path_beg, at a boundary of segments, and 404"),
	"routes.<name>.host":         does("host_only, and 404 for other hosts"),
	"routes.<name>.strip_prefix": does("replace-path"),
	"routes.<name>.request_body": cant("a bound on Content-Length, and 413: a chunked body has none").but(noBodyBound, spare("it is not set")),

	"routes.<name>.credential.header":                  does("set-header"),
	"routes.<name>.credential.value":                   does("set-header"),
	"routes.<name>.credential.aliases":                 does("rules for each field"),
	"routes.<name>.credential.query_aliases":           does("rules for each parameter, which is taken out of the URL"),
	"routes.<name>.credential.on_conflict":             does("strcmp, and 400"),
	"routes.<name>.credential.on_missing":              does("a rule, and 401"),
	"routes.<name>.credential.misplaced_token":         does("the rules of what wins"),
	"routes.<name>.credential.keep_authorization":      does("the rules of Authorization"),
	"routes.<name>.credential.placeholders":            does("the rules of the places"),
	"routes.<name>.require.addresses.allow":            does("acl of src, or of whom trusted_proxies name, four of them in a row at most, and 403"),
	"routes.<name>.require.addresses.deny":             does("acl of src, or of whom trusted_proxies name, four of them in a row at most, and 403"),
	"routes.<name>.require.headers.<name>.values":      does("strcmp with a variable of the environment, which you fill in, and 403; a value that changes needs a restart"),
	"routes.<name>.require.headers.<name>.ignore_case": does("lower"),
	"routes.<name>.query.set":                          does("set-query").but(oddParameter, cant(haQuery)),
	"routes.<name>.query.default":                      does("set-query where the parameter is not there").but(oddParameter, cant(haQuery)),
	"routes.<name>.query.remove":                       does("set-query").but(oddParameter, cant(haQuery)),
	"routes.<name>.forward_claims":                     cant("HAProxy reads claims of signed tokens (jwt_payload_query), but the token would have to be verified first"),

	"routes.<name>.cors.allowed_origins":       does("rules on Origin"),
	"routes.<name>.cors.allowed_methods":       does("rules on the method that is asked for"),
	"routes.<name>.cors.allowed_headers":       does("rules on the fields that are asked for; those of the OpenAI SDKs are in them"),
	"routes.<name>.cors.exposed_headers":       does("http-after-response; of x-ratelimit-* and openai-* the names that Azure is known to send").but(exposesAll, does("http-after-response")),
	"routes.<name>.cors.allow_credentials":     does("http-after-response"),
	"routes.<name>.cors.max_age":               does("the answer to a preflight"),
	"routes.<name>.cors.allow_private_network": does("the answer to a preflight"),
	"routes.<name>.cors.check_upgrades":        does("a rule, and 403"),
	"routes.<name>.cors.withhold_origin":       does("del-header Origin"),

	"routes.<name>.timeouts.response_head": does("timeout server").but(twoTimes, cant("timeout server bounds the wait for the head and for each byte alike: the longer of the two stands there")),
	"routes.<name>.timeouts.stream_idle":   does("timeout server and timeout tunnel").but(twoTimes, cant("see timeouts.response_head of the route")),
	"timeouts.client_head":                 does("timeout http-request"),
	"timeouts.request_body_idle":           cant("timeout client bounds all silence of a client, and must not be shorter than a stream may be silent").but(shortSilence, does("timeout client")),
	"timeouts.connect":                     does("timeout connect, the longer of the two"),
	"timeouts.tls_handshake":               does("timeout connect, the longer of the two"),
	"timeouts.client_write_stall":          cant("timeout client bounds all silence of a client, and must not be shorter than a stream may be silent").but(shortSilence, does("timeout client")),
	"timeouts.client_keep_alive":           does("timeout http-keep-alive"),
	"timeouts.client_max_age":              cant("a client that keeps its connection busy keeps it for ever").but(noMaxAge, spare("a client's connection has no bound")),
	"timeouts.upstream_keep_alive":         does("pool-purge-delay, which halves the pool each time: some live longer"),
	"timeouts.drain":                       cant("hard-stop-after stands in the global section of all files: set it there, and end HAProxy by SIGUSR1"),

	"routes.<name>.limits.per": does("track-sc0 of a hash of the credential, of the address (of IPv6 its /64), or of a constant").
		but(byProxiedAddress, cant("the address that the nearest proxy names is counted; apim-edge goes on through all proxies that it trusts")),
	"routes.<name>.limits.requests":   does("sc0_gpc0_rate of what has passed, in the time in which a burst is made good again"),
	"routes.<name>.limits.burst":      does("how many sc0_gpc0_rate may be"),
	"routes.<name>.limits.concurrent": does("sc0_conn_cur"),

	"limits.head":        does("tune.bufsize, which every stream of this HAProxy pays for; the refusal is 400 and not 431"),
	"limits.connections": cant("maxconn: further connections wait unanswered in the kernel's queue, without a 503"),
	"limits.exchanges":   does("be_conn, and 503"),
})

func noBodyBound(v *view) bool { return v.route.RequestBody.Bytes == 0 }

// shortSilence reports whether one bound can serve for both.
func shortSilence(v *view) bool {
	t := v.conf.Timeouts
	return t.RequestBodyIdle == t.ClientWriteStall && t.RequestBodyIdle == v.route.Timeouts.StreamIdle && oneTime(v)
}

// haproxyGaps are differences that have no key.
var haproxyGaps = []gap{
	{"escaped-query-names", "a parameter whose name has a percent-escape is not recognised, and goes on in the URL", readsQuery},
	gapComparing,
	{"token-by-its-header", "a token is known by alg in its header, as HAProxy's own reader of JSON finds it", nil},
	gapOtherReadings,
	gapConnectionOptions,
	gapIDs,
	gapThrottled,
	gapWindow,
	{"addresses-with-ports", "an IPv6 address with a port in X-Forwarded-For ([2001:db8::1]:443) is not read: the request counts as one of the proxy", byProxiedFilter},
	{"limits-memory", "100,000 callers are known at a time: beyond that who has not asked for longest is forgotten, whatever he owes", (*view).limited},
	{"lower-case", "names of fields are sent in lower case, both ways", nil},
	gapCuts,
	gapClientCertificate,
	{"subprotocol-lines", "a key in the second of several lines of Sec-WebSocket-Protocol is not found", nil},
	gapRefusals,
	{"errors", "what HAProxy itself has to say (502, 503, 504) is HTML and carries no word on whether the upstream had begun", nil},
	gapObserved,
}
