package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/identity/upkeep"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// mark begins every secret in this file; nothing that the edge says of itself may
// contain it.
const mark = "c4n4ry"

// secrets makes marked secrets, each different, so that a leak names its slot.
type secrets struct{ n atomic.Int64 }

func (s *secrets) next(slot string) string { return fmt.Sprintf("%s-%s-%d", mark, slot, s.n.Add(1)) }

// slots are the places of a request in which a secret can stand, right or wrong.
// %s is where it goes, {PATH} the path of a route.
var slots = map[string]string{
	"bearer":            "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\r\n",
	"basic":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Basic %s\r\n",
	"no-scheme":         "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: %s\r\n",
	"token":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer eyJhbGciOiJub25lIn0.%s.x\r\n",
	"misplaced":         "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: eyJhbGciOiJub25lIn0.%s.x\r\n",
	"api-key":           "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\r\n",
	"alias":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nOcp-Apim-Subscription-Key: %s\r\n",
	"foreign-alias":     "GET {PATH} HTTP/1.1\r\nHost: edge\r\nx-api-key: %s\r\n",
	"twice":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\r\nAPI-KEY: %[1]s2\r\n",
	"both":              "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\r\napi-key: %[1]s2\r\n",
	"comma":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s, Bearer %[1]s2\r\n",
	"space":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s x\r\n",
	"control":           "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\x01\r\n",
	"nul":               "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\x00\r\n",
	"non-ascii":         "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\xc3\xa4\r\n",
	"too-long":          "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s" + strings.Repeat("x", 17<<10) + "\r\n",
	"folded":            "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: x\r\n %s\r\n",
	"bare-lf":           "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\n",
	"space-in-name":     "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key : %s\r\n",
	"no-colon":          "GET {PATH} HTTP/1.1\r\nHost: edge\r\nAuthorization Bearer %s\r\n",
	"head-too-large":    "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi-key: %s\r\nX: " + strings.Repeat("x", 65<<10) + "\r\n",
	"query":             "GET {PATH}?subscription-key=%s HTTP/1.1\r\nHost: edge\r\n",
	"query-other":       "GET {PATH}?a=b&api-key=%s&c=d HTTP/1.1\r\nHost: edge\r\n",
	"query-escaped":     "GET {PATH}?subscription%%2Dkey=%s HTTP/1.1\r\nHost: edge\r\n",
	"query-token":       "GET {PATH}?access_token=%s&code=%[1]s2&sig=%[1]s3 HTTP/1.1\r\nHost: edge\r\n",
	"query-semicolon":   "GET {PATH}?a=b;api-key=%s HTTP/1.1\r\nHost: edge\r\n",
	"query-capitals":    "GET {PATH}?Subscription-Key=%s HTTP/1.1\r\nHost: edge\r\n",
	"query-and-broken":  "GET {PATH}?subscription-key=%s HTTP/1.1\r\nHost: edge\r\nX y: z\r\n",
	"query-too-long":    "GET {PATH}?subscription-key=%s" + strings.Repeat("x", 65<<10),
	"fragment":          "GET {PATH}#subscription-key=%s HTTP/1.1\r\nHost: edge\r\n",
	"fragment-in-query": "GET {PATH}?a#%s HTTP/1.1\r\nHost: edge\r\n",
	"userinfo":          "GET http://user:%s@edge{PATH} HTTP/1.1\r\nHost: edge\r\n",
	"userinfo-host":     "GET {PATH} HTTP/1.1\r\nHost: user:%s@edge\r\n",
	"userinfo-connect":  "CONNECT user:%s@edge:443 HTTP/1.1\r\nHost: edge\r\n",
	"target-is-key":     "GET %s HTTP/1.1\r\nHost: edge\r\n",
	"http09":            "GET {PATH}?subscription-key=%s\r\n",
	"no-http":           "api-key: %s\r\n",
	"query-names":       "GET {PATH}?subscription_key=%s&openai-key=%[1]s2&X-Amz-Security-Token=%[1]s3&userPassword=%[1]s4&jwt=%[1]s5&auth=%[1]s6&sas=%[1]s7 HTTP/1.1\r\nHost: edge\r\n",
	"query-decoded":     "GET {PATH}?u=%%2Fcb%%3Fsession%%3D%s&v=a%%26pwd%%3d%[1]s2&w=%%253Bsig%%253D%[1]s3&x%%5Bkey%%5D=%[1]s4 HTTP/1.1\r\nHost: edge\r\n",
	"query-shape":       "GET {PATH}?a=eyJhbGciOiJub25lIn0.%s.x&b=Bearer%%20eyJhbGciOiJub25lIn0%%2E%[1]s2%%2Ex&u=https://me:%[1]s3@host/ HTTP/1.1\r\nHost: edge\r\n",
	"path-key":          "GET {PATH}/api-key/0123456789%s/x;token=%[1]s2/x%%3Fcode%%3D%[1]s3 HTTP/1.1\r\nHost: edge\r\n",
	"path-token":        "GET {PATH}/t/eyJhbGciOiJub25lIn0.%s.x/eyJhbGciOiJub25lIn0%%2e%[1]s2.x HTTP/1.1\r\nHost: edge\r\n",
	"path-refused":      "GET {PATH}/key/0123456789%s/eyJhbGciOiJub25lIn0.%[1]s2.x/../x HTTP/1.1\r\nHost: edge\r\n",
	"neighbour":         "GET {PATH} HTTP/1.1\r\nHost: edge\r\napi_key: %s\r\nOcp_Apim.Subscription-Key: %[1]s2\r\nX_Forwarded_For: %[1]s3\r\n",
	"request-id":        "GET {PATH} HTTP/1.1\r\nHost: edge\r\nX-Request-Id: eyJhbGciOiJub25lIn0.%s.x\r\n",
	"request-id-named":  "GET {PATH} HTTP/1.1\r\nHost: edge\r\nX-Request-Id: key=%s\r\n",
	"other-fields":      "GET {PATH} HTTP/1.1\r\nHost: edge\r\nReferer: https://x/?code=%s\r\nX-Auth: %[1]s2\r\nX-Jwt-Assertion: %[1]s3\r\nX-Forwarded-Access-Token: %[1]s4\r\nbaggage: a=%[1]s5\r\n",
	"subprotocol-alone": "GET {PATH} HTTP/1.1\r\nHost: edge\r\nSec-WebSocket-Protocol: OPENAI-insecure-api-key.%s\r\nSec-WebSocket-Protocol: x.%[1]s2\r\n",
	"subprotocol-twice": "GET {PATH} HTTP/1.1\r\nHost: edge\r\nSec-WebSocket-Protocol: openai-insecure-api-key.%s, openai-insecure-api-key.%[1]s2\r\n",
	"subprotocol":       "GET {PATH} HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.%s\r\n",
	"cookie":            "GET {PATH} HTTP/1.1\r\nHost: edge\r\nCookie: session=%s; b=%[1]s2\r\n",
	"proxy":             "GET {PATH} HTTP/1.1\r\nHost: edge\r\nProxy-Authorization: Basic %s\r\n",
	"connection":        "GET {PATH} HTTP/1.1\r\nHost: edge\r\nConnection: %s\r\nKeep-Alive: %[1]s\r\n",
	"forwarded":         "GET {PATH} HTTP/1.1\r\nHost: edge\r\nForwarded: for=%s\r\nX-Forwarded-For: %[1]s\r\n",
	"origin":            "GET {PATH} HTTP/1.1\r\nHost: edge\r\nOrigin: https://user:%s@chat.example.com\r\n",
	"origin-path":       "GET {PATH} HTTP/1.1\r\nHost: edge\r\nOrigin: https://chat.example.com/%s\r\n",
	"origin-none":       "GET {PATH} HTTP/1.1\r\nHost: edge\r\nOrigin: %s\r\n",
	"preflight":         "OPTIONS {PATH}?subscription-key=%s HTTP/1.1\r\nHost: edge\r\nOrigin: https://chat.example.com\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: %[1]s\r\n",
	"expect":            "POST {PATH} HTTP/1.1\r\nHost: edge\r\nExpect: %s\r\n",
	"coding":            "POST {PATH} HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: %s\r\n",
	"length":            "POST {PATH} HTTP/1.1\r\nHost: edge\r\nContent-Length: %s\r\n",
	"edge-field":        "GET {PATH} HTTP/1.1\r\nHost: edge\r\nX-Apim-Edge-Key: %s\r\n",
	"content-type":      "GET {PATH} HTTP/1.1\r\nHost: edge\r\nContent-Type: %s\r\nUser-Agent: curl/%[1]s\r\n",
	"body":              "POST {PATH} HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n1e;ext=%s\r\n%-30[1]s\r\n0\r\napi-key: %[1]s\r\n",
	"chunk-size":        "POST {PATH} HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
	"trailer":           "POST {PATH} HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer %s\r\n",
}

