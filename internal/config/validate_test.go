package config

import (
	"strings"
	"testing"
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
		{"trusted networks", oneUpstream + "trusted_proxies: [10.0.0.0/8, 192.0.2.1, 'fd00::/8', '::1']"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mustLoad(t, Options{File: write(t, "edge.yaml", tc.file)})
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
		{"an upstream without route", "upstreams:\n  a: {url: https://a.azure-api.net}\n  b: {url: https://b.azure-api.net}\nroutes: {all: {upstream: a}}",
			`edge.yaml:3: upstreams.b: no route leads to this upstream`},
		{"keys over plain HTTP", "upstreams: {legacy: {url: 'http://contoso.example.com'}}",
			`edge.yaml:1: upstreams.legacy.url: found "http://contoso.example.com", but over http:// keys and answers can be read on the way`},
		{"plain HTTP on this machine", "upstreams: {legacy: {url: 'http://127.0.0.1:8000'}}", ""},
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
			if err != nil {
				t.Fatal(err)
			}
			if got := cfg.Warnings().Error(); got != tc.want {
				t.Errorf("Warnings:\ngot  %s\nwant %s", got, tc.want)
			}
		})
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
