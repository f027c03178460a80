package front_test

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// short is a bound that a test can wait for.
var short = config.Duration{Duration: 50 * time.Millisecond}

// TestAHeadHasToArriveInTime holds that the bound runs from the first byte: a
// client that sends byte by byte gains nothing.
func TestAHeadHasToArriveInTime(t *testing.T) {
	for _, leg := range []legs{everyLeg[0], everyLeg[2]} {
		for _, first := range []bool{true, false} {
			name := leg.name + ", second request"
			if first {
				name = leg.name + ", first request"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				e := leg.start(t, func(c *config.Config) { c.Timeouts.ClientHead = short }, echoKey)
				c := e.dial()
				if !first {
					c.send(plainGet)
					c.answer("GET")
					e.wantExchange(200, "complete")
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
				wantError(t, c.answer("GET"), 408, "request_timeout", "")
				_ = c.Close()
				e.wantExchange(408, "request_timeout")
			})
		}
	}
}

// TestAConnectionThatSaysNothingIsClosed holds both bounds of it: for the first
// request and between two. Neither is an exchange.
func TestAConnectionThatSaysNothingIsClosed(t *testing.T) {
	for _, leg := range []legs{everyLeg[0], everyLeg[2]} {
		t.Run(leg.name+", before a request", func(t *testing.T) {
			t.Parallel()
			e := leg.start(t, func(c *config.Config) { c.Timeouts.ClientHead = short }, noConnection)
			c := e.dial()
			c.wantEnd(orderly)
			if n := len(e.log.exchanges()); n != 0 {
				t.Errorf("%d access lines, want none", n)
			}
		})
		t.Run(leg.name+", behind a request", func(t *testing.T) {
			t.Parallel()
			e := leg.start(t, func(c *config.Config) { c.Timeouts.ClientKeepAlive = short }, echoKey)
			c := e.dial()
			c.send(plainGet)
			c.answer("GET")
			c.wantEnd(orderly)
			e.wantExchange(200, "complete")
		})
	}
}

// TestABlankTLSHandshakeIsBounded holds that a client cannot keep a connection by
// saying nothing where TLS is spoken.
func TestABlankTLSHandshakeIsBounded(t *testing.T) {
	e := everyLeg[2].start(t, func(c *config.Config) { c.Timeouts.TLSHandshake = short }, noConnection)
	e.secure = nil // it connects and says nothing
	c := e.dial()
	c.gone()
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
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				e := leg.start(t, tc.change, func(up *peer) {
					up.request()
					up.send(tc.answer)
					up.gone()
					close(gone)
				})
				c := e.dial()
				c.send(request)
				m := c.answer("POST")
				<-gone
				wantError(t, m, 504, "upstream_head_timeout", "false")
				if m.get("Connection") != "" {
					t.Errorf("Connection %q, want the client's to go on", m.get("Connection"))
				}
				e.wantExchange(504, "upstream_head_timeout")
			})
		}
	}
}

// TestAnUploadDoesNotCountAsThinking holds that response_head begins behind the
// last byte of the request, however long that took.
func TestAnUploadDoesNotCountAsThinking(t *testing.T) {
	const bound = 100 * time.Millisecond
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(fixedHead + "0123456789")
		up.gone()
	}), func(c *config.Config) { c.Timeouts.ResponseHead = config.Duration{Duration: bound} })
	c := e.dial()
	c.send("POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\n")
	for range 10 { // for longer than response_head in all
		c.raw("x")
		<-time.After(bound / 4)
	}
	if m := c.answer("POST"); m.status() != 200 {
		t.Errorf("answer %v", m)
	}
	e.wantExchange(200, "complete")
}

