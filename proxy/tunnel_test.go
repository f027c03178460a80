package proxy_test

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// said is a message of an upstream as one frame of a WebSocket (RFC 6455 section 5.2), and
// sent one of a client; both end the WebSocket by a Close frame with code 1000.
func said(text string) string { return "\x81" + string([]byte{byte(len(text))}) + text }

func sent(text string) string {
	return "\x81" + string([]byte{0x80 | byte(len(text))}) + "\x00\x00\x00\x00" + text
}

const (
	closeSaid = "\x88\x02\x03\xe8"
	closeSent = "\x88\x82\x00\x00\x00\x00\x03\xe8"
)

// TestATunnelMovesBytesBothWays holds that a WebSocket handshake goes by the same
// rules as any request, and that what each side sends early is not lost.
func TestATunnelMovesBytesBothWays(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				m := up.Request()
				if m.Get("Connection") != "Upgrade" || m.Get("Upgrade") != "websocket" ||
					m.Get("Sec-WebSocket-Key") != "dGhlIHNhbXBsZSBub25jZQ==" || m.Get("api-key") != "0123abcd" || m.Get("Authorization") != "" {
					t.Errorf("the handshake arrives as %v", m.Fields)
				}
				up.Send("HTTP/1.1 101 Switching Protocols\nConnection: upgrade, X-Hop\nX-Hop: 1\nUpgrade: websocket\nSec-WebSocket-Accept: s3pP\n\n" + said("hello client"))
				if got := up.Bytes(len(sent("hello upstream"))); got != sent("hello upstream") {
					t.Errorf("the client's early bytes arrive as %q", got)
				}
				up.Raw(up.Bytes(4) + closeSaid)
			})
			c := e.Dial()
			c.Send(strings.Replace(proxytest.Handshake, "\n\n", "\nAuthorization: Bearer 0123abcd\n\n", 1) + sent("hello upstream"))
			m := c.Head()
			if m.Status() != 101 || m.Get("Connection") != "Upgrade" || m.Get("Upgrade") != "websocket" ||
				m.Get("Sec-WebSocket-Accept") != "s3pP" || m.Get("X-Hop") != "" {
				t.Errorf("answer %q %v", m.First, m.Fields)
			}
			if got := c.Bytes(len(said("hello client"))); got != said("hello client") {
				t.Errorf("the upstream's early bytes arrive as %q", got)
			}
			e.WantMetric(`apim_edge_streams_open{route="api"}`, 1)
			c.Raw(said("hi"))
			if got := c.Bytes(4); got != said("hi") {
				t.Errorf("echo %q", got)
			}
			if got := c.Bytes(len(closeSaid)); got != closeSaid {
				t.Errorf("the upstream's Close frame arrives as %q", got)
			}
			c.WantEnd(proxytest.Orderly) // the upstream has closed
			l := e.WantExchange(101, "complete")
			if l["stream"] != true || l["bytes"] != float64(len(said("hello client"))+4+len(closeSaid)) || l["reason"] != "bearer_key" {
				t.Errorf("access line %v", l)
			}
		})
	}
}

// TestATunnelLosesNothing holds it for more than any buffer, both ways at once.
func TestATunnelLosesNothing(t *testing.T) {
	const size = 4 << 20
	data := random(size)
	copy(data, "\x82\x7f\x00\x00\x00\x00") // one frame: the rest of it is its length
	binary.BigEndian.PutUint32(data[6:], size-10)
	want := sha256.Sum256(data)
	receive := func(p *proxytest.Peer, who string) {
		b := make([]byte, size)
		if _, err := io.ReadFull(p.In, b); err != nil {
			p.T.Errorf("%s: %v", who, err)
		} else if sha256.Sum256(b) != want {
			p.T.Errorf("%s: the bytes have another hash", who)
		}
	}
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.Switching)
				var sending sync.WaitGroup
				sending.Go(func() { _, _ = up.Write(data) })
				receive(up, "upstream")
				sending.Wait()
				up.Bytes(1) // the client has all
				up.Raw(closeSaid)
			})
			c := e.Dial()
			c.Send(proxytest.Handshake)
			c.Head()
			var sending sync.WaitGroup
			sending.Go(func() { _, _ = c.Write(data) })
			receive(c, "client")
			sending.Wait()
			c.Raw("!")
			c.Bytes(len(closeSaid))
			c.WantEnd(proxytest.Orderly)
			e.WantExchange(101, "complete")
		})
	}
}

