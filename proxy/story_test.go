package proxy

import (
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestExplainStopsWhereTheStorySends holds that the steps which explain runs are
// all of those in front of the first that needs the body, or could send something.
func TestExplainStopsWhereTheStorySends(t *testing.T) {
	for i, want := range []string{"findModel", "ask"} {
		if name := runtime.FuncForPC(reflect.ValueOf(story[judging+i]).Pointer()).Name(); !strings.HasSuffix(name, want) {
			t.Errorf("explain stops in front of %s, want %s", name, want)
		}
	}
}

// TestExplainComesToWhatTheStoryComesTo runs a request into each step that can end
// it, with nobody on the connection.
func TestExplainComesToWhatTheStoryComesTo(t *testing.T) {
	quiet := zerolog.New(io.Discard)
	edge := NewEdge(quiet, quiet, record.NewMetrics("test", func() float64 { return 0 }), nil)
	conf := config.Default()
	conf.Limits.Head.Bytes, conf.Limits.RequestBody.Bytes = 1<<10, 10
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: "http://127.0.0.1:1"}}
	route := config.Route{PathPrefix: "/openai"}
	route.CORS.AllowedOrigins, route.CORS.CheckUpgrades = []string{"https://chat.example.com"}, true
	conf.Routes = map[string]config.Route{"openai": route, "v1": {PathPrefix: "/v1", Bridge: config.Bridge{
		To: "legacy", Models: map[string]config.BridgeModel{"gpt-4o": {APIVersion: "2024-10-21"}, "o3": {APIVersion: "2024-12-01-preview"}},
	}}}
	snapshot, err := edge.Compile(conf.Complete())
	if err != nil {
		t.Fatal(err)
	}
	edge.Use(snapshot)
	defer edge.Close()
	for _, tc := range []struct {
		step, request string
		want          edgeerr.Code
		preflight     bool
	}{
		{"readHead", "GET /openai/%2e%2e HTTP/1.1|Host: a", edgeerr.RequestMalformed, false},
		{"readHead, of too much", "GET /openai HTTP/1.1|Host: a|X: " + strings.Repeat("x", 70<<10), edgeerr.HeadTooLarge, false},
		{"findRoute", "GET /other HTTP/1.1|Host: a", edgeerr.RouteNotFound, false},
		{"answerPreflight", "OPTIONS /openai HTTP/1.1|Host: a|Origin: https://chat.example.com|Access-Control-Request-Method: GET", edgeerr.None, true},
		{"checkUpgrade", "GET /openai HTTP/1.1|Host: a|Origin: https://evil.test|Connection: Upgrade|Upgrade: websocket", edgeerr.OriginNotAllowed, false},
		{"admit", "POST /openai HTTP/1.1|Host: a|Content-Length: 11", edgeerr.BodyTooLarge, false},
		{"decide", "GET /openai HTTP/1.1|Host: a|Authorization: Bearer a b", edgeerr.MalformedCredential, false},
		{"cross", "POST /v1/assistants HTTP/1.1|Host: a|Content-Length: 2", edgeerr.BridgeImpossible, false},
		{"findModel, and would be sent", "POST /v1/chat/completions HTTP/1.1|Host: a|Content-Length: 10", edgeerr.None, false},
		{"beginBody, and would be sent", "POST /openai HTTP/1.1|Host: a|Content-Length: 10", edgeerr.None, false},
	} {
		t.Run(tc.step, func(t *testing.T) {
			got := edge.Explain([]byte(strings.ReplaceAll(tc.request, "|", "\r\n") + "\r\n\r\n"))
			if got.Code != tc.want || got.Preflight != tc.preflight || (got.Head != "") != (tc.want == edgeerr.None && !tc.preflight) {
				t.Errorf("got %v, preflight %v, head %q; want %v, %v", got.Code, got.Preflight, got.Head, tc.want, tc.preflight)
			}
			if n := edge.Inflight(); n != 0 {
				t.Errorf("%d exchanges are left", n)
			}
		})
	}
}
