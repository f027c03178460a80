package config

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestValid holds that the checks refuse nothing that people need; what they
// refuse stands in testdata/invalid.
func TestValid(t *testing.T) {
	route := func(lines string) string {
		return oneUpstream + "routes:\n  openai:\n    " + strings.ReplaceAll(lines, "\n", "\n    ")
	}
	for _, tc := range []struct{ name, file string }{
		{"any origin", route(`cors: {allowed_origins: ["*"]}`)},
		{"the origin of a sandboxed page", route(`cors: {allowed_origins: ["null"]}`)},
		{"the subdomains of a domain, with cookies", route(`cors: {allowed_origins: ["https://*.example.com"], allow_credentials: true}`)},
		{"preview deployments", route(`cors: {allowed_origins: ["https://*-team.apps.example.com"]}`)},
		{"any port of a developer's machine", route(`cors: {allowed_origins: ["http://localhost:*", "http://[::1]:3000"]}`)},
		{"the shells of apps", route(`cors: {allowed_origins: ["app://-", "capacitor-electron://-", "tauri://localhost", "ionic://localhost", "app://.", "file://"]}`)},
		{"every response field", route(`cors: {allowed_origins: ["*"], exposed_headers: ["*"]}`)},
		{"a preflight that is not remembered", route(`cors: {allowed_origins: ["*"], max_age: 0}`)},
		{"no method", route(`cors: {allowed_origins: ["*"], allowed_methods: []}`)},
		{"a placeholder that a client did not expand", route(`credential: {placeholders: ["${OPENAI_API_KEY}"]}`)},
		{"an extension and an editor", route(`cors: {allowed_origins: ["chrome-extension://abcdefghijklmnop", "vscode-webview://0a1b"]}`)},
		{"every request field", route(`cors: {allowed_origins: ["*"], allowed_headers: ["*"]}`)},
		{"way 2", route(`credential: {header: Authorization, value: "Bearer {key}"}`)},
		{"the key's field among the aliases", route(`credential: {aliases: [api-key, x-api-key]}`)},
		{"a prefix that is taken off", route("path_prefix: /openai/v1\nstrip_prefix: /openai")},
		{"the root taken off", route("path_prefix: /openai\nstrip_prefix: /")},
		{"one prefix on two hosts and on any", oneUpstream + "routes: {a: {host: a.example.com}, b: {host: b.example.com}, c: }"},
		{"a host by its IPv6 address, in brackets or without", oneUpstream + "routes: {a: {host: '[::1]'}, b: {host: '2001:DB8:0:0::1'}, c: }"},
		{"a host with a dot at its end", route("host: api.example.com.")},
		{"a revision of API Management", route("path_prefix: /openai;rev=2")},
		{"an upstream by address, port and prefix", "upstreams: {legacy: {url: 'http://10.0.0.1:8080/openai'}}"},
		{"an upstream by IPv6", "upstreams: {legacy: {url: 'https://[fd00::1]:8443'}}"},
		{"an at sign in a path", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/a@b'}}"},
		{"no admin listener", oneUpstream + "admin: {address: ''}"},
		{"any free port, twice", oneUpstream + "listen: {address: '127.0.0.1:0'}\nadmin: {address: '127.0.0.1:0'}"},
		{"the same port on two addresses", oneUpstream + "listen: {address: '127.0.0.2:9090'}"},
		{"no time to drain", oneUpstream + "timeouts: {drain: 0, drain_delay: 0}"},
		{"a heartbeat", route("heartbeat: 15s")},
		{"addresses that may call", oneUpstream + "routes: {all: {require: {addresses: {allow: [10.0.0.0/8, '::ffff:192.0.2.0/120', '::1'], deny: [10.0.0.9]}}}}"},
		{"fields that a request must have", oneUpstream + "routes: {all: {require: {headers: {X-Azure-FDID: {values: ['env:A', 'file:/b', 'keyvault:https://contoso.vault.azure.net/secrets/c'], ignore_case: true}, X-Front: {}}}}}"},
		{"parameters of the query", oneUpstream + "routes: {all: {query: {set: {api-version: '2024-10-21', $top: 'a b&c=%/ä'}, default: {x: ''}, remove: [trace, $filter]}}}"},
		{"trusted networks", oneUpstream + "trusted_proxies: [10.0.0.0/8, 192.0.2.1, 'fd00::/8', '::1']"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mustLoad(t, Options{File: testkit.File(t, "edge.yaml", tc.file)})
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, tc := range []struct{ name, file, want string }{
		{"nothing to say", oneUpstream, ""},
		{"an open admin listener", oneUpstream + "admin: {address: ':9090'}",
			`edge.yaml:2: admin.address: found ":9090", but without admin.token everybody who reaches this address can read metrics and configuration`},
		{"an admin listener with a token", oneUpstream + "admin: {address: ':9090', token: env:ADMIN_TOKEN}", ""},
		{"an admin listener on this machine", oneUpstream + "admin: {address: 'localhost:9090'}", ""},
		{"no admin listener", oneUpstream + "admin: {address: ''}", ""},
		{"everybody is a trusted proxy", oneUpstream + "trusted_proxies: ['0.0.0.0/0']",
			`edge.yaml:2: trusted_proxies[0]: found "0.0.0.0/0", but this believes what every client says about itself`},
		{"addresses that are let in and kept away", oneUpstream + "routes: {all: {require: {addresses: {allow: [10.1.0.0/16, 10.0.0.0/8], deny: [10.1.0.0/16]}}}}",
			`edge.yaml:2: routes.all.require.addresses.allow[0]: found "10.1.0.0/16", but nobody of these may call, since deny has 10.1.0.0/16`},
		{"an upstream without route", "upstreams:\n  a: {url: https://a.azure-api.net}\n  b: {url: https://b.azure-api.net}\nroutes: {all: {upstream: a}}",
			`edge.yaml:3: upstreams.b: no route leads to this upstream`},
		{"keys over plain HTTP", "upstreams: {legacy: {url: 'http://contoso.example.com'}}",
			`edge.yaml:1: upstreams.legacy.url: found "http://contoso.example.com", but over http:// keys and answers can be read on the way`},
		{"a bridge to nowhere", oneUpstream + "routes: {all: {bridge: {models: {gpt-4o: }}}}",
			`edge.yaml:2: routes.all.bridge: nothing here has an effect while to is empty`},
		{"a bridge whose prefix is in the url", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/openai'}}\nroutes: {v1: {path_prefix: /v1, bridge: {to: v1, models: {a: }}}}",
			`edge.yaml:2: routes.v1.bridge: the upstream's url has /openai as well: operations go to https://contoso.azure-api.net/openai/openai/v1/...; take it off the url, or write another prefix`},
		{"a reasoning model that is not enabled", oneUpstream + "routes: {v1: {path_prefix: /v1, bridge: {to: legacy, models: {o3-mini: {api_version: 2024-10-21}, gpt-4o: {api_version: 2024-10-21}, gpt-5.1: {api_version: 2024-12-01-preview}}}}}",
			`edge.yaml:2: routes.v1.bridge.models.o3-mini.api_version: found "2024-10-21", but o-series and GPT-5 models are enabled only for api-version 2024-12-01-preview and later`},
		{"a bridge with a prefix of its own", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/openai'}}\nroutes: {v1: {path_prefix: /openai, bridge: {to: v1, prefix: /v1, models: {a: }}}}", ""},
		{"a prefix in front of itself", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/openai'}}\nroutes: {openai: {path_prefix: /openai}}",
			`edge.yaml:2: routes.openai.path_prefix: found "/openai", but the upstream's url has /openai as well: /openai/models goes to https://contoso.azure-api.net/openai/openai/models; take it off the url, or write strip_prefix: /openai`},
		{"a longer prefix in front of a part of itself", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/eu/openai'}}\nroutes: {openai: {path_prefix: /x/openai/v1, strip_prefix: /x}}",
			`edge.yaml:2: routes.openai.path_prefix: found "/x/openai/v1", but the upstream's url has /openai as well: /x/openai/v1/models goes to https://contoso.azure-api.net/eu/openai/openai/v1/models; take it off the url, or write strip_prefix: /x/openai`},
		{"a prefix that is taken off before it is put in front", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/openai'}}\nroutes: {openai: {path_prefix: /openai, strip_prefix: /openai}}", ""},
		{"a prefix and another one", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/eu'}}\nroutes: {openai: {path_prefix: /openai}}", ""},
		{"the URL of an operation", "upstreams: {legacy: {url: 'https://contoso.azure-api.net/eu/openai/v1/responses'}}",
			`edge.yaml:1: upstreams.legacy.url: found "https://contoso.azure-api.net/eu/openai/v1/responses", but this is the URL of one operation, and each request's path is put behind it: /models goes to https://contoso.azure-api.net/eu/openai/v1/responses/models; did you mean "https://contoso.azure-api.net/eu"?`},
		{"the port of http", "upstreams: {legacy: {url: 'https://contoso.azure-api.net:80/openai'}}",
			`edge.yaml:1: upstreams.legacy.url: found "https://contoso.azure-api.net:80/openai", but port 80 is hardly that of https://; did you mean "https://contoso.azure-api.net/openai"?`},
		{"the port of https", "upstreams: {legacy: {url: 'http://127.0.0.1:443'}}",
			`edge.yaml:1: upstreams.legacy.url: found "http://127.0.0.1:443", but port 443 is hardly that of http://; did you mean "http://127.0.0.1"?`},
		{"their own ports", "upstreams: {legacy: {url: 'https://contoso.azure-api.net:443'}}", ""},
		{"plain HTTP on this machine", "upstreams: {legacy: {url: 'http://127.0.0.1:8000'}}", ""},
		{"headers for nobody", oneUpstream + "traces: {headers: {authorization: 'env:OTLP_TOKEN'}}",
			`edge.yaml:2: traces: nothing here has an effect while endpoint is empty`},
		{"headers over plain HTTP", oneUpstream + "traces: {endpoint: 'http://collector:4318', headers: {authorization: 'env:OTLP_TOKEN'}}",
			`edge.yaml:2: traces.endpoint: found "http://collector:4318", but over http:// the headers can be read on the way`},
		{"headers over plain HTTP on this machine", oneUpstream + "traces: {endpoint: 'http://localhost:4318', sample: 1, headers: {authorization: 'env:OTLP_TOKEN'}}", ""},
		{"models of nothing", oneUpstream + "routes: {all: {usage_models: [gpt-4o]}}",
			`edge.yaml:2: routes.all.usage_models: nothing here has an effect while usage is false`},
		{"CORS without origins", oneUpstream + "routes: {all: {cors: {allowed_headers: [x-one]}}}",
			`edge.yaml:2: routes.all.cors: nothing here has an effect while allowed_origins names no origin`},
		{"a check of origins without origins", oneUpstream + "routes: {all: {cors: {check_upgrades: true}}}",
			`edge.yaml:2: routes.all.cors: nothing here has an effect while allowed_origins names no origin`},
		{"a check of origins where all are allowed", oneUpstream + "routes: {all: {cors: {allowed_origins: ['*'], check_upgrades: true}}}",
			`edge.yaml:2: routes.all.cors.check_upgrades: this refuses nobody while allowed_origins has "*"`},
		{"a check of origins", oneUpstream + "routes: {all: {cors: {allowed_origins: ['https://chat.example.com'], check_upgrades: true}}}", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := loadBytes([]byte(tc.file), Options{})
			testkit.Must(t, err)
			if got := cfg.Warnings().Error(); got != tc.want {
				t.Errorf("Warnings:\ngot  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestOneUnderscore: a variable that would be a key with two underscores is told of;
// those that Kubernetes makes for Services of such names are not.
func TestOneUnderscore(t *testing.T) {
	for name, want := range map[string]string{
		"APIM_EDGE_LISTEN_ADDRESS":                       "APIM_EDGE__LISTEN__ADDRESS",
		"APIM_EDGE_LISTEN__ADDRESS":                      "APIM_EDGE__LISTEN__ADDRESS",
		"APIM_EDGE_LIMITS_REQUEST_BODY":                  "APIM_EDGE__LIMITS__REQUEST_BODY",
		"APIM_EDGE_TRUSTED_PROXIES":                      "APIM_EDGE__TRUSTED_PROXIES",
		"APIM_EDGE_UPSTREAMS_MY_API_TLS_CA_FILE":         "APIM_EDGE__UPSTREAMS__MY_API__TLS__CA_FILE",
		"APIM_EDGE_ROUTES_OPENAI_CORS_MAX_AGE":           "APIM_EDGE__ROUTES__OPENAI__CORS__MAX_AGE",
		"APIM_EDGE_ROUTES_OPENAI_TIMEOUTS_RESPONSE_HEAD": "APIM_EDGE__ROUTES__OPENAI__TIMEOUTS__RESPONSE_HEAD",
		"APIM_EDGE_PORT":                                 "",
		"APIM_EDGE_SERVICE_HOST":                         "",
		"APIM_EDGE_SERVICE_PORT":                         "",
		"APIM_EDGE_SERVICE_PORT_HTTP":                    "",
		"APIM_EDGE_PORT_8080_TCP":                        "",
		"APIM_EDGE_PORT_8080_TCP_ADDR":                   "",
		"APIM_EDGE_PORT_8080_TCP_PROTO":                  "",
		"APIM_EDGE_ROUTES_SERVICE_HOST":                  "",
		"APIM_EDGE_ADMIN_PORT_9090_TCP_ADDR":             "",
		"APIM_EDGE_UPSTREAMS_URL":                        "",
		"APIM_EDGE_LISTEN":                               "",
		"APIM_EDGE_IMAGE":                                "",
		"APIM_EDGE":                                      "",
		"APIM_EDGELISTEN_ADDRESS":                        "",
		"APIM_EDGE__LISTEN__ADDRESS":                     "",
	} {
		got := ""
		if found := strays([]string{"PATH=/bin", name + "=1", name + "_EMPTY="}); len(found) > 0 {
			got = found[0].Allowed
		}
		if got != want {
			t.Errorf("%s: meant %q, want %q", name, got, want)
		}
	}
	if found := strays([]string{"APIM_EDGE_LISTEN_ADDRESS=", "APIM_EDGE_UPSTREAMS_a\nb_URL=x"}); len(found) > 0 {
		t.Errorf("an empty variable, or one with a line break, is told of: %v", found)
	}
}

// TestValidateByHand holds that a configuration without a file is checked as
// well, and that its problems then have no place.
func TestValidateByHand(t *testing.T) {
	c := Default()
	c.Log.Level = "loud"
	c.Limits.Connections = -1
	c = c.Complete()
	const want = `limits.connections: found -1, want 0 or more
log.level: found "loud", want debug, info, warn or error
upstreams: no upstream is named; add one with its url, or start with --upstream URL`
	if got := c.Validate().Error(); got != want {
		t.Errorf("Validate:\ngot  %s\nwant %s", got, want)
	}
}
