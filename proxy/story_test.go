package proxy

import (
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/trace"
)

// TestExplainStopsWhereTheStorySends holds that the steps which explain runs are
// all of those in front of the first that needs the body, or could send something.
func TestExplainStopsWhereTheStorySends(t *testing.T) {
	for i, want := range []string{"findModel", "ask"} {
		if name := runtime.FuncForPC(reflect.ValueOf(story[explained+i].take).Pointer()).Name(); !strings.HasSuffix(name, want) {
			t.Errorf("explain stops in front of %s, want %s", name, want)
		}
	}
}

// TestExplainComesToWhatTheStoryComesTo runs a request into each step that can end
// it, with nobody on the connection.
func TestExplainComesToWhatTheStoryComesTo(t *testing.T) {
	quiet := zerolog.New(io.Discard)
	edge := NewEdge(quiet, io.Discard, record.NewMetrics("test", func() float64 { return 0 }), nil)
	conf := config.Default()
	conf.Limits.Head.Bytes, conf.Limits.RequestBody.Bytes = 1<<10, 10
	conf.Listen.HealthPath = "/healthz"
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
	const passes = "limits.exchanges: passes, limits.request_body: passes"
	for _, tc := range []struct {
		step, request string
		want          edgeerr.Code
		preflight     bool
		own           string // the edge's answer, from its first line to its last
		gates         string
	}{
		{"readHead", "GET /openai/%2e%2e HTTP/1.1|Host: a", edgeerr.RequestMalformed, false, "", ""},
		{"readHead, of too much", "GET /openai HTTP/1.1|Host: a|X: " + strings.Repeat("x", 70<<10), edgeerr.HeadTooLarge, false, "", ""},
		{"answerHealth", "GET /healthz HTTP/1.1|Host: a", edgeerr.None, false, "HTTP/1.1 200 OK ... ready", ""},
		{"answerHealth, of a path that is a probe's for GET alone", "POST /healthz HTTP/1.1|Host: a", edgeerr.RouteNotFound, false, "", ""},
		{"findRoute", "GET /other HTTP/1.1|Host: a", edgeerr.RouteNotFound, false, "", ""},
		{"answerPreflight", "OPTIONS /openai HTTP/1.1|Host: a|Origin: https://chat.example.com|Access-Control-Request-Method: GET", edgeerr.None, true, "", ""},
		{"answerLastHop", "OPTIONS /openai HTTP/1.1|Host: a|Max-Forwards: 0", edgeerr.None, false, "HTTP/1.1 204 No Content ... Allow: GET, HEAD", ""},
		{"answerLastHop, of a page", "OPTIONS /openai HTTP/1.1|Host: a|Origin: https://evil.test|Max-Forwards: 0", edgeerr.None, false, "HTTP/1.1 204 No Content ... Allow: GET, HEAD", ""},
		{"answerLastHop, one hop before", "OPTIONS /openai HTTP/1.1|Host: a|Max-Forwards: 1", edgeerr.None, false, "", passes},
		{"checkUpgrade", "GET /openai HTTP/1.1|Host: a|Origin: https://evil.test|Connection: Upgrade|Upgrade: websocket", edgeerr.OriginNotAllowed, false, "", ""},
		{"admit", "POST /openai HTTP/1.1|Host: a|Content-Length: 11", edgeerr.BodyTooLarge, false, "", "limits.exchanges: passes, limits.request_body: 413 body_too_large"},
		{"decide", "GET /openai HTTP/1.1|Host: a|Authorization: Bearer a b", edgeerr.MalformedCredential, false, "", passes},
		{"cross", "POST /v1/assistants HTTP/1.1|Host: a|Content-Length: 2", edgeerr.BridgeImpossible, false, "", passes},
		{"cross, and is answered", "GET /v1/models HTTP/1.1|Host: a", edgeerr.None, false, "HTTP/1.1 200 OK ... {\"object\":\"list\"", passes},
		{"findModel, and would be sent", "POST /v1/chat/completions HTTP/1.1|Host: a|Content-Length: 10", edgeerr.None, false, "", passes},
		{"beginBody, and would be sent", "POST /openai HTTP/1.1|Host: a|Content-Length: 10", edgeerr.None, false, "", passes},
	} {
		t.Run(tc.step, func(t *testing.T) {
			got := edge.Explain([]byte(strings.ReplaceAll(tc.request, "|", "\r\n") + "\r\n\r\n"))
			if got.Code != tc.want || got.Preflight != tc.preflight || (got.Head != "") != (tc.want == edgeerr.None && !tc.preflight && tc.own == "") {
				t.Errorf("got %v, preflight %v, head %q; want %v, %v", got.Code, got.Preflight, got.Head, tc.want, tc.preflight)
			}
			if first, last, _ := strings.Cut(tc.own, " ... "); (got.Own == "") != (tc.own == "") || got.Refused != "" && tc.own != "" ||
				tc.own != "" && (got.Reply[0] != first || !slices.ContainsFunc(got.Reply, func(l string) bool { return strings.HasPrefix(l, last) })) {
				t.Errorf("own answer %q %q, want %q", got.Own, got.Reply, tc.own)
			}
			if gates := strings.Trim(fmt.Sprint(got.Gates), "[]"); gates != strings.ReplaceAll(tc.gates, ", ", " ") {
				t.Errorf("gates %q, want %q", gates, tc.gates)
			}
			if n := edge.Inflight(); n != 0 {
				t.Errorf("%d exchanges are left", n)
			}
		})
	}
}

// TestAStepIsPassedOverWhereItHasNothingToDo: a gate that a route has is never one of those.
func TestAStepIsPassedOverWhereItHasNothingToDo(t *testing.T) {
	optional := []string{"answerPreflight", "checkUpgrade", "beginTrace", "authenticate", "limit", "cross", "findModel"}
	for _, tc := range []struct {
		with  string
		taken []string
		s     route.Snapshot
		r     route.Route
	}{
		{"nothing", nil, route.Snapshot{}, route.Route{}},
		{"CORS", []string{"answerPreflight"}, route.Snapshot{}, route.Route{CORS: &corsx.Policy{}}},
		{"cors.check_upgrades", []string{"checkUpgrade"}, route.Snapshot{}, route.Route{CheckUpgrades: true}},
		{"traces", []string{"beginTrace"}, route.Snapshot{Sampler: trace.NewSampler(1)}, route.Route{}},
		{"a gate", []string{"authenticate"}, route.Snapshot{}, route.Route{Gate: &identity.Gate{}}},
		{"limits", []string{"limit"}, route.Snapshot{}, route.Route{Limit: &admit.Limit{}}},
		{"a bridge", []string{"cross", "findModel"}, route.Snapshot{}, route.Route{Bridge: &bridge.Table{}}},
	} {
		tc.s.Routes = []*route.Route{&tc.r}
		passOver(&tc.s)
		for i := range story {
			name := runtime.FuncForPC(reflect.ValueOf(story[i].take).Pointer()).Name()
			name = name[strings.LastIndexByte(name, '.')+1:]
			want := slices.Contains(optional, name) && !slices.Contains(tc.taken, name)
			if got := tc.r.PassedOver>>i&1 == 1; got != want {
				t.Errorf("with %s: %s is passed over: %v, want %v", tc.with, name, got, want)
			}
		}
	}
}
