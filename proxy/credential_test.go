package proxy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// owned is a credential of the edge's own, with what was told of it.
type owned struct {
	*upstream.Credential
	mu   sync.Mutex
	told []upstream.CredentialEvent
}

func own(field, first, second string) *owned {
	o := &owned{}
	o.Credential = upstream.NewCredential(field, "test", false, func(e upstream.CredentialEvent) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.told = append(o.told, e)
	})
	o.Set([]byte(first), []byte(second))
	if second == "" {
		o.Set([]byte(first), nil)
	}
	return o
}

func (o *owned) wantTold(t *testing.T, want ...upstream.CredentialEvent) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if fmt.Sprint(o.told) != fmt.Sprint(want) {
		t.Errorf("told %v, want %v", o.told, want)
	}
}

// TestTheEdgesOwnCredentialReplacesTheCallers holds it for each place of a request.
func TestTheEdgesOwnCredentialReplacesTheCallers(t *testing.T) {
	for name, head := range map[string]string{
		"none":            "",
		"key as Bearer":   "Authorization: Bearer 0123abcd\n",
		"token":           "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.0123abcd\n",
		"login":           "Authorization: Negotiate 0123abcd\n",
		"key":             "api-key: 0123abcd\n",
		"alias":           "Ocp-Apim-Subscription-Key: 0123abcd\nx-api-key: 0123abcd\n",
		"neighbour":       "api_key: 0123abcd\n",
		"misplaced token": "api-key: eyJhbGciOiJub25lIn0.e30.0123abcd\n",
		"subprotocol":     "Connection: upgrade\nUpgrade: websocket\nSec-WebSocket-Protocol: realtime, openai-insecure-api-key.0123abcd\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan proxytest.Message, 1)
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				seen <- up.Request()
				up.Send("HTTP/1.1 200 OK\nContent-Length: 0\n\n")
			}), own("api-key", "edges", "").Credential, nil)
			e.Ask("GET /v1/models?a=b&subscription-key=0123abcd&Api%2Dkey=0123abcd HTTP/1.1\nHost: edge\n" + head + "\n")
			e.WantExchange(200, "complete")
			m := <-seen
			if text := fmt.Sprint(m); strings.Contains(text, "0123abcd") || m.Get("api-key") != "edges" || !strings.HasPrefix(m.First, "GET /v1/models?a=b HTTP/1.1") {
				t.Errorf("the upstream was sent %v", m)
			}
			e.WantMetric(`apim_edge_upstream_connections{state="idle"}`, 0) // it has closed; no login has kept it
		})
	}
}

// refusing answers 401 to the first key and 200 to another one, with what it was sent.
func refusing(seen chan<- proxytest.Message, first string) func(*proxytest.Peer) {
	return func(up *proxytest.Peer) {
		up.Each(func(m proxytest.Message) {
			seen <- m
			if m.Get("api-key") == first {
				up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 6\n\nwrong!")
			} else {
				up.Send("HTTP/1.1 200 OK\nContent-Length: 5\n\nright")
			}
		})
	}
}

const sentAlike = "POST /v1/chat?a=%41 HTTP/1.1\nHost: edge\nX-Mine: 1\nX-Request-Id: 7\n"

// bodies are requests that can be sent once more, in the pieces in which they come.
var bodies = map[string][]string{
	"none":               {"GET /v1/models HTTP/1.1\nHost: edge\nX-Request-Id: 7\n\n"},
	"with the head":      {sentAlike + "Content-Length: 7\n\n{\"a\":1}"},
	"behind the head":    {sentAlike + "Content-Length: 7\n\n", `{"a":1}`},
	"in pieces":          append([]string{sentAlike + "Content-Length: 200000\n\n"}, pieces(20, 10_000)...),
	"in chunks":          {sentAlike + "Transfer-Encoding: chunked\n\n", "3\nabc\n", "1;x=y\nd\n", "0\n\n"},
	"with a trailer":     {sentAlike + "Transfer-Encoding: chunked\n\n", "3\nabc\n0\n", "X-Sum: 1\napi-key: 0123abcd\n\n"},
	"that may be begun":  {sentAlike + "Expect: 100-continue\nContent-Length: 7\n\n", `{"a":1}`},
	"of the largest":     append([]string{sentAlike + "Content-Length: 262144\n\n"}, pieces(16, 16384)...),
	"at once, and large": {sentAlike + "Content-Length: 100000\n\n" + strings.Repeat("x", 100_000)},
}

