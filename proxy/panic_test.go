package proxy_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAPanicEndsOneExchange holds that a fault of the edge is told to the client
// whose exchange it is, that it is logged without a secret, and that the others,
// on the same loop, do not notice.
func TestAPanicEndsOneExchange(t *testing.T) {
	const secret = "c4n4ry"
	e := startBroken(t, "http://127.0.0.1:1", "broken")
	other := e.Dial()
	askWhole(t, other, 502)
	for range 3 {
		c := e.Dial()
		c.Send("GET /broken?subscription-key=" + secret + " HTTP/1.1\nHost: edge\nX-Request-Id: mine\nAuthorization: Bearer " + secret + "\n\n")
		m := c.Answer("GET")
		proxytest.WantError(t, m, 500, "internal", "false")
		if m.Get("x-request-id") != "mine" || m.Get("Connection") != "close" {
			t.Errorf("x-request-id %q, Connection %q, want mine and close", m.Get("x-request-id"), m.Get("Connection"))
		}
		answer := fmt.Sprint(m)
		if strings.Contains(answer, secret) || strings.Contains(answer, "nil pointer") || strings.Contains(answer, ".go:") {
			t.Errorf("the answer tells too much:\n%s", answer)
		}
		_ = c.Close() // or the edge would linger
	}
	askWhole(t, other, 502)
	_ = other.Close()
	e.End()
	log := e.Log.String()
	if n := strings.Count(log, `"cause":"internal"`); n != 3 {
		t.Errorf("%d access lines with cause internal, want 3", n)
	}
	if !strings.Contains(log, "panic in an exchange") || !strings.Contains(log, "story.go:") {
		t.Errorf("the log does not say where it was:\n%s", log)
	}
	if strings.Contains(log, secret) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

// TestAPanicAnywhereEndsOneExchange has a request panic behind each step of the
// story, and before and behind each step of its end, and holds that everything is
// counted out, once, and that the others, on the same loop, do not notice.
func TestAPanicAnywhereEndsOneExchange(t *testing.T) {
	upstream := proxytest.StartUpstream(t, sayOK)
	for i := range proxy.Steps {
		t.Run(fmt.Sprintf("behind step %d of the story", i), func(t *testing.T) {
			t.Cleanup(proxy.PanicAtStep(i, "/broken"))
			tryBroken(t, upstream, 1)
		})
	}
	for i := range proxy.Endings {
		for _, before := range []bool{true, false} {
			if before && (i == proxy.Uncount || i > proxy.Record) {
				continue // nothing comes before its first line, which counts the exchange out, or lets it go
			}
			t.Run(fmt.Sprintf("step %d of the end, before %v", i, before), func(t *testing.T) {
				t.Cleanup(proxy.PanicAtEnding(i, before, "/broken"))
				lines := 1
				if before && i == proxy.Record {
					lines = 0 // it is not tried again: half a line may be out
				}
				tryBroken(t, upstream, lines)
			})
		}
	}
}

func tryBroken(t *testing.T, upstream string, lines int) {
	e := startBroken(t, upstream, "")
	other := e.Dial()
	askWhole(t, other, 200)
	for range 3 {
		c := e.Dial()
		c.Send("GET /broken HTTP/1.1\nHost: edge\n\n")
		c.Gone()
		_ = c.Close() // or the edge would linger
		askWhole(t, other, 200)
	}
	_ = other.Close()
	e.End()
	if n := len(e.Log.Exchanges()) - 4; n != 3*lines {
		t.Errorf("%d access lines for 3 exchanges, want %d:\n%s", n, 3*lines, e.Log)
	}
	if n := strings.Count(e.Log.String(), "panic in an exchange"); n != 3 {
		t.Errorf("%d panics are told of, want 3:\n%s", n, e.Log)
	}
}

// startBroken starts an edge with two routes to an upstream, on one loop. That with
// the name in broken panics.
func startBroken(t *testing.T, upstream, broken string) *proxytest.Edge {
	t.Helper()
	e := proxytest.StartEdgeOn(t, 1, upstream, func(c *config.Config) {
		c.Routes = map[string]config.Route{"broken": {PathPrefix: "/broken"}, "whole": {PathPrefix: "/whole"}}
	})
	snapshot, err := e.Edge.Compile(e.Edge.Config())
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(snapshot, broken)
	e.Edge.Use(snapshot)
	return e
}

// sayOK answers whatever comes, until the edge wants no more.
func sayOK(up *proxytest.Peer) {
	for {
		if _, err := up.TryHead(); err != nil {
			return
		}
		if _, err := io.WriteString(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// askWhole asks for the route that does not panic.
func askWhole(t *testing.T, c *proxytest.Peer, status int) {
	t.Helper()
	c.Send("GET /whole HTTP/1.1\nHost: edge\n\n")
	if m := c.Answer("GET"); m.Status() != status {
		t.Errorf("answer %q, want %d", m.First, status)
	}
}
