package proxy_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// wantError holds that m is an error of the edge as internal/edgeerr has it,
// with this status and hint.
func wantError(t testing.TB, m message, status int, code, shouldRetry string) {
	t.Helper()
	if m.status() != status || m.get("x-apim-edge-error") != code {
		t.Fatalf("answer %q with x-apim-edge-error %q, want %d %s", m.first, m.get("x-apim-edge-error"), status, code)
	}
	if got := m.get("x-should-retry"); got != shouldRetry {
		t.Errorf("%s: x-should-retry %q, want %q", code, got, shouldRetry)
	}
	if m.get("x-request-id") == "" || m.get("Content-Type") != "application/json" {
		t.Errorf("%s: x-request-id %q, Content-Type %q", code, m.get("x-request-id"), m.get("Content-Type"))
	}
	if got := m.get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: Cache-Control %q, want no-store", code, got)
	}
	var after string
	for _, c := range edgeerr.Codes() {
		if c.String() == code && c.RetryAfter() > 0 {
			after = strconv.Itoa(c.RetryAfter())
		}
	}
	if got := m.get("Retry-After"); got != after {
		t.Errorf("%s: Retry-After %q, want %q", code, got, after)
	}
	wantErrorBody(t, m, status, code)
}

// wantErrorBody holds that one JSON body serves those who know APIM and those
// who know OpenAI.
func wantErrorBody(t testing.TB, m message, status int, code string) {
	t.Helper()
	var body struct {
		StatusCode int
		Message    string
		Error      struct {
			Message, Type, Code string
			Param               any
		}
	}
	if m.body == "" {
		return // the answer to HEAD
	}
	if err := json.Unmarshal([]byte(m.body), &body); err != nil {
		t.Fatalf("%s: the body %q: %v", code, m.body, err)
	}
	if body.StatusCode != status || body.Error.Code != code || body.Message == "" || body.Message != body.Error.Message ||
		body.Error.Type == "" || body.Error.Param != nil {
		t.Errorf("%s: body %s", code, m.body)
	}
}
