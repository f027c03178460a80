package proxy_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestTheHealthPathFollowsReadiness holds what a balancer sees that probes the
// clients' port, and that a probe is no exchange to anybody who counts them.
func TestTheHealthPathFollowsReadiness(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, func(c *config.Config) { c.Listen.HealthPath = "/healthz" }, proxytest.EchoKey)
			var cause atomic.Pointer[error]
			e.Edge.FollowReadiness(func() error {
				if err := cause.Load(); err != nil {
					return *err
				}
				return nil
			})
			c := e.Dial()
			probe := func(request string, status int, body string) {
				t.Helper()
				c.Send(request)
				if m := c.Answer(proxytest.MethodOf(request)); m.Status() != status || m.Body != body || m.Get("Cache-Control") != "no-store" {
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
				c.Send(other + " HTTP/1.1\nHost: edge\nContent-Length: 0\nAuthorization: Bearer k1\n\n")
				if m := c.Answer("GET"); !strings.Contains(m.Body, "k1") {
					t.Errorf("%s: answer %v, want the upstream's", other, m)
				}
				e.WantExchange(200, "complete")
			}
			e.Drain(proxytest.Patience)
			c.Gone() // it is idle
		})
	}
}

// TestAProbeDuringADrainIsToldSo holds it for a connection that is not idle when the
// drain begins, and that it is the last answer.
func TestAProbeDuringADrainIsToldSo(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), func(c *config.Config) { c.Listen.HealthPath = "/healthz" })
	c := e.Dial()
	e.Edge.Drain() // as a service does that still accepts, for drain_delay
	c.Send("GET /healthz HTTP/1.1\nHost: edge\n\n")
	if m := c.Answer("GET"); m.Status() != 503 || m.Get("Connection") != "close" {
		t.Errorf("answer %v, want 503 and the end of the connection", m)
	}
	c.WantEnd(proxytest.Orderly)
}

// TestTheHealthPathIsOffByDefault holds that nobody's path is taken.
func TestTheHealthPathIsOffByDefault(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.EchoKey), nil)
	if m := e.Ask("GET /healthz HTTP/1.1\nHost: edge\nAuthorization: Bearer k1\n\n"); !strings.Contains(m.Body, "k1") {
		t.Errorf("answer %v, want the upstream's", m)
	}
}
