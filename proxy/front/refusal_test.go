package front_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

func oneConnection(c *config.Config) {
	c.Limits.Connections = 1
	c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{proxytest.Page}}}
}

// full starts an edge whose only place is taken, by the connection that is
// returned.
func full(t *testing.T, leg proxytest.Legs) (*proxytest.Edge, *proxytest.Peer) {
	t.Helper()
	e := leg.Start(t, oneConnection, proxytest.EchoKey)
	first := e.Dial()
	first.Send(proxytest.PlainGet)
	first.Answer("GET")
	e.WantExchange(200, "complete")
	return e, first
}

// TestConnectionsAreBounded holds limits.connections: one too many is told so,
// whatever it asks and however much it says, and closed; the others do not suffer,
// and a place that gets free is given away again.
func TestConnectionsAreBounded(t *testing.T) {
	for _, tc := range []struct{ name, request string }{
		{"a request", proxytest.PlainGet},
		{"a request of a page", "GET / HTTP/1.1\nHost: edge\nOrigin: " + proxytest.Page + "\n\n"},
		{"a preflight", proxytest.Preflight},
		{"half a head", "GET / HTTP/1.1\nHost: ed"},
		{"a head that would be refused", "GET / HTTP/1.1\nX: " + strings.Repeat("x", 1<<20)},
		{"an upload", "POST / HTTP/1.1\nHost: edge\nContent-Length: 2000000\n\n" + strings.Repeat("x", 2000000)},
		{"no HTTP", "hello\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, first := full(t, proxytest.Plain)
			second := e.Dial()
			second.Send(tc.request)
			m := second.Answer("GET")
			proxytest.WantError(t, m, 503, "edge_overloaded", "true")
			for _, f := range [][2]string{
				{"Connection", "close"}, {"Cache-Control", "no-store"}, {"Retry-After", "1"}, {"Access-Control-Allow-Origin", ""},
			} {
				if got := m.Get(f[0]); got != f[1] {
					t.Errorf("%s %q, want %q", f[0], got, f[1])
				}
			}
			second.WantEnd(proxytest.Orderly)
			_ = second.Close()
			if l := e.WantExchange(503, "edge_overloaded"); l["request_id"] != m.Get("x-request-id") {
				t.Errorf("the access line has request_id %v, the answer %q", l["request_id"], m.Get("x-request-id"))
			}
			e.WantMetric("apim_edge_client_connections_refused_total", 1)
			e.WantMetric("apim_edge_client_connections", 1)

			first.Send(proxytest.PlainGet) // does not suffer
			first.Answer("GET")
			e.WantExchange(200, "complete")
			_ = first.Close()
			e.WantMetric("apim_edge_client_connections", 0)
			if m := e.Ask(proxytest.PlainGet); m.Status() != 200 {
				t.Errorf("answer %q when a place is free", m.First)
			}
			e.WantExchange(200, "complete")
		})
	}
}

// TestARefusedHandshakeIsNotMade holds that a TLS client beyond the limit is told
// by an alert that it can show, in answer to its first bytes.
func TestARefusedHandshakeIsNotMade(t *testing.T) {
	e, _ := full(t, proxytest.TLSClient)
	handshakes := 0
	second := tlsOnly(t, e, func() { handshakes++ })
	if err := second.Handshake(); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("the handshake of one too many ended with %v, want the alert internal_error", err)
	}
	if handshakes != 0 {
		t.Error("a certificate was shown")
	}
	e.WantMetric("apim_edge_client_connections_refused_total", 1)
}

func tlsOnly(t *testing.T, e *proxytest.Edge, certificate func()) *tls.Conn {
	t.Helper()
	c := testkit.Dial(t, e.Address)
	conf := e.Secure.Clone()
	conf.VerifyConnection = func(tls.ConnectionState) error { certificate(); return nil }
	return tls.Client(c, conf)
}

// TestAClientThatHasNotAskedIsNotAnswered holds that the refusal waits for the
// request: Go's client takes an answer before it for a fault of HTTP. Who says
// nothing is told nothing.
func TestAClientThatHasNotAskedIsNotAnswered(t *testing.T) {
	e, _ := full(t, proxytest.Plain)
	e.Dial().WantEnd(proxytest.Orderly)
}

// TestRefusalsAreBounded holds that no more than a few connections beyond the
// limit are open at a time, that each of the rest is told and closed at once, and
// that there is room for others as soon as these have gone.
func TestRefusalsAreBounded(t *testing.T) {
	const held, more = 64, 200
	e, first := full(t, proxytest.Plain)
	var all []*proxytest.Peer
	for range held {
		all = append(all, e.Dial())
	}
	e.WantMetric("apim_edge_client_connections_refused_total", held)
	for range more { // they say nothing, and are told nevertheless
		c := e.Dial()
		proxytest.WantError(t, c.Answer("GET"), 503, "edge_overloaded", "true")
		c.WantEnd(proxytest.Orderly)
		_ = c.Close()
	}
	for _, c := range all {
		c.Send(proxytest.PlainGet)
		proxytest.WantError(t, c.Answer("GET"), 503, "edge_overloaded", "true")
		c.WantEnd(proxytest.Orderly)
		_ = c.Close()
		e.WantExchange(503, "edge_overloaded")
	}
	first.Send(proxytest.PlainGet)
	first.Answer("GET")
	e.WantExchange(200, "complete")
	c := e.Dial()
	c.Send("POST / HTTP/1.1\nHost: edge\nContent-Length: 2000000\n\n" + strings.Repeat("x", 2000000))
	proxytest.WantError(t, c.Answer("POST"), 503, "edge_overloaded", "true")
	e.WantExchange(503, "edge_overloaded")
	e.WantMetric("apim_edge_client_connections_refused_total", held+more+1)
}
