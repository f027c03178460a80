package proxytest

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// WantError holds that m is an error of the edge as internal/edgeerr has it,
// with this status and hint.
func WantError(t testing.TB, m Message, status int, code, shouldRetry string) {
	t.Helper()
	if m.Status() != status || m.Get("x-apim-edge-error") != code {
		t.Fatalf("answer %q with x-apim-edge-error %q, want %d %s", m.First, m.Get("x-apim-edge-error"), status, code)
	}
	if got := m.Get("x-should-retry"); got != shouldRetry {
		t.Errorf("%s: x-should-retry %q, want %q", code, got, shouldRetry)
	}
	if m.Get("x-request-id") == "" || m.Get("Content-Type") != "application/json" {
		t.Errorf("%s: x-request-id %q, Content-Type %q", code, m.Get("x-request-id"), m.Get("Content-Type"))
	}
	if got := m.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q, want no-store", code, got)
	}
	var after string
	for _, c := range edgeerr.Codes() {
		if c.String() == code && c.RetryAfter() > 0 {
			after = strconv.Itoa(c.RetryAfter())
		}
	}
	if got := m.Get("Retry-After"); got != after && m.Get("retry-after-ms") == "" { // else it is for the test to judge
		t.Errorf("%s: Retry-After %q, want %q", code, got, after)
	}
	wantErrorBody(t, m, status, code)
}

// wantErrorBody holds that one JSON body serves those who know APIM and those
// who know OpenAI.
func wantErrorBody(t testing.TB, m Message, status int, code string) {
	t.Helper()
	var body struct {
		StatusCode int
		Message    string
		Error      struct {
			Message, Type, Code string
			Param               any
		}
	}
	if m.Body == "" {
		return // the answer to HEAD
	}
	if err := json.Unmarshal([]byte(m.Body), &body); err != nil {
		t.Fatalf("%s: the body %q: %v", code, m.Body, err)
	}
	if body.StatusCode != status || body.Error.Code != code || body.Message == "" || body.Message != body.Error.Message ||
		body.Error.Type == "" || body.Error.Param != nil {
		t.Errorf("%s: body %s", code, m.Body)
	}
}
