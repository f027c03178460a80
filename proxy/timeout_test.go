package proxy_test

import (
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// short is a bound that a test can wait for.
var short = config.Duration{Duration: 50 * time.Millisecond}

// TestAHeadHasToArriveInTime holds that the bound runs from the first byte: a
// client that sends byte by byte gains nothing.
func TestAHeadHasToArriveInTime(t *testing.T) {
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSClient} {
		for _, first := range []bool{true, false} {
			name := leg.Name + ", second request"
			if first {
				name = leg.Name + ", first request"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientHead = short }, proxytest.EchoKey)
				c := e.Dial()
				if !first {
					c.Send(proxytest.PlainGet)
					c.Answer("GET")
					e.WantExchange(200, "complete")
				}
				stop := make(chan struct{})
				defer func() { <-stop }()
				go func() {
					defer close(stop)
					for _, b := range strings.Repeat("GET /slow HTTP/1.1\r\nX-Slow: ", 1000) {
						if _, err := io.WriteString(c, string(b)); err != nil {
							return
						}
						<-time.After(short.Duration / 20)
					}
				}()
				proxytest.WantError(t, c.Answer("GET"), 408, "request_timeout", "")
				_ = c.Close()
				e.WantExchange(408, "request_timeout")
			})
		}
	}
}

// TestAConnectionThatSaysNothingIsClosed holds both bounds of it: for the first
// request and between two. Neither is an exchange.
func TestAConnectionThatSaysNothingIsClosed(t *testing.T) {
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSClient} {
		t.Run(leg.Name+", before a request", func(t *testing.T) {
			t.Parallel()
			e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientHead = short }, proxytest.NoConnection)
			c := e.Dial()
			c.WantEnd(proxytest.Orderly)
			if n := len(e.Log.Exchanges()); n != 0 {
				t.Errorf("%d access lines, want none", n)
			}
		})
		t.Run(leg.Name+", behind a request", func(t *testing.T) {
			t.Parallel()
			e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientKeepAlive = short }, proxytest.EchoKey)
			c := e.Dial()
			c.Send(proxytest.PlainGet)
			c.Answer("GET")
			c.WantEnd(proxytest.Orderly)
			e.WantExchange(200, "complete")
		})
	}
}

// TestAnUpstreamHasToAnswerInTime holds response_head, globally and by route, and
// that it runs from the last byte of the request.
func TestAnUpstreamHasToAnswerInTime(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
		answer string
	}{
		{"silence", func(c *config.Config) { c.Timeouts.ResponseHead = short }, ""},
		{"half a head", func(c *config.Config) { c.Timeouts.ResponseHead = short }, "HTTP/1.1 200 OK\nContent-"},
		{"silence behind an interim answer that stays here", func(c *config.Config) { c.Timeouts.ResponseHead = short }, "HTTP/1.1 100 Continue\n\n"},
		{"silence, by route", func(c *config.Config) {
			c.Routes["api"] = config.Route{PathPrefix: "/", Timeouts: config.RouteTimeouts{ResponseHead: short}}
		}, ""},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				e := leg.Start(t, tc.change, func(up *proxytest.Peer) {
					up.Request()
					up.Send(tc.answer)
					up.Gone()
					close(gone)
				})
				c := e.Dial()
				c.Send(proxytest.Request)
				m := c.Answer("POST")
				<-gone
				proxytest.WantError(t, m, 504, "upstream_head_timeout", "false")
				if m.Get("Connection") != "" {
					t.Errorf("Connection %q, want the client's to go on", m.Get("Connection"))
				}
				e.WantExchange(504, "upstream_head_timeout")
			})
		}
	}
}

// TestAnUploadDoesNotCountAsThinking holds that response_head begins behind the
// last byte of the request, however long that took.
func TestAnUploadDoesNotCountAsThinking(t *testing.T) {
	const bound = 100 * time.Millisecond
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.FixedHead + "0123456789")
		up.Gone()
	}), func(c *config.Config) { c.Timeouts.ResponseHead = config.Duration{Duration: bound} })
	c := e.Dial()
	c.Send("POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\n")
	for range 10 { // for longer than response_head in all
		c.Raw("x")
		<-time.After(bound / 4)
	}
	if m := c.Answer("POST"); m.Status() != 200 {
		t.Errorf("answer %v", m)
	}
	e.WantExchange(200, "complete")
}

