package proxy_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

func oneConnection(c *config.Config) {
	c.Limits.Connections = 1
	c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{page}}}
}

// full starts an edge whose only place is taken, by the connection that is
// returned.
func full(t *testing.T, leg legs) (*edge, *peer) {
	t.Helper()
	e := leg.start(t, oneConnection, echoKey)
	first := e.dial()
	first.send(plainGet)
	first.answer("GET")
	e.wantExchange(200, "complete")
	return e, first
}

// TestConnectionsAreBounded holds limits.connections: one too many is told so,
// whatever it asks and however much it says, and closed; the others do not suffer,
// and a place that gets free is given away again.
func TestConnectionsAreBounded(t *testing.T) {
	for _, tc := range []struct{ name, request string }{
		{"a request", plainGet},
		{"a request of a page", "GET / HTTP/1.1\nHost: edge\nOrigin: " + page + "\n\n"},
		{"a preflight", preflight},
		{"half a head", "GET / HTTP/1.1\nHost: ed"},
		{"a head that would be refused", "GET / HTTP/1.1\nX: " + strings.Repeat("x", 1<<20)},
		{"an upload", "POST / HTTP/1.1\nHost: edge\nContent-Length: 2000000\n\n" + strings.Repeat("x", 2000000)},
		{"no HTTP", "hello\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, first := full(t, plain)
			second := e.dial()
			second.send(tc.request)
			m := second.answer("GET")
			wantError(t, m, 503, "edge_overloaded", "true")
			for _, f := range [][2]string{
				{"Connection", "close"}, {"Cache-Control", "no-store"}, {"Retry-After", "1"}, {"Access-Control-Allow-Origin", ""},
			} {
				if got := m.get(f[0]); got != f[1] {
					t.Errorf("%s %q, want %q", f[0], got, f[1])
				}
			}
			second.wantEnd(orderly)
			_ = second.Close()
			if l := e.wantExchange(503, "edge_overloaded"); l["request_id"] != m.get("x-request-id") {
				t.Errorf("the access line has request_id %v, the answer %q", l["request_id"], m.get("x-request-id"))
			}
			e.wantMetric("apim_edge_client_connections_refused_total", 1)
			e.wantMetric("apim_edge_client_connections", 1)

			first.send(plainGet) // does not suffer
			first.answer("GET")
			e.wantExchange(200, "complete")
			_ = first.Close()
			e.wantMetric("apim_edge_client_connections", 0)
			if m := e.ask(plainGet); m.status() != 200 {
				t.Errorf("answer %q when a place is free", m.first)
			}
			e.wantExchange(200, "complete")
		})
	}
}

// TestARefusedHandshakeIsNotMade holds that a TLS client beyond the limit is told
// by an alert that it can show, in answer to its first bytes.
func TestARefusedHandshakeIsNotMade(t *testing.T) {
	e, _ := full(t, tlsClient)
	handshakes := 0
	second := tlsOnly(t, e, func() { handshakes++ })
	if err := second.Handshake(); err == nil || !strings.Contains(err.Error(), "internal error") {
		t.Errorf("the handshake of one too many ended with %v, want the alert internal_error", err)
	}
	if handshakes != 0 {
		t.Error("a certificate was shown")
	}
	e.wantMetric("apim_edge_client_connections_refused_total", 1)
}

func tlsOnly(t *testing.T, e *edge, certificate func()) *tls.Conn {
	t.Helper()
	c, err := net.Dial("tcp", e.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	conf := e.secure.Clone()
	conf.VerifyConnection = func(tls.ConnectionState) error { certificate(); return nil }
	return tls.Client(c, conf)
}

// TestAClientThatHasNotAskedIsNotAnswered holds that the refusal waits for the
// request: Go's client takes an answer before it for a fault of HTTP. Who says
// nothing is told nothing.
func TestAClientThatHasNotAskedIsNotAnswered(t *testing.T) {
	e, _ := full(t, plain)
	e.dial().wantEnd(orderly)
}

// TestRefusalsAreBounded holds that no more than a few connections beyond the
// limit are open at a time, that each of the rest is told and closed at once, and
// that there is room for others as soon as these have gone.
func TestRefusalsAreBounded(t *testing.T) {
	const held, more = 64, 200
	e, first := full(t, plain)
	var all []*peer
	for range held {
		all = append(all, e.dial())
	}
	e.wantMetric("apim_edge_client_connections_refused_total", held)
	for range more { // they say nothing, and are told nevertheless
		c := e.dial()
		wantError(t, c.answer("GET"), 503, "edge_overloaded", "true")
		c.wantEnd(orderly)
		_ = c.Close()
	}
	for _, c := range all {
		c.send(plainGet)
		wantError(t, c.answer("GET"), 503, "edge_overloaded", "true")
		c.wantEnd(orderly)
		_ = c.Close()
		e.wantExchange(503, "edge_overloaded")
	}
	first.send(plainGet)
	first.answer("GET")
	e.wantExchange(200, "complete")
	c := e.dial()
	c.send("POST / HTTP/1.1\nHost: edge\nContent-Length: 2000000\n\n" + strings.Repeat("x", 2000000))
	wantError(t, c.answer("POST"), 503, "edge_overloaded", "true")
	e.wantExchange(503, "edge_overloaded")
	e.wantMetric("apim_edge_client_connections_refused_total", held+more+1)
}

// TestHalfAHandshakeHoldsLittle holds that a ClientHello is not collected up to
// what crypto/tls would take.
func TestHalfAHandshakeHoldsLittle(t *testing.T) {
	e := tlsClient.start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = config.Seconds(3600) }, echoKey)
	for _, tc := range []struct {
		name string
		size int
		ends bool
	}{
		{"larger than that of any client", 12 << 10, false},
		{"larger than may be", 60 << 10, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := net.Dial("tcp", e.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // a test's end
			go func() { _, _ = c.Write(halfHello(tc.size)) }()
			if !tc.ends {
				e.wantMetric("apim_edge_client_connections", 1)
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the edge waits for the rest")
			}
			e.wantMetric("apim_edge_client_connections", 0)
		})
	}
}

// halfHello returns the beginning of a ClientHello, in records as large as they
// may be.
func halfHello(size int) []byte {
	message := append([]byte{1, 0, 0xff, 0}, make([]byte, size)...)
	var records []byte
	for len(message) > 0 {
		n := min(len(message), 16<<10)
		records = append(records, 22, 3, 1, byte(n>>8), byte(n))
		records = append(records, message[:n]...)
		message = message[n:]
	}
	return records
}