// fates are the paths of routes and what becomes of their requests upstream. What
// the upstream says holds a secret too.
var fates = map[string]string{
	"/answers":   "HTTP/1.1 401 %s\r\nSet-Cookie: a=%[1]s\r\nX: %[1]s\r\nContent-Length: 40\r\n\r\n%-40[1]s",
	"/closes":    "",
	"/cut":       "HTTP/1.1 200 OK\r\nX: %s\r\nContent-Length: 4000\r\n\r\n%[1]s",
	"/streams":   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: %s\n\n",
	"/no-status": "%s 200 OK\r\n\r\n",
	"/broken":    "HTTP/1.1 200 OK\r\nX %s: y\r\n\r\n",
	"/length":    "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
	"/coding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
	"/chunks":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
	"/trailers":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno trailer %s\r\n\r\n",
	"/switches":  "HTTP/1.1 101 %s\r\nX: %[1]s\r\n\r\n%[1]s",
	"/redirects": "HTTP/1.1 302 Found\r\nLocation: https://user:%s@x/?code=%[1]s\r\nContent-Length: 0\r\n\r\n",
}

const canaryConfig = `
upstreams:
  legacy: {url: '{UPSTREAM}'}
  dead: {url: 'http://127.0.0.1:1'}
  untrusted: {url: '{HTTPS}'}
  full: {url: '{UPSTREAM}', max_connections: 1}
  own: {url: '{UPSTREAM}', auth: {value: 'env:CANARY_FIRST', secondary: 'env:CANARY_SECOND'}}
  broken: {url: '{UPSTREAM}', auth: {header: Authorization, value: 'keyvault:https://contoso.vault.azure.net/secrets/aoai'}}
limits: {request_body: 1KiB}
timeouts: {client_head: 200ms, client_keep_alive: 50ms, stream_idle: 100ms, request_body_idle: 100ms, response_head: 100ms}
debug: {decision_header: true, server_timing: true}
routes:
  legacy: {path_prefix: /legacy, strip_prefix: /legacy, upstream: legacy, credential: {aliases: [api-key, x-api-key], query_aliases: [subscription-key, api-key]}, cors: {allowed_origins: ['https://chat.example.com']}}
  strict: {path_prefix: /strict, upstream: legacy, credential: {on_conflict: reject, on_missing: reject}}
  dead: {path_prefix: /dead, upstream: dead}
  untrusted: {path_prefix: /untrusted, upstream: untrusted}
  guarded: {path_prefix: /guarded, upstream: legacy, require: {token: [partner], client: true}, forward_claims: {sub: X-Caller}}
  clients: {path_prefix: /clients, upstream: legacy, require: {client: true}}
  own: {path_prefix: /own, upstream: own, open: true}
  broken: {path_prefix: /broken, upstream: broken, open: true}
token_policies:
  partner: {signing_keys: ['env:CANARY_KEYS'], issuers: [i], audiences: [a]}
clients:
  team: {keys: ['sha256:0000000000000000000000000000000000000000000000000000000000000000']}
traces: {endpoint: '{COLLECTOR}', sample: 1, headers: {Authorization: 'env:CANARY_COLLECTOR'}}
`