// TestHowATunnelEnds holds what the client sees of a WebSocket that nobody has closed,
// and whose fault it is.
func TestHowATunnelEnds(t *testing.T) {
	for _, tc := range []struct {
		name     string
		legs     proxytest.Legs
		upstream func(*proxytest.Peer)
		end      string
		cause    string
	}{
		{"upstream ends with FIN", proxytest.Legs{}, ways[proxytest.Orderly], proxytest.Orderly, "upstream_aborted"},
		{"upstream ends with RST", proxytest.Legs{}, ways[proxytest.Reset], proxytest.Reset, "upstream_aborted"},
		{"upstream ends with close_notify", proxytest.TLSUpstream, ways[proxytest.Orderly], proxytest.Orderly, "upstream_aborted"},
		{"upstream ends with FIN alone on TLS", proxytest.TLSUpstream, ways[proxytest.Cut], proxytest.Reset, "upstream_aborted"},
		{"upstream ends with FIN, client on TLS", proxytest.TLSClient, ways[proxytest.Orderly], proxytest.Orderly, "upstream_aborted"},
		{"nobody says anything", proxytest.Legs{}, func(up *proxytest.Peer) { up.Gone() }, proxytest.Reset, "stream_idle"},
		{"nobody says anything on TLS", proxytest.TLSBoth, func(up *proxytest.Peer) { up.Gone() }, proxytest.Reset, "stream_idle"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := make(chan struct{})
			e := tc.legs.Start(t, func(c *config.Config) {
				if tc.cause == "stream_idle" { // on a busy machine the other ends take longer
					c.Timeouts.StreamIdle = config.Duration{Duration: 80 * time.Millisecond}
				}
			}, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.Switching + said("hel"))
				<-got
				tc.upstream(up)
			})
			c := e.Dial()
			c.Send(proxytest.Handshake)
			c.Head()
			c.Bytes(5)
			close(got)
			c.WantEnd(tc.end)
			e.WantExchange(101, tc.cause)
		})
	}
}

// TestAClosedTunnelEndsInOrder holds that behind a Close frame no end is a cut, whoever
// has sent it, and whoever ends the connection, and how.
func TestAClosedTunnelEndsInOrder(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		for _, way := range []string{proxytest.Orderly, proxytest.Cut, proxytest.Reset} {
			for _, tc := range []struct {
				name                               string
				clientCloses, upstreamCloses, ends bool // ends: the client does, else the upstream
			}{
				{"the client closes and leaves", true, false, true},
				{"the client closes, the upstream ends", true, false, false},
				{"the upstream closes and ends", false, true, false},
				{"the upstream closes, the client leaves", false, true, true},
				{"both close, the client leaves", true, true, true},
				{"both close, the upstream ends", true, true, false},
			} {
				t.Run(leg.Name+", "+tc.name+" with "+way, func(t *testing.T) {
					t.Parallel()
					taken := make(chan struct{}) // what the upstream has said, by the client
					e := leg.Start(t, nil, func(up *proxytest.Peer) {
						up.Request()
						up.Send(proxytest.Switching)
						if tc.clientCloses {
							up.Bytes(len(closeSent))
						}
						up.Raw(said("bye"))
						if tc.upstreamCloses {
							up.Raw(closeSaid)
						}
						<-taken
						if tc.ends {
							up.Gone()
						} else {
							ways[way](up)
						}
					})
					take := sync.OnceFunc(func() { close(taken) })
					t.Cleanup(take) // a test that fails is not to hold its upstream
					c := e.Dial()
					c.Send(proxytest.Handshake)
					c.Head()
					if tc.clientCloses {
						c.Raw(closeSent)
					}
					c.Bytes(len(said("bye")))
					if tc.upstreamCloses {
						c.Bytes(len(closeSaid))
					}
					if take(); tc.ends {
						ways[way](c)
					} else {
						c.WantEnd(proxytest.Orderly)
					}
					e.WantExchange(101, "complete")
					e.WantMetric("apim_edge_cuts_total", 0)
					e.WantMetric(`apim_edge_cancels_total{route="api"}`, 0)
				})
			}
		}
	}
}

