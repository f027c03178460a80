//go:build e2e

package export

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const (
	keyA = "0123456789abcdef0123456789abcdef"
	keyB = "fedcba9876543210fedcba9876543210"
)

var (
	tokenA = compact(`{"typ":"JWT","alg":"RS256","x5t":"abc","kid":"abc"}`, 3)
	tokenB = compact(`{"alg":"PS256","kid":"def"}`, 3)
	jwe    = compact(`{"enc":"A256GCM","alg":"RSA-OAEP"}`, 5)
)

func compact(header string, parts int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + strings.Repeat(".c2VjcmV0", parts-1)
}

// policies are the credential rules that a route can have.
var policies = []struct{ name, options string }{
	{"default", `{}`},
	{"conflicts are refused", `{on_conflict: reject}`},
	{"missing ones are refused", `{on_missing: reject}`},
	{"misplaced tokens stay", `{misplaced_token: keep}`},
	{"misplaced tokens stay and conflicts are refused", `{misplaced_token: keep, on_conflict: reject}`},
	{"authorization is kept", `{keep_authorization: true}`},
	{"another field and form", `{header: Ocp-Apim-Subscription-Key, value: "Key {key}"}`},
	{"other places", `{header: x-our-key, aliases: [x-api-key, api-key], query_aliases: [api-key, Authorization]}`},
	{"no other places", `{aliases: [], query_aliases: [], placeholders: [changeme]}`},
	{"key in authorization", `{header: Authorization, value: "Bearer {key}"}`},
	{"key in authorization and misplaced tokens stay", `{header: Authorization, value: "Bearer {key}", misplaced_token: keep}`},
	{"key in authorization and conflicts are refused", `{header: Authorization, value: "Bearer {key}", on_conflict: reject, misplaced_token: keep}`},
}

const configuration = `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, upstream: legacy, credential: %s}}
`

// TestCredentials: under every policy, whatever stands in the places of a credential, the
// upstream is shown the same by all three.
func TestCredentials(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.name, func(t *testing.T) {
			up := startRecorder(t, false)
			all := sides(t, up, fmt.Sprintf(configuration, policy.options), secrets{})
			for _, head := range combinations() {
				compare(t, up, all, head, "")
				if t.Failed() {
					return
				}
			}
			for _, c := range oddities {
				compare(t, up, all, c.head(), c.differs)
			}
		})
	}
}

// combinations are heads with every kind of value in every place.
func combinations() (heads []string) {
	authorizations := []string{"", "Bearer " + keyA, "bearer  " + tokenA, "Bearer Bearer " + tokenA, "Bearer Bearer " + keyA, "Bearer EMPTY", "Basic dXNlcjpwYXNz", "Bearer " + jwe}
	fields := []string{"", keyA, keyB, tokenA, "Bearer " + tokenB, "none"}
	queries := []string{"", "a=1&subscription-key=" + keyA + "&b=2", "Subscription-Key=" + tokenA}
	for _, authorization := range authorizations {
		for _, field := range fields {
			for _, alias := range fields[:5] {
				for _, query := range queries {
					heads = append(heads, head("/openai/v1/models", query,
						"Authorization", authorization, "api-key", field, "Ocp-Apim-Subscription-Key", alias))
				}
			}
		}
	}
	return heads
}

// head writes a request; fields without a value are left out.
func head(path, query string, fields ...string) string {
	if query != "" {
		path += "?" + query
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "GET %s HTTP/1.1\r\nHost: edge\r\n", path)
	for i := 0; i < len(fields); i += 2 {
		if fields[i+1] != "" {
			fmt.Fprintf(b, "%s: %s\r\n", fields[i], fields[i+1])
		}
	}
	return b.String() + "\r\n"
}

// compare asks all sides the same. Where one differs from the edge, which is the first,
// the difference must be listed: differs has the ids, by the side's name.
func compare(t *testing.T, up *recorder, all []*side, head string, differs string) {
	t.Helper()
	var want string
	for i, s := range all {
		o := s.ask(t, up, head)
		got := fmt.Sprintf("%d %s", o.status, credentials(o.seen))
		if i == 0 {
			want = got
			continue
		}
		id := ""
		for pair := range strings.FieldsSeq(differs) {
			if name, found, _ := strings.Cut(pair, "="); name == s.name {
				id = found
			}
		}
		switch {
		case got == want:
		case id == "":
			t.Errorf("%s differs.\nasked:\n%s%s: %s\nedge: %s", s.name, head, s.name, got, want)
		case !s.doc.lists(id):
			t.Errorf("%s differs by %q, which is not in its list; asked:\n%s", s.name, id, head)
		}
	}
}
