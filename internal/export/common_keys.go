package export

import (
	"slices"
	"strings"
)

// Conditions of rows.
func oneTime(v *view) bool  { return v.route.Timeouts.ResponseHead == v.route.Timeouts.StreamIdle }
func twoTimes(v *view) bool { return !oneTime(v) }
func dollarForm(v *view) bool {
	return strings.Contains(v.route.Credential.Value, "$")
}
func exposesAll(v *view) bool { return slices.Contains(v.route.CORS.ExposedHeaders, "*") }

// proxies says what becomes of keys in a proxy, whichever it is: of sections that have
// nothing to do with what a route does, and of what no proxy here can do.
var proxies = map[string]fate{
	"admin.*":               spare("it is the listener of apim-edge's own operator; the other program has its own status and metrics"),
	"loops.*":               spare("the other program has workers or threads of its own"),
	"log.*":                 spare("the other program has a log of its own; the file sets one without queries, since they hold keys"),
	"debug.decision_header": cant("it does not tell by which rule it has decided"),
	"debug.hint_header":     cant("it does not read what a refusal of the upstream means"),
	"debug.server_timing":   cant("it adds no Server-Timing"),

	"census.*":            cant("it does not count who calls and what for; run apim-edge report before you leave"),
	"shared.*":            cant("it counts for itself: several of them let pass so many times as much"),
	"traces.*":            cant("spans are told by a module of its own, which is not written here"),
	"routes.<name>.usage": cant("it does not read how many tokens an answer has taken"),

	"routes.<name>.usage_models":                       spare("see usage"),
	"routes.<name>.upstream":                           does("the upstream of the file"),
	"routes.<name>.open":                               spare("nothing has to be said to let everybody in"),
	"routes.<name>.heartbeat":                          cant("it writes nothing into a stream that says nothing, so boxes on the way may cut it"),
	"routes.<name>.bridge.*":                           cant("it does not read bodies, where v1 names the model, and makes no legacy path of it"),
	"upstreams.<name>.proxy":                           cant("it reaches no upstream by CONNECT through a forward proxy").but(direct, spare("the upstream is reached directly")),
	"routes.<name>.require.*":                          cant("it checks no tokens of an issuer whose keys change, and no keys of apim-edge; the file lets nobody in instead"),
	"token_policies.*":                                 cant("see require.token of the route"),
	"clients.*":                                        cant("keys of apim-edge are kept as keyed hashes, which only apim-edge can compare"),
	"upstreams.<name>.auth.header":                     does("the field that is set"),
	"upstreams.<name>.auth.secondary":                  cant("it does not use a second value after a 401: exchange the first one, and reload"),
	"upstreams.<name>.auth.managed_identity.resource":  cant("it fetches no token of a managed identity; the file lets nobody in instead"),
	"upstreams.<name>.auth.managed_identity.client_id": cant("it fetches no token of a managed identity"),
	"upstreams.<name>.max_dials":                       cant("it makes as many connections at a time as there are requests without one"),
	"timeouts.drain_delay":                             cant("readiness does not fail in front of the end: let the balancer see it some other way"),
	"timeouts.response_head":                           spare("the route's own bound counts"),
	"timeouts.stream_idle":                             spare("the route's own bound counts"),
	"limits.request_body":                              spare("the route's own bound counts"),
	"limits.slowest":                                   cant("it ends bodies by silence only, not by their average speed"),
}

// Differences that all proxies have.
var (
	gapOtherReadings     = gap{"other-readings", "a path that servers read in several ways (//, %2F, ;, a dot at the end of a name, escaped letters in the prefix) is taken as it stands there: where the edge refuses it because of another route, it may be forwarded or answered with 404", nil}
	gapConnectionOptions = gap{"connection-options", "fields that a client names in Connection go on to the upstream", nil}
	gapCuts              = gap{"cuts", "a fixed-length answer that the upstream cuts ends with FIN and not with RST: openai-node 4 waits for the rest for ever", nil}
	gapClientCertificate = gap{"client-certificate", "an upstream that asks for the client certificate behind the request, as API Management does, gets none", hasClientCertificate}
	gapRefusals          = gap{"refusals", "the body of a refusal has statusCode and message, but no code, and x-should-retry and Retry-After are missing", nil}
	gapComparing         = gap{"comparing", "the value of a field that a request must have is compared as far as it is right, which shows in time to who can measure that", compares}
	gapObserved          = gap{"observed", "nobody counts who still needs what: the metrics, reasons and hints of apim-edge are gone", nil}
)

// spread says what becomes of the keys of several upstreams. The document leads to the
// first of them.
func spread(instead string) map[string]fate {
	f := cant("the document leads to the first upstream of the list alone; " + instead)
	return map[string]fate{
		"routes.<name>.upstreams[].name":     f,
		"routes.<name>.upstreams[].priority": f,
		"routes.<name>.upstreams[].weight":   f,
		"routes.<name>.upstreams[].callers":  f,
		"routes.<name>.upstreams[].shape":    f,
		"routes.<name>.sticky":               f,
		"routes.<name>.failover.on":          f,
		"routes.<name>.failover.body_head":   f,
		"upstreams.<name>.breaker.failures":  f,
		"upstreams.<name>.breaker.within":    f,
		"upstreams.<name>.breaker.open":      f,
		"upstreams.<name>.probe.path":        f,
		"upstreams.<name>.probe.every":       f,
	}
}

func hasClientCertificate(v *view) bool { return v.up.TLS.CertFile != "" }

func noMaxAge(v *view) bool { return v.conf.Timeouts.ClientMaxAge.Duration == 0 }

func noTicketKeys(v *view) bool { return len(v.conf.Listen.TLS.TicketKeys) == 0 }

func direct(v *view) bool { return v.up.Proxy == "" || v.up.Proxy == "none" }
