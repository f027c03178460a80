//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// credentials is what a request has to carry when it reaches upstream: these
// and no others, in these fields and in no other place.
type credentials struct{ key, token, wrongKey bool }

var (
	keyOnly     = credentials{key: true}
	tokenOnly   = credentials{token: true}
	keyAndToken = credentials{key: true, token: true}
	wrongKey    = credentials{wrongKey: true}
)

// sdkCase is one case of a script and what has to be seen of it.
type sdkCase struct {
	name string
	// reason is the decision of the edge, as the access log tells it.
	reason string
	// sees is what upstream sees.
	sees credentials
	// requests is how many reach upstream; -1: none, the edge refuses.
	// 0 stands for 1.
	requests int
	// fails is the status of the error that the SDK has to raise, and says a
	// part of what its user reads. 0: it has to succeed.
	fails int
	says  string
	// direct is the status of the same case without the edge; 0: not asked.
	// 200 says that this client needs no edge for this.
	direct int
	// more looks further into what was seen.
	more func(*testing.T, *stage, []seenRequest)
}

// want is how many requests have to reach upstream.
func (c sdkCase) want() int { return max(map[bool]int{true: 1, false: c.requests}[c.requests == 0], 0) }

// kind gives the same expectations to several operations of one kind of
// client. The first operation is tried without the edge, too.
func kind(name, reason string, sees credentials, direct int, operations ...string) []sdkCase {
	var cases []sdkCase
	for i, operation := range operations {
		c := sdkCase{name: name + "/" + operation, reason: reason, sees: sees}
		if i == 0 {
			c.direct = direct
		}
		cases = append(cases, c)
	}
	return cases
}

// judge lays what the SDK told and what upstream saw beside what was wanted.
func (c sdkCase) judge(t *testing.T, s *stage, line caseLine) {
	t.Helper()
	if line.OK != (c.fails == 0) || line.Status != c.fails || !strings.Contains(line.Detail, c.says) {
		t.Errorf("the SDK's user gets ok=%v, status %d, %q; want ok=%v, status %d, %q",
			line.OK, line.Status, line.Detail, c.fails == 0, c.fails, c.says)
	}
	seen := s.seen(c.name)
	if len(seen) != c.want() {
		t.Errorf("%d requests reached upstream, want %d", len(seen), c.want())
	}
	for _, r := range seen {
		if err := c.sees.check(r); err != nil {
			t.Errorf("%s %s: %v", r.Method, r.Target, err)
		}
		line := access(t, s.Edge, r.Get("x-request-id"))
		if line.Reason != c.reason {
			t.Errorf("reason in the access log: got %q, want %q", line.Reason, c.reason)
		}
	}
	if c.more != nil {
		c.more(t, s, seen)
	}
}

// check searches the head for every secret, wherever it may hide.
func (c credentials) check(r seenRequest) error {
	wanted := map[string]string{}
	if c.key {
		wanted["api-key"] = subscriptionKey
	}
	if c.wrongKey {
		wanted["api-key"] = otherKey
	}
	if c.token {
		wanted["authorization"] = "Bearer " + token
	}
	for name, value := range wanted {
		if got := lines(r, name); !slices.Equal(got, []string{value}) {
			return fmt.Errorf("%s: got %d lines, want the one with the secret", name, len(got))
		}
	}
	for _, f := range r.Fields {
		name := strings.ToLower(f.Name)
		if wanted[name] == f.Value && wanted[name] != "" {
			continue
		}
		if slices.Contains(credentialFields, name) {
			return fmt.Errorf("%s reached upstream and should not", f.Name)
		}
		if secret := findSecret(f.Value); secret != "" {
			return fmt.Errorf("%s holds the secret %s", f.Name, secret)
		}
	}
	if secret := findSecret(r.Target); secret != "" {
		return fmt.Errorf("the target holds the secret %s", secret)
	}
	return nil
}

// causeIs asks for the cause in the access line of the last request.
func causeIs(cause string) func(*testing.T, *stage, []seenRequest) {
	return func(t *testing.T, s *stage, seen []seenRequest) {
		t.Helper()
		if len(seen) == 0 {
			return // said already
		}
		if line := access(t, s.Edge, seen[len(seen)-1].Get("x-request-id")); line.Cause != cause {
			t.Errorf("cause in the access line: got %q, want %q", line.Cause, cause)
		}
	}
}

// clientIs asks for the kind of client in the access line of each request.
func clientIs(kind string) func(*testing.T, *stage, []seenRequest) {
	return func(t *testing.T, s *stage, seen []seenRequest) {
		t.Helper()
		for _, r := range seen {
			if line := access(t, s.Edge, r.Get("x-request-id")); line.Client != kind {
				t.Errorf("client in the access line: got %q, want %q", line.Client, kind)
			}
		}
	}
}

// by has each of the cases look for the kind of client.
func by(client string, cases []sdkCase) []sdkCase {
	for i := range cases {
		cases[i].more = clientIs(client)
	}
	return cases
}

// wasCancelled asks upstream whether it was told that the client left.
func wasCancelled(t *testing.T, s *stage, seen []seenRequest) {
	t.Helper()
	for _, r := range seen {
		if end := s.Key.ended(t, r.ID); !end.Left {
			t.Errorf("upstream sent all %d events to a client that had left", end.Events)
		}
	}
	causeIs("client_left")(t, s, seen)
}

// wasChunked asks for an upload that came in chunks.
func wasChunked(t *testing.T, _ *stage, seen []seenRequest) {
	t.Helper()
	for _, r := range seen {
		if r.Get("transfer-encoding") != "chunked" || r.Has("content-length") {
			t.Errorf("framing of the upload: Transfer-Encoding %q, Content-Length %q; want chunks",
				r.Get("transfer-encoding"), r.Get("content-length"))
		}
	}
}

var credentialFields = []string{
	"authorization", "api-key", "x-api-key", "ocp-apim-subscription-key", "proxy-authorization",
}

// findSecret names the secret that text contains.
func findSecret(text string) string {
	for name, secret := range map[string]string{
		"subscription key": subscriptionKey, "other key": otherKey,
		"token": token[strings.LastIndexByte(token, '.'):],
	} {
		if strings.Contains(text, secret) {
			return name
		}
	}
	return ""
}