func pieces(n, size int) (all []string) {
	for i := range n {
		all = append(all, strings.Repeat(string(rune('a'+i)), size))
	}
	return all
}

// TestARequestIsSentOnceMoreWithTheSecondKey holds that all of it is the same but the
// key, that nothing of the first answer is seen, and that the client's connection goes
// on.
func TestARequestIsSentOnceMoreWithTheSecondKey(t *testing.T) {
	for name, parts := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan proxytest.Message, 9)
			keys := own("api-key", "old", "new")
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, refusing(seen, "old")), keys.Credential, nil)
			c := e.Dial()
			for i, part := range parts {
				if c.Send(part); i == 0 && len(parts) > 1 {
					e.WantMetric(`apim_edge_upstream_connections{state="in_use"}`, 1) // the head is on its way
				}
			}
			if m := c.Answer(proxytest.MethodOf(parts[0])); m.Status() != 200 || m.Body != "right" {
				t.Fatalf("the answer is %v", m)
			}
			e.WantExchange(200, "complete")
			first, second := <-seen, <-seen
			if first.Get("api-key") != "old" || second.Get("api-key") != "new" {
				t.Errorf("sent with %q, then with %q", first.Get("api-key"), second.Get("api-key"))
			}
			plain := func(m proxytest.Message, key string) string {
				return strings.Replace(fmt.Sprint(m), "[api-key "+key+"]", "[api-key]", 1)
			}
			if a, b := plain(first, "old"), plain(second, "new"); a != b || first.Body != second.Body || strings.Contains(a, "0123abcd") {
				t.Errorf("sent at first\n%.600s\nand then\n%.600s", a, b)
			}
			keys.wantTold(t, upstream.SecondInUse)
			c.Send(proxytest.PlainGet)
			if m := c.Answer("GET"); m.Body != "right" || (<-seen).Get("api-key") != "new" {
				t.Errorf("the next answer is %v", m)
			}
			e.WantExchange(200, "complete")
			keys.wantTold(t, upstream.SecondInUse)
			if first, second := keys.Refusals(); first != 1 || second != 0 {
				t.Errorf("refused %d and %d times", first, second)
			}
		})
	}
}

// TestWhatCannotBeSentOnceMoreIsAnsweredAsItIs holds that the client sees the 401 then,
// and that the next request has the second key.
func TestWhatCannotBeSentOnceMoreIsAnsweredAsItIs(t *testing.T) {
	large := sentAlike + "Content-Length: 262145\n\n" + strings.Repeat("x", 262_145)
	chunked := sentAlike + "Transfer-Encoding: chunked\n\n" + strings.Repeat("4000\n"+strings.Repeat("y", 0x4000)+"\n", 20) + "0\n\n"
	for name, request := range map[string]string{"too large": large, "too large in chunks": chunked} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan proxytest.Message, 9)
			keys := own("api-key", "old", "new")
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, refusing(seen, "old")), keys.Credential, nil)
			if m := e.Ask(request); m.Status() != 401 || m.Body != "wrong!" {
				t.Errorf("the answer is %v", m)
			}
			e.WantExchange(401, "complete")
			if m := e.Ask(proxytest.Request); m.Status() != 200 {
				t.Errorf("the next answer is %v", m)
			}
			e.WantExchange(200, "complete")
			if n := len(seen); n != 2 {
				t.Errorf("%d requests went upstream, want 2", n)
			}
			keys.wantTold(t, upstream.SecondInUse)
		})
	}
}