// TestASilentStreamEnds holds stream_idle in each framing: the client's answer is
// cut, and the upstream's connection closed.
func TestASilentStreamEnds(t *testing.T) {
	for _, tc := range []struct{ name, answer, end string }{
		{"chunked", streamHead + "5\nhello\n", orderly},
		{"chunked, behind the head", streamHead, orderly},
		{"known length", fixedHead + "hello", reset},
		{"close-delimited", openHead + "hello", reset},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				e := leg.start(t, func(c *config.Config) {
					c.Routes["api"] = config.Route{PathPrefix: "/", Timeouts: config.RouteTimeouts{StreamIdle: short}}
				}, func(up *peer) {
					up.request()
					up.send(tc.answer)
					up.gone()
					close(gone)
				})
				c := e.dial()
				c.send(request)
				c.head()
				_, end := c.rest()
				want := tc.end
				if leg.client && want == orderly {
					want = cut
				}
				if end != want {
					t.Errorf("the connection ended with %s, want %s", end, want)
				}
				<-gone
				e.wantExchange(200, "stream_idle")
				e.wantMetric(`apim_edge_cuts_total{cause="stream_idle",side="upstream"}`, 1)
			})
		}
	}
}

// TestATalkingStreamDoesNotEnd holds that stream_idle bounds silence and nothing
// else.
func TestATalkingStreamDoesNotEnd(t *testing.T) {
	const idle = 100 * time.Millisecond
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(streamHead)
		for range 20 {
			up.send("5\nhello\n")
			<-time.After(idle / 8)
		}
		up.send("0\n\n")
		up.gone()
	}), func(c *config.Config) {
		c.Timeouts.StreamIdle = config.Duration{Duration: idle}
		c.Timeouts.ResponseHead = short
	})
	c := e.dial()
	c.send(request)
	if m := c.answer("POST"); m.body != strings.Repeat("hello", 20) {
		t.Errorf("body %q", m.body)
	}
	e.wantExchange(200, "stream_incomplete")
}

// TestAClientThatTakesNothingIsLetGo holds client_write_stall: the upstream is
// held up meanwhile, and nothing piles up here.
func TestAClientThatTakesNothingIsLetGo(t *testing.T) {
	for _, head := range []string{streamHead, "HTTP/1.1 200 OK\nContent-Length: 268435456\n\n", openHead} {
		for _, leg := range everyLeg {
			t.Run(firstField(head)+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int64
				gone := make(chan struct{})
				e := leg.start(t, func(c *config.Config) { c.Timeouts.ClientWriteStall = short }, func(up *peer) {
					defer close(gone)
					up.request()
					up.send(head)
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
				c := e.dial()
				c.send(request)
				<-gone
				l := e.wantExchange(200, "client_stalled")
				e.wantMetric(`apim_edge_cuts_total{cause="client_stalled",side="client"}`, 1)
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
	for _, leg := range []legs{everyLeg[0], everyLeg[3]} {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, func(c *config.Config) {
				c.Timeouts.ClientWriteStall = config.Duration{Duration: 200 * time.Millisecond}
			}, func(up *peer) {
				up.request()
				up.send("HTTP/1.1 200 OK\nContent-Length: " + itoa(size) + "\n\n")
				_, _ = up.Write(make([]byte, size))
				up.gone()
			})
			c := e.dial()
			c.send(request)
			c.head()
			for range 16 {
				c.bytes(size / 16)
				<-time.After(20 * time.Millisecond)
			}
			e.wantExchange(200, "complete")
		})
	}
}

// wantChunk reads one chunk.
func (p *peer) wantChunk(want string) {
	p.t.Helper()
	if got := p.chunk(); got != want {
		p.t.Fatalf("chunk %q, want %q", got, want)
	}
}

// wantEventually reads on, over heartbeats, until this chunk comes.
func (p *peer) wantEventually(want string) {
	p.t.Helper()
	for {
		switch got := p.chunk(); got {
		case want:
			return
		case ":\n\n":
		default:
			p.t.Fatalf("chunk %q, want %q", got, want)
		}
	}
}

func (p *peer) chunk() string {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read a chunk: %v after %q", err, line)
	}
	size := 0
	for _, c := range strings.TrimSuffix(line, "\r\n") {
		size = size*16 + strings.IndexRune("0123456789abcdef", c)
	}
	text := p.bytes(size)
	p.bytes(2)
	return text
}
