package export

import (
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

func (v *view) policy() config.TokenPolicy {
	if len(v.route.Require.Token) == 1 {
		return v.conf.TokenPolicies[v.route.Require.Token[0]]
	}
	return config.TokenPolicy{}
}

// Conditions of rows.
func keyGated(v *view) bool { return v.gate() == "as it is" }
func patterns(v *view) bool {
	return slices.ContainsFunc(v.route.CORS.AllowedOrigins, func(o string) bool { return o != "*" && strings.Contains(o, "*") })
}
func forwards(v *view) bool      { return !v.up.Auth.Set() }
func severalTokens(v *view) bool { return len(v.route.Require.Token) > 1 }
func ofTenant(v *view) bool      { return v.policy().TenantID != "" }
func eitherOr(v *view) bool {
	return v.route.Require.Client && len(v.route.Require.Token) > 0 && v.route.Require.Match != "all"
}

const (
	ownGateway     = "API Management's gateway has its own"
	apimAddress    = "ip-filter looks at the address that API Management sees: behind Front Door or another proxy that is the proxy's, and the filter has to stand there"
	notExpressions = "a value with @ in front or {{ inside is an expression or a named value to API Management; it is left out"
	oneField       = "API Management looks for the key in one field, before any policy runs"
)

// apimKeys says what becomes of each key in API Management.
var apimKeys = merged(spread("a pool of backend entities is for upstreams that are each shown a key, or all the same managed identity"), map[string]fate{
	"admin.*":         spare("it is the listener of apim-edge's own operator; API Management has its own metrics and logs"),
	"loops.*":         spare(ownGateway),
	"log.*":           spare("API Management has logs of its own; do not log bodies there, which makes it buffer streams"),
	"debug.*":         spare("API Management has request tracing"),
	"census.*":        spare("once callers use API Management itself, there is nobody left to count; run apim-edge report first"),
	"shared.*":        spare("API Management counts for all instances of its gateway"),
	"traces.*":        spare("API Management sends traces by its own diagnostics"),
	"listen.*":        spare("clients use the address of API Management, or a custom domain with its certificate"),
	"trusted_proxies": spare("fields of forwarding are the gateway's own affair"),

	"upstreams.<name>.url":                             does("set-backend-service").but(forwards, spare("the API there is the one that gets this policy, and has its back end")),
	"upstreams.<name>.tls.ca_file":                     cant("authorities are uploaded to API Management as CA certificates, and are no policy"),
	"upstreams.<name>.tls.server_name":                 cant("names of certificates are a setting of a backend entity, and no policy"),
	"upstreams.<name>.tls.cert_file":                   cant("authentication-certificate needs the certificate uploaded, whose id is not known here"),
	"upstreams.<name>.tls.key_file":                    cant("see tls.cert_file"),
	"upstreams.<name>.preserve_host":                   cant("API Management writes the back end's own name into Host; a set-header of Host in the API's policy could change that"),
	"upstreams.<name>.max_connections":                 cant("a backend entity has a circuit breaker, and no bound of connections"),
	"upstreams.<name>.max_dials":                       spare(ownGateway),
	"upstreams.<name>.max_idle":                        spare(ownGateway),
	"upstreams.<name>.max_age":                         spare(ownGateway),
	"upstreams.<name>.proxy":                           cant("the policy proxy needs an address that is not written here").but(direct, spare("the upstream is reached directly")),
	"upstreams.<name>.share":                           spare(ownGateway),
	"upstreams.<name>.auth.header":                     does("set-header, or authentication-managed-identity"),
	"upstreams.<name>.auth.value":                      does("set-header from a named value, which you fill in"),
	"upstreams.<name>.auth.secondary":                  cant("a second value after a 401 would need a retry around forward-request: exchange the named value instead"),
	"upstreams.<name>.auth.keep_caller":                does("the caller's fields are deleted, or not"),
	"upstreams.<name>.auth.managed_identity.resource":  does("authentication-managed-identity; give the identity of API Management the role that apim-edge has"),
	"upstreams.<name>.auth.managed_identity.client_id": does("authentication-managed-identity: that of an identity which is assigned to API Management"),

	"routes.<name>.path_prefix":  does("the URL suffix (path) of the API: see the steps in the document"),
	"routes.<name>.host":         spare("an API answers on every name of its gateway"),
	"routes.<name>.upstream":     does("the API's back end"),
	"routes.<name>.strip_prefix": does("base-url: API Management takes the URL suffix off").but(forwards, spare("the API has its own path")),
	"routes.<name>.open":         does("subscriptionRequired: see the steps in the document").but(func(v *view) bool { return !v.route.Open }, spare("it is not set")),
	"routes.<name>.request_body": cant("validate-content bounds a body by holding it, which ends streaming"),
	"routes.<name>.usage":        cant("llm-emit-token-metric counts tokens; that is not exported"),
	"routes.<name>.usage_models": spare("see usage"),
	"routes.<name>.heartbeat":    cant("no policy writes into a stream"),
	"routes.<name>.bridge.*":     cant("set-body and rewrite-uri could lead v1 to legacy paths with the whole body held; that is not exported. Import the v1 specification of the API instead"),

	"routes.<name>.limits.per":        does("counter-key: the subscription, the field with the credential, the address or the API"),
	"routes.<name>.limits.requests":   does("rate-limit-by-key: so many calls in the time in which a burst is made good again").but(roughly, cant(roughRate)),
	"routes.<name>.limits.burst":      does("calls of rate-limit-by-key").but(roughly, cant(roughRate)),
	"routes.<name>.limits.concurrent": cant("limit-concurrency bounds what runs inside it, and nothing says whether that is a stream until its end; it is not exported"),

	"routes.<name>.credential.header":                  does("subscriptionKeyParameterNames: see the steps in the document"),
	"routes.<name>.credential.value":                   does("the prefix of the stored keys: see the steps in the document"),
	"routes.<name>.credential.aliases":                 spare("nobody shows a key").but(keyGated, cant(oneField+": callers that use an alias have to be changed first")),
	"routes.<name>.credential.query_aliases":           spare("nobody shows a key; the parameters are deleted").but(keyGated, cant("API Management looks for the key in one parameter; the document deletes all of them behind that")),
	"routes.<name>.credential.on_conflict":             spare("nobody shows a key").but(keyGated, cant(oneField+", so it sees no conflict, and passes the others on")),
	"routes.<name>.credential.on_missing":              spare("a request without a credential gets API Management's own 401, or has none to show"),
	"routes.<name>.credential.misplaced_token":         cant("a token in the key's field is an invalid key to API Management, before any policy runs").but(notGated, spare("nobody shows a key")),
	"routes.<name>.credential.keep_authorization":      does("Authorization is deleted, or not"),
	"routes.<name>.credential.placeholders":            spare("nobody shows a key").but(keyGated, cant("a placeholder is an invalid key to API Management")),
	"routes.<name>.require.addresses.allow":            does("ip-filter that allows").but(byProxiedFilter, cant(apimAddress)),
	"routes.<name>.require.addresses.deny":             does("ip-filter that forbids").but(byProxiedFilter, cant(apimAddress)),
	"routes.<name>.require.headers.<name>.values":      does("check-header, with named values which you fill in"),
	"routes.<name>.require.headers.<name>.ignore_case": does("ignore-case of check-header"),
	"routes.<name>.require.token":                      does("validate-azure-ad-token or validate-jwt").but(severalTokens, cant("checks that stand one after another must all pass, and the route asks for one of several; the document lets nobody in instead")),
	"routes.<name>.require.client":                     cant("keys of apim-edge are kept as keyed hashes: make a subscription for each client instead"),
	"routes.<name>.require.match":                      spare("there is one condition only").but(eitherOr, cant("the document asks for the token alone: API Management has no either-or of subscription keys and tokens")),
	"routes.<name>.query.set":                          does("set-query-parameter that overrides").but(setsExpression, cant(notExpressions)),
	"routes.<name>.query.default":                      does("set-query-parameter that skips what is there").but(defaultsExpression, cant(notExpressions)),
	"routes.<name>.query.remove":                       does("set-query-parameter that deletes"),
	"routes.<name>.forward_claims":                     does("set-header from the checked token; a claim that is not there comes as an empty field"),

	"routes.<name>.cors.allowed_origins":       does("cors").but(patterns, cant("API Management compares origins as a whole: those with * in them are left out")),
	"routes.<name>.cors.allowed_methods":       does("cors"),
	"routes.<name>.cors.allowed_headers":       does("cors; the fields of the OpenAI SDKs are listed"),
	"routes.<name>.cors.exposed_headers":       does("cors; of x-ratelimit-* and openai-* the names that Azure is known to send"),
	"routes.<name>.cors.allow_credentials":     does("cors"),
	"routes.<name>.cors.max_age":               does("cors"),
	"routes.<name>.cors.allow_private_network": cant("the policy cors does not know it"),
	"routes.<name>.cors.check_upgrades":        cant("cors is not supported on the handshake of WebSocket APIs"),
	"routes.<name>.cors.withhold_origin":       does("set-header that deletes Origin"),

	"routes.<name>.timeouts.response_head": does("forward-request; above 240 s it may not be kept"),
	"routes.<name>.timeouts.stream_idle":   cant("no policy bounds the silence of a stream; the load balancer cuts one of 4 minutes"),
	"timeouts.*":                           spare(ownGateway),
	"limits.head":                          spare(ownGateway + ", and URLs of 16 KiB at most in the v2 tiers"),
	"limits.request_body":                  spare("the route's own bound counts"),
	"limits.connections":                   spare(ownGateway),
	"limits.exchanges":                     cant("limit-concurrency comes near to it, and is not exported"),
	"limits.slowest":                       spare(ownGateway),

	"clients.*":                                      cant("keys of apim-edge are kept as keyed hashes: make a subscription for each client instead"),
	"token_policies.<name>.tenant_id":                does("tenant-id"),
	"token_policies.<name>.tenants":                  cant("with organizations every tenant passes: add a required claim tid"),
	"token_policies.<name>.cloud":                    does("authentication-endpoint"),
	"token_policies.<name>.openid_configs":           does("openid-config"),
	"token_policies.<name>.issuers":                  does("issuers"),
	"token_policies.<name>.signing_keys":             cant("issuer-signing-keys takes certificates and n and e, and no JWK set or PEM"),
	"token_policies.<name>.decryption_keys":          cant("decryption-keys takes the id of an uploaded certificate, which is not known here"),
	"token_policies.<name>.audiences":                does("audiences"),
	"token_policies.<name>.client_application_ids":   does("client-application-ids, or for other issuers a required claim azp"),
	"token_policies.<name>.required_claims.<name>.*": does("required-claims"),
	"token_policies.<name>.algorithms":               cant("API Management takes PS256, RS256 and RS512, and cannot be told"),
	"token_policies.<name>.clock_skew":               does("clock-skew").but(ofTenant, spare("validate-azure-ad-token has its own")),
	"token_policies.<name>.require_expiration":       does("require-expiration-time").but(ofTenant, spare("tokens of a tenant always expire")),
	"token_policies.<name>.header":                   does("header-name"),
	"token_policies.<name>.query":                    does("query-parameter-name"),
	"token_policies.<name>.failed.*":                 does("failed-validation-httpcode and -error-message"),
})

func notGated(v *view) bool { return !keyGated(v) }

// apimGaps are differences that have no key.
var apimGaps = []gap{
	{"key-before-policies", "who sends a credential in another place than the one that API Management looks at gets 401 before any policy runs: apim_edge_decisions_total tells who that is (docs/migration.md)", keyGated},
	{"tokens-beside-keys", "with the key in Authorization, tokens need another field, and callers that send a token there get 401", keyInAuthorization},
	{"misplaced-token", "a token that stands in the place of the key is not found by the check of tokens", asksForTokens},
	{"paths", "a path needs an operation of the API: others get 404", nil},
	{"cors-refusal", "an origin that is not allowed gets an empty 200, and a preflight of it no explanation", func(v *view) bool { return v.cors() }},
	{"ids", gapIDs.text, spreads},
	gapWindow,
	{"addresses-ipv6", "the manual of ip-filter shows IPv4 alone: try whether it takes IPv6", hasIPv6},
	{"limits-refusal", "who asks for too much is told Retry-After, but neither retry-after-ms nor x-should-retry", (*view).paced},
	{"limits-of-gateways", "instances of the gateway tell each other of their counts with delay, so that more may pass", (*view).paced},
	{"limits-of-tokens", "a token is counted by its text, and anew when it is renewed", func(v *view) bool { return v.paced() && v.route.Limits.Per == "credential" && !keyGated(v) }},
	{"buffering", "streams pass at once only where no policy and no diagnostic setting reads bodies, and not in the Consumption tier", nil},
	{"not-run", "API Management runs in Azure alone: this document has been read, and never run", nil},
}

func keyInAuthorization(v *view) bool {
	return keyGated(v) && len(v.route.Require.Token) == 0
}
func asksForTokens(v *view) bool { return len(v.route.Require.Token) > 0 }
