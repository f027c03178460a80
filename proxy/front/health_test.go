package front_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestTheHealthPathFollowsReadiness holds what a balancer sees that probes the
// clients' port, and that a probe is no exchange to anybody who counts them.
func TestTheHealthPathFollowsReadiness(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, func(c *config.Config) { c.Listen.HealthPath = "/healthz" }, echoKey)
			var cause atomic.Pointer[error]
			e.edge.FollowReadiness(func() error {
				if err := cause.Load(); err != nil {
					return *err
				}
				return nil
			})
			c := e.dial()
			probe := func(request string, status int, body string) {
				t.Helper()
				c.send(request)
				if m := c.answer(methodOf(request)); m.status() != status || m.body != body || m.get("Cache-Control") != "no-store" {
					t.Errorf("%q: answer %v, want %d and %q", request, m, status, body)
				}
			}
			probe("GET /healthz HTTP/1.1\nHost: edge\n\n", 200, "ready\n")
			probe("HEAD /healthz HTTP/1.1\nHost: any\n\n", 200, "")
			probe("GET /healthz?from=balancer HTTP/1.1\nHost: edge\n\n", 200, "ready\n")
			why := errors.New("secret reasons")
			cause.Store(&why)
			probe("GET /healthz HTTP/1.1\nHost: edge\nContent-Length: 2\n\n{}", 503, "not ready\n")
			cause.Store(nil)
			for _, other := range []string{"POST /healthz", "GET /healthz/", "GET /healthz/x", "GET /"} {
				c.send(other + " HTTP/1.1\nHost: edge\nContent-Length: 0\nAuthorization: Bearer k1\n\n")
				if m := c.answer("GET"); !strings.Contains(m.body, "k1") {
					t.Errorf("%s: answer %v, want the upstream's", other, m)
				}
				e.wantExchange(200, "complete")
			}
			e.drain(patience)
			c.gone() // it is idle
		})
	}
}

// TestAProbeDuringADrainIsToldSo holds it for a connection that is not idle when the
// drain begins, and that it is the last answer.
func TestAProbeDuringADrainIsToldSo(t *testing.T) {
	e := startEdge(t, startUpstream(t, noConnection), func(c *config.Config) { c.Listen.HealthPath = "/healthz" })
	c := e.dial()
	e.edge.Drain() // as a service does that still accepts, for drain_delay
	c.send("GET /healthz HTTP/1.1\nHost: edge\n\n")
	if m := c.answer("GET"); m.status() != 503 || m.get("Connection") != "close" {
		t.Errorf("answer %v, want 503 and the end of the connection", m)
	}
	c.wantEnd(orderly)
}

// TestTheHealthPathIsOffByDefault holds that nobody's path is taken.
func TestTheHealthPathIsOffByDefault(t *testing.T) {
	e := startEdge(t, startUpstream(t, echoKey), nil)
	if m := e.ask("GET /healthz HTTP/1.1\nHost: edge\nAuthorization: Bearer k1\n\n"); !strings.Contains(m.body, "k1") {
		t.Errorf("answer %v, want the upstream's", m)
	}
}