// TestNoSecretIsTold sends marked secrets in every slot of a request through every
// fate of an exchange, and looks for the mark in all that the edge says: the log
// at level debug, its own answers, metrics, spans, the configuration, reload failures
// and explanations.
func TestNoSecretIsTold(t *testing.T) {
	t.Setenv("CANARY_KEYS", identitytest.Offline("i").Keys())
	marks := &secrets{}
	legacy, spans := tellingUpstream(t, marks), startCollector(t)
	text := strings.NewReplacer("{HTTPS}", strings.Replace(legacy, "http://", "https://", 1), "{COLLECTOR}", spans.url).Replace(canaryConfig)
	t.Setenv("CANARY_COLLECTOR", marks.next("collector"))
	t.Setenv("CANARY_FIRST", marks.next("own-first"))
	t.Setenv("CANARY_SECOND", marks.next("own-second"))
	r := startOn(t, legacy, text, failingPlatform{marks})
	paths := []string{"/nowhere", "/strict", "/dead", "/untrusted", "/own/answers", "/own/closes", "/broken", "/guarded", "/clients"}
	for path := range fates {
		paths = append(paths, "/legacy"+path)
	}
	for slot, request := range slots {
		for _, path := range paths {
			secret := marks.next(slot)
			request := fmt.Sprintf(strings.ReplaceAll(request, "{PATH}", path), secret)
			answer := r.raw(request + "Connection: close\r\n\r\n")
			if strings.Contains(answer, "x-apim-edge-error: ") && strings.Contains(answer, mark) {
				t.Errorf("%s of %s: the edge's own answer holds a secret:\n%s", slot, path, answer)
			}
		}
	}
	r.failReloads(marks)
	for path := range map[string]bool{"/metrics": true, "/config": true, "/readyz": true, "/": true, "/live": true, "/census": true} {
		if _, body := r.admin("GET", path); strings.Contains(body, mark) {
			t.Errorf("GET %s holds a secret:\n%s", path, body)
		}
	}
	r.Stop("signal")
	for line := range strings.Lines(r.log.String()) {
		if strings.Contains(line, mark) {
			t.Errorf("the log holds a secret: %s", line)
		}
	}
	if n := strings.Count(r.log.String(), `"message":"exchange"`); n < len(slots)*len(paths) {
		t.Errorf("%d access lines for %d requests: this test has not seen what it is about", n, len(slots)*len(paths))
	}
	if told := spans.text.String(); strings.Contains(told, mark) || !strings.Contains(told, "/legacy/answers") {
		t.Errorf("the spans hold a secret, or there are none:\n%q", told)
	}
	explainAll(t, r, marks, paths)
}