// TestTheLastFrameOfAClientThatLeavesArrives holds it for one that does not wait.
func TestTheLastFrameOfAClientThatLeavesArrives(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			gone := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				defer close(gone)
				up.Request()
				up.Send(proxytest.Switching)
				if got := up.Bytes(len(sent("bye") + closeSent)); got != sent("bye")+closeSent {
					t.Errorf("the upstream gets %q", got)
				}
				up.Gone()
			})
			c := e.Dial()
			c.Send(proxytest.Handshake)
			c.Head()
			c.Raw(sent("bye") + closeSent)
			_ = c.Close()
			e.WantExchange(101, "complete")
			<-gone
		})
	}
}

// TestATalkingTunnelIsNotIdle holds that bytes in one direction are enough.
func TestATalkingTunnelIsNotIdle(t *testing.T) {
	const idle = time.Second // a busy machine may let nothing happen for a while
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.Switching)
		for range 12 {
			up.Bytes(1) // and says nothing itself
		}
		up.Raw(closeSaid)
	}), func(c *config.Config) { c.Timeouts.StreamIdle = config.Duration{Duration: idle} })
	c := e.Dial()
	c.Send(proxytest.Handshake)
	c.Head()
	for range 12 { // for longer than stream_idle in all
		c.Raw("x")
		<-time.After(idle / 10)
	}
	c.Bytes(len(closeSaid))
	c.WantEnd(proxytest.Orderly)
	e.WantExchange(101, "complete")
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
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				m := up.Request()
				if m.Get("Connection")+m.Get("Upgrade")+m.Get("HTTP2-Settings") != "" {
					t.Errorf("the request arrives with %v", m.Fields)
				}
				up.Send(proxytest.Switching) // a lie
				up.Gone()
			}), nil)
			proxytest.WantError(t, e.Ask(tc.request), 502, "upstream_invalid_response", "false")
			e.WantExchange(502, "upstream_invalid_response")
		})
	}
}

// TestARefusedHandshakeIsAnAnswer holds that an upstream may say no, and that the
// connection goes on.
func TestARefusedHandshakeIsAnAnswer(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 4\n\nnope")
		answerOnce(up, "ok")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.Handshake)
	if m := c.Answer("GET"); m.Status() != 401 || m.Body != "nope" {
		t.Errorf("answer %v", m)
	}
	c.Send(proxytest.PlainGet)
	if m := c.Answer("GET"); m.Body != "ok" {
		t.Errorf("the next answer is %v", m)
	}
	e.WantExchange(401, "complete")
	e.WantExchange(200, "complete")
}

// TestASwitchToAnotherProtocol holds that a 101 has to name what was asked for (RFC
// 9110 section 7.8): nobody here could tell where another protocol ends.
func TestASwitchToAnotherProtocol(t *testing.T) {
	for _, fields := range []string{
		"Upgrade: h2c\n", "Upgrade: websocket, h2c\n", "Upgrade: websocket\nUpgrade: h2c\n", "",
	} {
		t.Run(fields, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\n" + fields + "\n")
				up.Gone()
			}), nil)
			proxytest.WantError(t, e.Ask(proxytest.Handshake), 502, "upstream_invalid_response", "false")
			e.WantExchange(502, "upstream_invalid_response")
		})
	}
}