// TestARefusalWhileTheBodyComes holds an upstream that has seen enough in the head: the
// upload goes on with the second key, and neither loses nor doubles a byte.
func TestARefusalWhileTheBodyComes(t *testing.T) {
	for name, parts := range map[string][]string{
		"of known length": {sentAlike + "Content-Length: 200007\n\n{", strings.Repeat("a", 100_000), strings.Repeat("b", 100_000) + `"end"}`},
		"in chunks":       {sentAlike + "Transfer-Encoding: chunked\n\n5\n{", "aaaa", "\n3\nbbb\n0\n", "X-Sum: 1\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := own("api-key", "old", "new")
			part := make(chan struct{})
			e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t,
				func(up *proxytest.Peer) {
					up.Head()
					<-part // some of the body is on its way
					up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 6\n\nwrong!")
					up.Gone()
				},
				func(up *proxytest.Peer) {
					m := up.Head()
					part <- struct{}{}
					m = up.Finish(m, false)
					up.Send(fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n\n%s", len(m.Body), m.Body))
				}), keys.Credential, nil)
			c := e.Dial()
			c.Send(parts[0])
			c.Send(parts[1])
			part <- struct{}{}
			<-part
			for _, p := range parts[2:] {
				c.Send(p)
			}
			_, want, _ := strings.Cut(strings.Join(parts, ""), "\n\n")
			if name == "in chunks" {
				want = "{aaaabbb"
			}
			if m := c.Answer("POST"); m.Status() != 200 || m.Body != want {
				t.Errorf("the answer is %d with %d bytes, want %d", m.Status(), len(m.Body), len(want))
			}
			e.WantExchange(200, "complete")
		})
	}
}

// TestTwoRefusalsAreNotAboutTheKeys holds that each request is tried with each key once.
func TestTwoRefusalsAreNotAboutTheKeys(t *testing.T) {
	seen := make(chan proxytest.Message, 9)
	keys := own("api-key", "old", "new")
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		seen <- up.Request()
		up.Send("HTTP/1.1 401 Unauthorized\nConnection: close\nContent-Length: 6\n\nwrong!")
	}), keys.Credential, nil)
	for range 2 {
		if m := e.Ask(proxytest.Request); m.Status() != 401 || m.Body != "wrong!" {
			t.Errorf("the answer is %v", m)
		}
		e.WantExchange(401, "complete")
	}
	var order []string
	for range len(seen) {
		order = append(order, (<-seen).Get("api-key"))
	}
	if fmt.Sprint(order) != "[old new old new]" {
		t.Errorf("shown %q", order)
	}
	keys.wantTold(t, upstream.AllRefused)
}

// TestOneKeyIsShownOnce holds that a 401 is the upstream's own word where there is no
// second key.
func TestOneKeyIsShownOnce(t *testing.T) {
	keys := own("api-key", "only", "")
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, refusing(make(chan proxytest.Message, 9), "only")), keys.Credential, nil)
	if m := e.Ask(proxytest.Request); m.Status() != 401 || m.Body != "wrong!" {
		t.Errorf("the answer is %v", m)
	}
	e.WantExchange(401, "complete")
	keys.wantTold(t, upstream.AllRefused)
}

// TestADepartureCancelsTheSecondTry holds that the second try is an attempt like any.
func TestADepartureCancelsTheSecondTry(t *testing.T) {
	gone := make(chan struct{})
	keys := own("api-key", "old", "new")
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t,
		func(up *proxytest.Peer) {
			up.Request()
			up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 0\n\n")
			up.Gone()
		},
		func(up *proxytest.Peer) { up.Request(); close(gone); up.Gone() },
	), keys.Credential, nil)
	c := e.Dial()
	c.Send(proxytest.Request)
	<-gone
	c.Close() //nolint:errcheck // that is the test
	e.WantExchange(0, "client_left")
	e.WantMetric(`apim_edge_upstream_connections{state="in_use"}`, 0)
}

// TestALostRequestMayStillBeRefused holds that one repeat does not spoil the other: a
// connection from the pool ends where an answer was due, the next one refuses the key.
func TestALostRequestMayStillBeRefused(t *testing.T) {
	keys := own("api-key", "old", "new")
	answer := func(up *proxytest.Peer, want, answer string) {
		if key := up.Request().Get("api-key"); key != want {
			t.Errorf("shown %q, want %q", key, want)
		}
		up.Send(answer)
	}
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t,
		func(up *proxytest.Peer) {
			answer(up, "old", "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
			answer(up, "old", "")
		},
		func(up *proxytest.Peer) {
			answer(up, "old", "HTTP/1.1 401 Unauthorized\nContent-Length: 0\n\n")
			up.Gone()
		},
		func(up *proxytest.Peer) { answer(up, "new", "HTTP/1.1 200 OK\nContent-Length: 5\n\nright"); up.Gone() },
	), keys.Credential, nil)
	c := e.Dial()
	for _, want := range []string{"", "right"} {
		c.Send(proxytest.PlainGet)
		if m := c.Answer("GET"); m.Status() != 200 || m.Body != want {
			t.Errorf("the answer is %v, want %q", m, want)
		}
		e.WantExchange(200, "complete")
	}
	e.WantMetric(`apim_edge_retries_total{route="api"}`, 1)
}

