package front_test

import (
	"crypto/sha256"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestATunnelMovesBytesBothWays holds that a WebSocket handshake goes by the same
// rules as any request, and that what each side sends early is not lost.
func TestATunnelMovesBytesBothWays(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, nil, func(up *peer) {
				m := up.request()
				if m.get("Connection") != "Upgrade" || m.get("Upgrade") != "websocket" ||
					m.get("Sec-WebSocket-Key") != "dGhlIHNhbXBsZSBub25jZQ==" || m.get("api-key") != "0123abcd" || m.get("Authorization") != "" {
					t.Errorf("the handshake arrives as %v", m.fields)
				}
				up.send("HTTP/1.1 101 Switching Protocols\nConnection: upgrade, X-Hop\nX-Hop: 1\nUpgrade: websocket\nSec-WebSocket-Accept: s3pP\n\nhello client")
				if got := up.bytes(len("hello upstream")); got != "hello upstream" {
					t.Errorf("the client's early bytes arrive as %q", got)
				}
				up.raw(up.bytes(4))
			})
			c := e.dial()
			c.send(strings.Replace(handshake, "\n\n", "\nAuthorization: Bearer 0123abcd\n\n", 1) + "hello upstream")
			m := c.head()
			if m.status() != 101 || m.get("Connection") != "Upgrade" || m.get("Upgrade") != "websocket" ||
				m.get("Sec-WebSocket-Accept") != "s3pP" || m.get("X-Hop") != "" {
				t.Errorf("answer %q %v", m.first, m.fields)
			}
			if got := c.bytes(len("hello client")); got != "hello client" {
				t.Errorf("the upstream's early bytes arrive as %q", got)
			}
			e.wantMetric(`apim_edge_streams_open{route="api"}`, 1)
			c.raw("ping")
			if got := c.bytes(4); got != "ping" {
				t.Errorf("echo %q", got)
			}
			c.wantEnd(orderly) // the upstream has closed
			l := e.wantExchange(101, "complete")
			if l["stream"] != true || l["bytes"] != float64(len("hello client")+4) || l["reason"] != "bearer_key" {
				t.Errorf("access line %v", l)
			}
		})
	}
}

// TestATunnelLosesNothing holds it for more than any buffer, both ways at once.
func TestATunnelLosesNothing(t *testing.T) {
	const size = 4 << 20
	data := random(size)
	want := sha256.Sum256(data)
	receive := func(p *peer, who string) {
		b := make([]byte, size)
		if _, err := io.ReadFull(p.in, b); err != nil {
			p.t.Errorf("%s: %v", who, err)
		} else if sha256.Sum256(b) != want {
			p.t.Errorf("%s: the bytes have another hash", who)
		}
	}
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, nil, func(up *peer) {
				up.request()
				up.send(switching)
				var sending sync.WaitGroup
				sending.Go(func() { _, _ = up.Write(data) })
				receive(up, "upstream")
				sending.Wait()
				up.bytes(1) // the client has all
			})
			c := e.dial()
			c.send(handshake)
			c.head()
			var sending sync.WaitGroup
			sending.Go(func() { _, _ = c.Write(data) })
			receive(c, "client")
			sending.Wait()
			c.raw("!")
			c.wantEnd(orderly)
			e.wantExchange(101, "complete")
		})
	}
}

// TestHowATunnelEnds holds what the client sees, and whose fault it is.
func TestHowATunnelEnds(t *testing.T) {
	for _, tc := range []struct {
		name     string
		legs     legs
		upstream func(*peer)
		end      string
		cause    string
	}{
		{"upstream ends with FIN", legs{}, ways[orderly], orderly, "complete"},
		{"upstream ends with RST", legs{}, ways[reset], reset, "upstream_aborted"},
		{"upstream ends with close_notify", everyLeg[1], ways[orderly], orderly, "complete"},
		{"upstream ends with FIN alone on TLS", everyLeg[1], ways[cut], reset, "upstream_aborted"},
		{"upstream ends with FIN, client on TLS", everyLeg[2], ways[orderly], orderly, "complete"},
		{"nobody says anything", legs{}, func(up *peer) { up.gone() }, reset, "stream_idle"},
		{"nobody says anything on TLS", everyLeg[3], func(up *peer) { up.gone() }, reset, "stream_idle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan struct{})
			e := tc.legs.start(t, func(c *config.Config) {
				if tc.cause == "stream_idle" { // on a busy machine the other ends take longer
					c.Timeouts.StreamIdle = config.Duration{Duration: 80 * time.Millisecond}
				}
			}, func(up *peer) {
				up.request()
				up.send(switching + "hello")
				<-got
				tc.upstream(up)
			})
			c := e.dial()
			c.send(handshake)
			c.head()
			c.bytes(5)
			close(got)
			c.wantEnd(tc.end)
			e.wantExchange(101, tc.cause)
		})
	}
}

