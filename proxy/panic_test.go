package proxy_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy"
)

// TestAPanicEndsOneExchange holds that a fault of the edge is told to the client
// whose exchange it is, that it is logged without a secret, and that the others,
// on the same loop, do not notice.
func TestAPanicEndsOneExchange(t *testing.T) {
	const secret = "c4n4ry"
	e := startBroken(t, "http://127.0.0.1:1", "broken")
	other := e.dial()
	askWhole(t, other, 502)
	for range 3 {
		c := e.dial()
		c.send("GET /broken?subscription-key=" + secret + " HTTP/1.1\nHost: edge\nX-Request-Id: mine\nAuthorization: Bearer " + secret + "\n\n")
		m := c.answer("GET")
		wantError(t, m, 500, "internal", "false")
		if m.get("x-request-id") != "mine" || m.get("Connection") != "close" {
			t.Errorf("x-request-id %q, Connection %q, want mine and close", m.get("x-request-id"), m.get("Connection"))
		}
		answer := fmt.Sprint(m)
		if strings.Contains(answer, secret) || strings.Contains(answer, "nil pointer") || strings.Contains(answer, ".go:") {
			t.Errorf("the answer tells too much:\n%s", answer)
		}
		_ = c.Close() // or the edge would linger
	}
	askWhole(t, other, 502)
	_ = other.Close()
	e.end()
	log := e.log.String()
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
	upstream := startUpstream(t, sayOK)
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
	other := e.dial()
	askWhole(t, other, 200)
	for range 3 {
		c := e.dial()
		c.send("GET /broken HTTP/1.1\nHost: edge\n\n")
		c.gone()
		_ = c.Close() // or the edge would linger
		askWhole(t, other, 200)
	}
	_ = other.Close()
	e.end()
	if n := len(e.log.exchanges()) - 4; n != 3*lines {
		t.Errorf("%d access lines for 3 exchanges, want %d:\n%s", n, 3*lines, e.log)
	}
	if n := strings.Count(e.log.String(), "panic in an exchange"); n != 3 {
		t.Errorf("%d panics are told of, want 3:\n%s", n, e.log)
	}
}

// startBroken starts an edge with two routes to an upstream, on one loop. That with
// the name in broken panics.
func startBroken(t *testing.T, upstream, broken string) *edge {
	t.Helper()
	e := startEdgeOn(t, 1, upstream, func(c *config.Config) {
		c.Routes = map[string]config.Route{"broken": {PathPrefix: "/broken"}, "whole": {PathPrefix: "/whole"}}
	})
	snapshot, err := e.edge.Compile(e.edge.Config())
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(snapshot, broken)
	e.edge.Use(snapshot)
	return e
}

// sayOK answers whatever comes, until the edge wants no more.
func sayOK(up *peer) {
	for {
		if _, err := up.tryHead(); err != nil {
			return
		}
		if _, err := io.WriteString(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

// askWhole asks for the route that does not panic.
func askWhole(t *testing.T, c *peer, status int) {
	t.Helper()
	c.send("GET /whole HTTP/1.1\nHost: edge\n\n")
	if m := c.answer("GET"); m.status() != status {
		t.Errorf("answer %q, want %d", m.first, status)
	}
}