// TestAHandshakeIsMadeOnceMore holds it for a WebSocket.
func TestAHandshakeIsMadeOnceMore(t *testing.T) {
	keys := own("api-key", "old", "new")
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t,
		func(up *proxytest.Peer) {
			up.Head()
			up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 0\n\n")
			up.Gone()
		},
		func(up *proxytest.Peer) {
			if key := up.Head().Get("api-key"); key != "new" {
				t.Errorf("the second handshake has the key %q", key)
			}
			up.Send(proxytest.Switching + "hello")
			up.Gone()
		},
	), keys.Credential, nil)
	c := e.Dial()
	c.Send(proxytest.Handshake)
	if m := c.Head(); m.Status() != 101 || c.Bytes(5) != "hello" {
		t.Errorf("the answer is %v", m)
	}
	c.Close() //nolint:errcheck // a test's end
	e.Exchange()
}

// TestANewValueIsSentFromTheNextRequestOn holds that a rotation needs no reload.
func TestANewValueIsSentFromTheNextRequestOn(t *testing.T) {
	keys := own("x-key", "one", "")
	seen := make(chan proxytest.Message, 9)
	e := proxytest.StartEdgeShowing(t, proxytest.StartUpstream(t, refusing(seen, "none")), keys.Credential, nil)
	c := e.Dial()
	for _, value := range []string{"one", "two"} {
		keys.Set([]byte(value), nil)
		c.Send(proxytest.Request)
		c.Answer("POST")
		if m := <-seen; m.Get("x-key") != value || m.Get("api-key") != "" {
			t.Errorf("sent %v, want %s", m, value)
		}
		e.WantExchange(200, "complete")
	}
	keys.Set(nil, nil)
	c.Send(proxytest.Request)
	proxytest.WantError(t, c.Answer("POST"), 503, "upstream_credential_missing", "true")
	e.WantExchange(503, "upstream_credential_missing")
}

// TestWhatExplainTellsOfTheEdgesCredential holds that its source is shown and its value
// is not.
func TestWhatExplainTellsOfTheEdgesCredential(t *testing.T) {
	for _, tc := range []struct {
		auth         config.Auth
		source, line string
	}{
		{config.Auth{Value: "keyvault:https://v.vault.azure.net/secrets/aoai"}, "api-key from keyvault:https://v.vault.azure.net/secrets/aoai (masked); the caller's credentials are dropped", "api-key: ***\n"},
		{config.Auth{Header: "api-version", Value: "env:KEY"}, "api-version from env:KEY (masked); the caller's credentials are dropped", "api-version: ***\n"},
		{config.Auth{ManagedIdentity: config.ManagedIdentity{Resource: "https://a"}, KeepCaller: true}, "Authorization from the managed identity, for https://a (masked), beside the caller's credentials", "Authorization: ***\n"},
	} {
		e := proxytest.StartEdge(t, "http://127.0.0.1:1", nil)
		e.Edge.OpenCredentials(nil) // as in the subcommand
		if err := e.Use(proxytest.Configuration("http://127.0.0.1:1", func(c *config.Config) {
			c.Upstreams["legacy"] = config.Upstream{URL: "http://127.0.0.1:1", Auth: tc.auth}
		})); err != nil {
			t.Fatal(err)
		}
		got := e.Edge.Explain([]byte(strings.ReplaceAll("GET /a HTTP/1.1\nHost: edge\nx-api-key: 0123abcd\n\n", "\n", "\r\n")))
		if got.Credential != tc.source || !strings.Contains(got.Head, "\n"+tc.line) || strings.Contains(got.Head, "0123abcd") {
			t.Errorf("explained as %q with\n%s\nwant %q and %q", got.Credential, got.Head, tc.source, tc.line)
		}
	}
}