// TestATalkingTunnelIsNotIdle holds that bytes in one direction are enough.
func TestATalkingTunnelIsNotIdle(t *testing.T) {
	const idle = 100 * time.Millisecond
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(switching)
		for range 20 {
			up.bytes(1) // and says nothing itself
		}
	}), func(c *config.Config) { c.Timeouts.StreamIdle = config.Duration{Duration: idle} })
	c := e.dial()
	c.send(handshake)
	c.head()
	for range 20 { // for longer than stream_idle in all
		c.raw("x")
		<-time.After(idle / 10)
	}
	c.wantEnd(orderly)
	e.wantExchange(101, "complete")
}

// TestOtherUpgradesAreDropped holds that only a complete handshake for websocket
// switches protocols; anything else goes on as the request that it also is.
func TestOtherUpgradesAreDropped(t *testing.T) {
	const ws = "Connection: Upgrade\nUpgrade: websocket\n"
	for _, tc := range []struct{ name, request string }{
		{"h2c", "GET / HTTP/1.1\nHost: edge\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAM\n\n"},
		{"TLS", "OPTIONS * HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: TLS/1.0\n\n"},
		{"websocket or h2c", "GET / HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: websocket, h2c\n\n"},
		{"two Upgrade fields", "GET / HTTP/1.1\nHost: edge\n" + ws + "Upgrade: h2c\n\n"},
		{"websocket without Connection", "GET / HTTP/1.1\nHost: edge\nUpgrade: websocket\n\n"},
		{"websocket by POST", "POST / HTTP/1.1\nHost: edge\n" + ws + "Content-Length: 0\n\n"},
		{"websocket in HTTP/1.0", "GET / HTTP/1.0\nHost: edge\n" + ws + "\n"},
		{"websocket with a body", "GET / HTTP/1.1\nHost: edge\n" + ws + "Content-Length: 5\n\nhello"},
		{"websocket with a chunked body", "GET / HTTP/1.1\nHost: edge\n" + ws + "Transfer-Encoding: chunked\n\n5\nhello\n0\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, func(up *peer) {
				m := up.request()
				if m.get("Connection")+m.get("Upgrade")+m.get("HTTP2-Settings") != "" {
					t.Errorf("the request arrives with %v", m.fields)
				}
				up.send(switching) // a lie
				up.gone()
			}), nil)
			wantError(t, e.ask(tc.request), 502, "upstream_invalid_response", "false")
			e.wantExchange(502, "upstream_invalid_response")
		})
	}
}

// TestARefusedHandshakeIsAnAnswer holds that an upstream may say no, and that the
// connection goes on.
func TestARefusedHandshakeIsAnAnswer(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send("HTTP/1.1 401 Unauthorized\nContent-Length: 4\n\nnope")
		answerOnce(up, "ok")
		up.gone()
	}), nil)
	c := e.dial()
	c.send(handshake)
	if m := c.answer("GET"); m.status() != 401 || m.body != "nope" {
		t.Errorf("answer %v", m)
	}
	c.send(plainGet)
	if m := c.answer("GET"); m.body != "ok" {
		t.Errorf("the next answer is %v", m)
	}
	e.wantExchange(401, "complete")
	e.wantExchange(200, "complete")
}

// TestASwitchToAnotherProtocol holds that a 101 has to name what was asked for (RFC
// 9110 section 7.8): nobody here could tell where another protocol ends.
func TestASwitchToAnotherProtocol(t *testing.T) {
	for _, fields := range []string{
		"Upgrade: h2c\n", "Upgrade: websocket, h2c\n", "Upgrade: websocket\nUpgrade: h2c\n", "",
	} {
		t.Run(fields, func(t *testing.T) {
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.request()
				up.send("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\n" + fields + "\n")
				up.gone()
			}), nil)
			wantError(t, e.ask(handshake), 502, "upstream_invalid_response", "false")
			e.wantExchange(502, "upstream_invalid_response")
		})
	}
}