// TestASilentStreamEnds holds stream_idle in each framing: the client's answer is
// cut, and the upstream's connection closed.
func TestASilentStreamEnds(t *testing.T) {
	for _, tc := range []struct{ name, answer, end string }{
		{"chunked", proxytest.StreamHead + "5\nhello\n", proxytest.Orderly},
		{"chunked, behind the head", proxytest.StreamHead, proxytest.Orderly},
		{"known length", proxytest.FixedHead + "hello", proxytest.Reset},
		{"close-delimited", proxytest.OpenHead + "hello", proxytest.Reset},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				e := leg.Start(t, func(c *config.Config) {
					c.Routes["api"] = config.Route{PathPrefix: "/", Timeouts: config.RouteTimeouts{StreamIdle: short}}
				}, func(up *proxytest.Peer) {
					up.Request()
					up.Send(tc.answer)
					up.Gone()
					close(gone)
				})
				c := e.Dial()
				c.Send(proxytest.Request)
				c.Head()
				_, end := c.Rest()
				want := tc.end
				if leg.Client && want == proxytest.Orderly {
					want = proxytest.Cut
				}
				if end != want {
					t.Errorf("the connection ended with %s, want %s", end, want)
				}
				<-gone
				e.WantExchange(200, "stream_idle")
				e.WantMetric(`apim_edge_cuts_total{cause="stream_idle",side="upstream"}`, 1)
			})
		}
	}
}

// TestATalkingStreamDoesNotEnd holds that stream_idle bounds silence and nothing
// else.
func TestATalkingStreamDoesNotEnd(t *testing.T) {
	const idle = 100 * time.Millisecond
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.StreamHead)
		for range 20 {
			up.Send("5\nhello\n")
			<-time.After(idle / 8)
		}
		up.Send("0\n\n")
		up.Gone()
	}), func(c *config.Config) {
		c.Timeouts.StreamIdle = config.Duration{Duration: idle}
		c.Timeouts.ResponseHead = short
	})
	c := e.Dial()
	c.Send(proxytest.Request)
	if m := c.Answer("POST"); m.Body != strings.Repeat("hello", 20) {
		t.Errorf("body %q", m.Body)
	}
	e.WantExchange(200, "stream_incomplete")
}

// TestAClientThatTakesNothingIsLetGo holds client_write_stall: the upstream is
// held up meanwhile, and nothing piles up here.
func TestAClientThatTakesNothingIsLetGo(t *testing.T) {
	for _, head := range []string{proxytest.StreamHead, "HTTP/1.1 200 OK\nContent-Length: 268435456\n\n", proxytest.OpenHead} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(firstField(head)+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int64
				gone := make(chan struct{})
				e := leg.Start(t, func(c *config.Config) { c.Timeouts.ClientWriteStall = short }, func(up *proxytest.Peer) {
					defer close(gone)
					up.Request()
					up.Send(head)
					chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
					for sent.Load() < 256<<20 {
						n, err := io.WriteString(up, chunk)
						sent.Add(int64(n))
						if err != nil {
							return
						}
					}
					t.Error("the upstream could send all of it")
				})
				c := e.Dial()
				c.Send(proxytest.Request)
				<-gone
				l := e.WantExchange(200, "client_stalled")
				e.WantMetric(`apim_edge_cuts_total{cause="client_stalled",side="client"}`, 1)
				if got := int64(l["bytes"].(float64)); got > sent.Load() {
					t.Errorf("%d bytes relayed of %d", got, sent.Load())
				}
			})
		}
	}
}

func firstField(head string) string { return strings.Split(head, "\n")[1] }

// TestAClientThatReadsSlowlyIsServed holds that the bound is for standing still:
// each byte taken begins it anew.
func TestAClientThatReadsSlowlyIsServed(t *testing.T) {
	const size = 8 << 20
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSBoth} {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, func(c *config.Config) {
				c.Timeouts.ClientWriteStall = config.Duration{Duration: 200 * time.Millisecond}
			}, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 200 OK\nContent-Length: " + strconv.Itoa(size) + "\n\n")
				_, _ = up.Write(make([]byte, size))
				up.Gone()
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			for range 16 {
				c.Bytes(size / 16)
				<-time.After(20 * time.Millisecond)
			}
			e.WantExchange(200, "complete")
		})
	}
}

// wantChunk reads one chunk.
func wantChunk(p *proxytest.Peer, want string) {
	p.T.Helper()
	if got := p.Chunk(); got != want {
		p.T.Fatalf("chunk %q, want %q", got, want)
	}
}

// wantEventually reads on, over heartbeats, until this chunk comes.
func wantEventually(p *proxytest.Peer, want string) {
	p.T.Helper()
	for {
		switch got := p.Chunk(); got {
		case want:
			return
		case ":\n\n":
		default:
			p.T.Fatalf("chunk %q, want %q", got, want)
		}
	}
}
