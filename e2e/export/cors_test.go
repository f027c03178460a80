//go:build e2e

package export

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const pages = `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, upstream: legacy, credential: {on_missing: reject}, cors: %s}}
`

// access returns the fields of CORS of an answer, as one text. Members of lists are
// compared as sets, without case.
func access(h http.Header) string {
	var lines []string
	for name, values := range h {
		if !strings.HasPrefix(name, "Access-Control-") {
			continue
		}
		if name != "Access-Control-Allow-Origin" {
			values = members(values)
		}
		if name == "Access-Control-Expose-Headers" { // families are listed by what is known of them
			values = slices.DeleteFunc(values, func(v string) bool { return strings.HasPrefix(v, "x-ratelimit-") || strings.HasPrefix(v, "openai-") })
		}
		lines = append(lines, fmt.Sprintf("%s=%q", name, values))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%s vary=%q", strings.Join(lines, " "), members(h.Values("Vary")))
}

func members(values []string) (all []string) {
	for member := range strings.SplitSeq(strings.ToLower(strings.Join(values, ",")), ",") {
		if member = strings.TrimSpace(member); member != "" {
			all = append(all, member)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestCORS: preflights never reach the upstream and are answered alike; answers of the
// upstream, and refusals, carry the same fields.
func TestCORS(t *testing.T) {
	for name, policy := range map[string]string{
		"named origins":      `{allowed_origins: ["https://chat.example.com", "https://*.example.org", "http://localhost:*", "app://-", "null"], allowed_headers: [x-team], exposed_headers: [x-cost]}`,
		"every page":         `{allowed_origins: ["*"], allowed_methods: [GET, POST], max_age: 0}`,
		"credentials":        `{allowed_origins: ["https://chat.example.com"], allowed_headers: ["*"], allow_credentials: true, allow_private_network: true}`,
		"upgrades are asked": `{allowed_origins: ["https://chat.example.com"], check_upgrades: true, exposed_headers: ["*"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			up := startRecorder(t, false)
			up.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example.com")
				w.Header().Set("Access-Control-Max-Age", "5")
				w.Header().Set("Vary", "Accept-Encoding")
				w.WriteHeader(http.StatusTooManyRequests)
			}
			all := sides(t, up, fmt.Sprintf(pages, policy), secrets{})
			for _, origin := range []string{"https://chat.example.com", "https://a.b.example.org", "https://evil.example.com", "https://evil.test/.example.org", "http://localhost:3000", "app://-", "null"} {
				for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "PURGE"} {
					for _, fields := range []string{"", "authorization,content-type,x-stainless-os", "x-unknown", "Authorization, X-Team"} {
						same(t, up, all, preflight(origin, method, fields))
					}
				}
				for _, credential := range []string{"Bearer " + keyA, "", "Bearer a, b"} {
					same(t, up, all, head("/openai/v1/models", "", "Origin", origin, "Authorization", credential))
				}
				same(t, up, all, head("/openai/v1/realtime", "", "Origin", origin, "Authorization", "Bearer "+keyA, "Upgrade", "websocket", "Connection", "Upgrade",
					"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))
			}
			same(t, up, all, head("/openai/v1/models", "", "Authorization", "Bearer "+keyA))
			same(t, up, all, "OPTIONS /openai/v1/models HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer k\r\nOrigin: https://chat.example.com\r\n\r\n")
		})
	}
}

func preflight(origin, method, fields string) string {
	h := head("/openai/v1/models", "", "Origin", origin, "Access-Control-Request-Method", method,
		"Access-Control-Request-Headers", fields, "Access-Control-Request-Private-Network", "true")
	return "OPTIONS" + strings.TrimPrefix(h, "GET")
}

// same compares status, the fields of CORS, and whether the upstream was asked.
func same(t *testing.T, up *recorder, all []*side, head string) {
	t.Helper()
	want := ""
	for i, s := range all {
		o := s.ask(t, up, head)
		got := fmt.Sprintf("%d asked=%t %s", o.status, o.seen != nil, access(o.header))
		if i == 0 {
			want = got
		} else if got != want {
			t.Errorf("%s differs.\nasked:\n%s%s: %s\nedge: %s", s.name, head, s.name, got, want)
		}
	}
}