// failingPlatform gives out nothing.
type failingPlatform struct{ marks *secrets }

func (p failingPlatform) Token(context.Context, string, string) (upkeep.Reading, error) {
	return upkeep.Reading{}, errors.New("no token")
}

// Secret gives one that no field can hold, which is not to be told, either.
func (p failingPlatform) Secret(context.Context, string, string, string) (upkeep.Reading, error) {
	return upkeep.Reading{Value: secret.New(p.marks.next("own-vault") + "\r\nX: y")}, nil
}

// tellingUpstream answers as the path says, with a secret in it.
func tellingUpstream(t *testing.T, marks *secrets) string {
	t.Helper()
	l := testkit.Listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // a test's end
				head := make([]byte, 64<<10)
				n, _ := c.Read(head)
				for path, answer := range fates {
					if answer != "" && strings.Contains(strings.SplitN(string(head[:n]), "\r\n", 2)[0], path) {
						_, _ = fmt.Fprintf(c, answer, marks.next("upstream"))
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// failReloads has secrets stand where the configuration must not hold them.
func (r *running) failReloads(marks *secrets) {
	const rest = "\nroutes: {openai: {path_prefix: /}}\n"
	for slot, text := range map[string]string{
		"url":         "upstreams: {legacy: {url: 'https://user:%s@contoso.azure-api.net'}}" + rest,
		"url-query":   "upstreams: {legacy: {url: 'https://contoso.azure-api.net/?subscription-key=%s'}}" + rest,
		"url-broken":  "upstreams: {legacy: {url: 'https://user:%s@contoso.azure-api.net:port'}}" + rest,
		"token":       minimal + "admin: {token: %s}\n",
		"token-env":   minimal + "admin: {token: 'env:%s'}\n",
		"unknown-key": minimal + "api_key: %s\n",
		"yaml":        "upstreams: {legacy: {url: %s\n  broken",
		"placeholder": minimal + "routes: {openai: {credential: {placeholders: ['%s \x7f']}}}\n",
	} {
		r.write(fmt.Sprintf(strings.ReplaceAll(text, "{UPSTREAM}", "http://127.0.0.1:1"), marks.next(slot)))
		status, body := r.admin("POST", "/reload")
		if strings.Contains(body, mark) {
			r.t.Errorf("%s: the answer to /reload (%d) holds a secret: %s", slot, status, body)
		}
	}
}

// explainAll has the same engine explain every request.
func explainAll(t *testing.T, r *running, marks *secrets, paths []string) {
	t.Helper()
	loops, err := wire.StartLoops(1, 0)
	testkit.Must(t, err)
	defer wire.CloseLoops(loops)
	quiet := zerolog.New(io.Discard)
	edge := proxy.NewEdge(quiet, io.Discard, record.NewMetrics("test", func() float64 { return 0 }), loops)
	snapshot, err := edge.Compile(r.edge.Config())
	testkit.Must(t, err)
	edge.Use(snapshot)
	defer edge.Close()
	for slot, request := range slots {
		switch slot {
		case "preflight", "content-type":
			continue // shown as they are: no credential is looked for there
		}
		for _, path := range paths {
			text := fmt.Sprintf(strings.ReplaceAll(request, "{PATH}", path), marks.next(slot))
			head, _, _ := strings.Cut(text+"Cookie: b="+mark+"; c=d\r\nX-Secret: B"+mark+" x\r\n", "\r\n\r\n")
			if got := fmt.Sprintf("%+v", edge.Explain([]byte(strings.TrimSuffix(head, "\r\n")+"\r\n\r\n"))); strings.Contains(got, mark) {
				t.Errorf("%s: the explanation holds a secret: %s", slot, got)
			}
		}
	}
}
