//go:build e2e

package export

import (
	"fmt"
	"strings"
	"testing"
)

// TestAddresses: who may call from where is the same in all programs, through trusted
// proxies, in front of what looks at a credential and behind preflights.
func TestAddresses(t *testing.T) {
	const addressed = `
trusted_proxies: [%s]
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes:
  openai:
    path_prefix: /
    cors: {allowed_origins: ["https://chat.example.com"]}
    require: {addresses: %s}
`
	const behind = "127.0.0.0/8, 10.0.0.0/8"
	for _, tc := range []struct {
		name, trusted, addresses string
		passes, refused          []string // what X-Forwarded-For says
	}{
		{"alone", behind, `{allow: [203.0.113.0/24, "2001:db8::/32", 198.51.100.7, 198.51.100.7, "::ffff:192.0.2.0/120"]}`,
			[]string{"203.0.113.7", "2001:db8::1", "198.51.100.7", "192.0.2.9", "8.8.8.8, 203.0.113.7", "203.0.113.7, 10.0.0.1", "203.0.113.7,10.0.0.1, 10.0.0.2", "203.0.113.7:4711"},
			[]string{"8.8.8.8", "203.0.113.7, 8.8.8.8", "2001:db9::1", "", "unknown", "203.0.113.7, unknown", "203.0.113.7, unknown, 10.0.0.1"}},
		{"all but some", behind, `{deny: [203.0.113.0/24, "2001:db8::/32"]}`,
			[]string{"8.8.8.8", "203.0.113.7, 8.8.8.8", "2001:db9::1", ""},
			[]string{"203.0.113.7", "2001:db8::1", "203.0.113.7, 10.0.0.1", "203.0.113.7, 10.0.0.3, 10.0.0.2, 10.0.0.1"}},
		{"some of those alone", behind, `{allow: [203.0.113.0/24], deny: [203.0.113.9, 203.0.113.64/28]}`,
			[]string{"203.0.113.8", "203.0.113.80"}, []string{"203.0.113.9", "203.0.113.79", "8.8.8.8"}},
		{"nobody is trusted", "", `{allow: [203.0.113.0/24]}`, nil, []string{"203.0.113.7", ""}},
		{"nobody is trusted, and this machine may call", "", `{allow: [127.0.0.1], deny: [203.0.113.0/24]}`, []string{"203.0.113.7", ""}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			up := startRecorder(t, false)
			for _, s := range sides(t, up, fmt.Sprintf(addressed, tc.trusted, tc.addresses), secrets{}) {
				ask := func(said string, status int, fields ...string) {
					t.Helper()
					if said != "" {
						fields = append(fields, "X-Forwarded-For", said)
					}
					o := s.ask(t, up, head("/openai/v1/models", "", fields...))
					if o.status != status || (o.seen != nil) != (status == 200) {
						t.Errorf("%s: who comes from %q gets %d, want %d", s.name, said, o.status, status)
					}
					if status == 403 && s.doc != nil && !strings.Contains(o.body, "comes from an address") {
						t.Errorf("%s: %q says %s", s.name, said, o.body)
					}
				}
				for _, said := range tc.passes {
					ask(said, 200, "api-key", keyA)
				}
				for _, said := range tc.refused {
					ask(said, 403, "api-key", keyA)
					ask(said, 403, "Authorization", "Bearer a b") // a stranger learns nothing of it
				}
				if s.doc != nil && s.doc.lists("addresses-with-ports") {
					ask("[2001:db8::1]:443", map[bool]int{true: 403, false: 200}[strings.Contains(tc.addresses, "allow")], "api-key", keyA)
				}
				if o := s.ask(t, up, preflight("https://chat.example.com", "POST", "authorization")); o.status != 204 {
					t.Errorf("%s: a preflight is answered %d", s.name, o.status)
				}
			}
		})
	}
}
