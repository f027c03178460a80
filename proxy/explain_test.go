package proxy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestExplainShowsByAnAllowList: values that explain are shown as they are, and all
// others as stars, whatever the field is called.
func TestExplainShowsByAnAllowList(t *testing.T) {
	const jwt = "eyJhbGciOiJub25lIn0.e30.c2ln"
	e, _ := compiled(t)
	for _, tc := range []struct{ line, want string }{
		{"Accept: text/event-stream; q=0.5", "text/event-stream; q=0.5"},
		{"Content-Type: multipart/form-data; boundary=a1b2", "multipart/form-data; boundary=a1b2"},
		{"User-Agent: OpenAI/Python 2.34.0", "OpenAI/Python 2.34.0"},
		{"User-Agent: me/1 " + jwt, "***"},
		{"X-Stainless-Runtime-Version: 3.13.1", "3.13.1"},
		{"OpenAI-Beta: realtime=v1", "realtime=v1"},
		{"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		{"X-Request-Id: mine", "mine"},
		{"Origin: https://chat.example.com:8443", "https://chat.example.com:8443"},
		{"Origin: https://auth.example.com:8443", "https://auth.example.com:8443"},
		{"Origin: app://-", "app://-"},
		{"Origin: null", "null"},
		{"Origin: https://user:s3cret@chat.example.com", "***"},
		{"Origin: s3cret", "***"},
		{"Referer: https://chat.example.com/?code=s3cret", "***"},
		{"X-Auth: s3cret", "***"},
		{"X-Jwt-Assertion: " + jwt, "***"},
		{"X-Whatever: s3cret", "***"},
		{"Cookie: a=s3cret; b", "***"},
		{"Idempotency-Key: s3cret", "***"},
		{"Authorization: Basic s3cret", "Basic ***"},
		{"X-Other-Auth: Bearer s3cret", "Bearer ***"},
		{"Sec-WebSocket-Protocol: realtime, s3cret, openai-project.proj_1,openai-beta.realtime-v1", "realtime, ***, openai-project.proj_1, openai-beta.realtime-v1"},
	} {
		head := "GET /a HTTP/1.1\r\nHost: edge\r\n" + tc.line + "\r\n\r\n"
		name, _, _ := strings.Cut(tc.line, ":")
		got := e.Explain([]byte(head)).Head
		if want := "\n" + name + ": " + tc.want + "\n"; !strings.Contains(got, want) {
			t.Errorf("%s: explained as\n%s", tc.line, got)
		}
	}
}

// TestExplainShowsTargetsAsTheLogDoes: there is one way of showing them.
func TestExplainShowsTargetsAsTheLogDoes(t *testing.T) {
	e, s := compiled(t)
	for _, target := range []string{"/a", "/a?", "/a?api-version=1&x=2", "/a?openai-key=s3cret", "/a?u=%3Ftoken%3Ds3cret", "/api-key/s3cret0123456789/x;sig=s3cret", "/t/eyJhbGciOiJub25lIn0.s3cret.x"} {
		head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: edge\r\n\r\n", target)
		x := exchangeOf(e, s)
		testkit.Must(t, x.req.Parse([]byte(head)))
		x.note()
		first, _, _ := strings.Cut(e.Explain([]byte(head)).Head, "\n")
		if want := "GET " + string(x.kept.of(x.kept.path)) + " HTTP/1.1"; first != want || strings.Contains(first, "s3cret") {
			t.Errorf("%s: explained as %q, logged as %q", target, first, want)
		}
	}
}
