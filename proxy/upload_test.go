package proxy_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// random returns n bytes that no compression or luck makes equal to others.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// sendBody sends body with Content-Length, or in chunks of many sizes.
func sendBody(c *proxytest.Peer, body []byte, chunked bool) error {
	if !chunked {
		_, err := c.Write(body)
		return err
	}
	for size := 1; len(body) > 0; size = size*3 + 1 {
		if size > 300<<10 {
			size = 1
		}
		n := min(size, len(body))
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", n, body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	_, err := io.WriteString(c, "0\r\n\r\n")
	return err
}

// TestALargeUploadArrivesWhole holds it in both framings, on every leg.
func TestALargeUploadArrivesWhole(t *testing.T) {
	const size = 10 << 20
	body := random(size)
	want := sha256.Sum256(body)
	for _, leg := range proxytest.EveryLeg {
		for _, framing := range []string{"Content-Length: " + strconv.Itoa(size), "Transfer-Encoding: chunked"} {
			t.Run(leg.Name+", "+framing, func(t *testing.T) {
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					m := up.Request()
					if got := sha256.Sum256([]byte(m.Body)); got != want {
						t.Errorf("%d bytes arrived with another hash", len(m.Body))
					}
					if framing != "Content-Length: "+strconv.Itoa(size) && m.Get("Transfer-Encoding") != "chunked" {
						t.Errorf("a chunked body came without its framing: %v", m.Fields)
					}
					up.Send("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
					up.Gone()
				})
				c := e.Dial()
				c.Send("POST /files HTTP/1.1\nHost: edge\n" + framing + "\n\n")
				testkit.Must(t, sendBody(c, body, framing == "Transfer-Encoding: chunked"))
				if m := c.Answer("POST"); m.Body != "ok" {
					t.Errorf("answer %v", m)
				}
				e.WantExchange(200, "complete")
			})
		}
	}
}

// TestAFinalAnswerBeforeTheEndOfTheUpload holds that the client sees all of it,
// though it is still sending, and that the connection then ends.
func TestAFinalAnswerBeforeTheEndOfTheUpload(t *testing.T) {
	// Not more than the kernel takes of an unread connection: an upstream that closes
	// with bytes of the request unread resets, and what it has not sent yet is lost.
	answer := string(random(30 << 10))
	for _, tc := range []struct {
		name string
		then func(*proxytest.Peer) // what the upstream does behind its answer
	}{
		{"upstream reads on", func(up *proxytest.Peer) { up.Gone() }},
		{"upstream closes", func(*proxytest.Peer) {}},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Head()
					up.Raw("HTTP/1.1 413 Content Too Large\r\nContent-Length: " + strconv.Itoa(len(answer)) + "\r\nConnection: close\r\n\r\n" + answer)
					tc.then(up)
				})
				c := e.Dial()
				c.Send("POST /files HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n")
				var sending sync.WaitGroup
				sending.Go(func() { // until nobody takes more
					chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
					for err := error(nil); err == nil; {
						_, err = io.WriteString(c, chunk)
					}
				})
				m := c.Answer("POST")
				if m.Status() != 413 || m.Body != answer {
					t.Errorf("answer %q with %d bytes, want 413 with all %d", m.First, len(m.Body), len(answer))
				}
				if m.Get("Connection") != "close" {
					t.Errorf("Connection %q, want close", m.Get("Connection"))
				}
				_ = c.Close()
				sending.Wait()
				e.WantExchange(413, "complete")
			})
		}
	}
}

// TestBytesFlowBothWaysAtOnce holds that an answer may stream while the request
// does.
func TestBytesFlowBothWaysAtOnce(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Head()
				up.Send(proxytest.ChunkedHead)
				for range 3 {
					up.Raw(up.Bytes(len("5\r\nhello\r\n")))
				}
				up.Bytes(len("0\r\n\r\n"))
				up.Send("0\n\n")
				up.Gone()
			})
			c := e.Dial()
			c.Send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n")
			c.Head()
			for range 3 {
				c.Send("5\nhello\n")
				if got := c.Bytes(10); got != "5\r\nhello\r\n" {
					t.Errorf("echo %q", got)
				}
			}
			c.Send("0\n\n")
			if got := c.Bytes(5); got != "0\r\n\r\n" {
				t.Errorf("the end is %q", got)
			}
			e.WantExchange(200, "complete")
		})
	}
}

// TestExpectContinueIsBetweenClientAndUpstream holds that the edge neither says
// 100 itself nor keeps it.
func TestExpectContinueIsBetweenClientAndUpstream(t *testing.T) {
	const head = "POST / HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: 5\n\n"
	t.Run("upstream wants the body", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			if m := up.Head(); m.Get("Expect") != "100-continue" {
				t.Errorf("Expect %q", m.Get("Expect"))
			}
			up.Send("HTTP/1.1 100 Continue\n\n")
			if got := up.Bytes(5); got != "hello" {
				t.Errorf("body %q", got)
			}
			up.Send(proxytest.FixedHead + "0123456789")
			up.Gone()
		}), nil)
		c := e.Dial()
		c.Send(head)
		if m := c.Head(); m.First != "HTTP/1.1 100 Continue" {
			t.Fatalf("answer %q", m.First)
		}
		c.Send("hello")
		if m := c.Answer("POST"); m.Status() != 200 || m.Get("Connection") != "" {
			t.Errorf("answer %v, want 200 on a connection that goes on", m)
		}
		e.WantExchange(200, "complete")
	})
	t.Run("upstream refuses without the body", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Head()
			up.Send("HTTP/1.1 401 Unauthorized\nContent-Length: 4\n\nnope")
			up.WantEnd(proxytest.Orderly) // no body came
		}), nil)
		c := e.Dial()
		c.Send(head)
		if m := c.Answer("POST"); m.Status() != 401 || m.Body != "nope" || m.Get("Connection") != "close" {
			t.Errorf("answer %v, want 401 and Connection: close, since nobody can tell whether a body follows", m)
		}
		c.WantEnd(proxytest.Orderly)
		e.WantExchange(401, "complete")
	})
	t.Run("the client does not wait", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Send(proxytest.FixedHead + "0123456789")
			up.Gone()
		}), nil)
		if m := e.Ask(head + "hello"); m.Status() != 200 {
			t.Errorf("answer %v", m)
		}
		e.WantExchange(200, "complete")
	})
	t.Run("an unasked 100 stays here", func(t *testing.T) {
		e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Request()
			up.Send("HTTP/1.1 100 Continue\n\n" + proxytest.FixedHead + "0123456789")
			up.Gone()
		}), nil)
		if m := e.Ask(proxytest.Request); m.Status() != 200 {
			t.Errorf("answer %v", m)
		}
		e.WantExchange(200, "complete")
	})
}

// TestAnUploadThatMayNotGoOn holds that the client is told why, that nothing is
// put behind what the upstream has, and that the upstream sees it cut.
func TestAnUploadThatMayNotGoOn(t *testing.T) {
	limited := func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 20} }
	const chunked = "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n"
	for _, tc := range []struct {
		name   string
		change func(*config.Config)
		first  string // the upstream has to have its body
		body   int    // length of that
		second string
		status int
		code   string
		retry  string
	}{
		{"more than the limit", limited, chunked + "5\nhello\n", 10, "5\nhello\n5\nhello\n", 413, "body_too_large", "false"},
		{"no chunk size", nil, chunked + "5\nhello\n", 10, "xyz\n", 400, "request_malformed", "false"},
		{"no line end behind a chunk", nil, chunked + "5\nhello", 8, "!!", 400, "request_malformed", "false"},
		{"a chunk size beyond all bounds", nil, chunked + "5\nhello\n", 10, "fffffffffffffffff\n", 400, "request_malformed", "false"},
		{"a trailer that is none", nil, chunked + "5\nhello\n", 10, "0\nno trailer\n\n", 400, "request_malformed", "false"},
		{"silence in a chunked body", idleBody, chunked + "5\nhello\n", 10, "", 408, "request_timeout", ""},
		{"silence in the trailer section", idleBody, chunked + "5\nhello\n", 10, "0\nX-Check: 1\n", 408, "request_timeout", ""},
		{"silence in a body of known length", idleBody, "POST / HTTP/1.1\nHost: edge\nContent-Length: 9\n\nhello", 5, "", 408, "request_timeout", ""},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				came, tail := make(chan struct{}), make(chan string, 1)
				e := leg.Start(t, tc.change, func(up *proxytest.Peer) {
					up.Head()
					up.Bytes(tc.body)
					close(came)
					text, _ := up.Rest()
					tail <- text
				})
				c := e.Dial()
				c.Send(tc.first)
				<-came
				c.Send(tc.second)
				m := c.Answer("POST")
				proxytest.WantError(t, m, tc.status, tc.code, tc.retry)
				if m.Get("Connection") != "close" {
					t.Errorf("Connection %q, want close", m.Get("Connection"))
				}
				c.WantEnd(proxytest.Orderly)
				if text := <-tail; text != "" {
					t.Errorf("the upstream received %q behind what may go on", text)
				}
				e.WantExchange(tc.status, tc.code)
			})
		}
	}
}

func idleBody(c *config.Config) {
	c.Timeouts.RequestBodyIdle = config.Duration{Duration: 60 * time.Millisecond}
}

// TestABodyThatMayNotBeSentAtAll holds that the upstream is not even asked.
func TestABodyThatMayNotBeSentAtAll(t *testing.T) {
	limit := func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 20} }
	const head = "POST / HTTP/1.1\nHost: edge\n"
	for _, tc := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"a length beyond the limit", head + "Content-Length: 21\n\n", 413, "body_too_large"},
		{"a length beyond the limit, with Expect", head + "Expect: 100-continue\nContent-Length: 21\n\n", 413, "body_too_large"},
		{"chunks beyond the limit that come with the head", head + "Transfer-Encoding: chunked\n\n10\n0123456789abcdef\n0\n\n", 413, "body_too_large"},
		{"no chunk size in what comes with the head", head + "Transfer-Encoding: chunked\n\nxyz\n", 400, "request_malformed"},
		{"another expectation", head + "Expect: payment\nContent-Length: 1\n\n", 417, "expectation_failed"},
		{"another coding", head + "Transfer-Encoding: gzip, chunked\n\n", 501, "coding_not_supported"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, proxytest.NoConnection), limit)
			c := e.Dial()
			c.Send(tc.request)
			proxytest.WantError(t, c.Answer("POST"), tc.status, tc.code, "false")
			c.WantEnd(proxytest.Orderly)
			e.WantExchange(tc.status, tc.code)
		})
	}
}

// TestABodyAtTheLimitPasses holds that the limit is the largest body allowed.
func TestABodyAtTheLimitPasses(t *testing.T) {
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) { answerOnce(up, "ok") }), func(c *config.Config) {
		c.Limits.RequestBody = config.Size{Bytes: 1}
		c.Routes["api"] = config.Route{PathPrefix: "/", RequestBody: config.Size{Bytes: 20}} // the route's holds
	})
	if m := e.Ask("POST / HTTP/1.1\nHost: edge\nContent-Length: 20\n\n" + strings.Repeat("x", 20)); m.Status() != 200 {
		t.Errorf("answer %v", m)
	}
	e.WantExchange(200, "complete")
}

// TestWhatStandsBehindABodyIsTheNextRequest holds it for uploads that outlast
// their head.
func TestWhatStandsBehindABodyIsTheNextRequest(t *testing.T) {
	const next = "GET /next HTTP/1.1\nHost: edge\n\n"
	for _, tc := range []struct{ name, first, body, rest string }{
		{"known length", "POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\nhello", "hello", "world"},
		{"chunked", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n", "5\nhello\n", "0\n\n"},
		{"chunked with a trailer", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n", "5\nhello\n", "0\nX-Check: 1\n\n"},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				came := make(chan struct{})
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Head()
					up.Bytes(len(proxytest.CRLF(tc.body)))
					close(came)
					up.Bytes(len(proxytest.CRLF(tc.rest)))
					up.Send(proxytest.FixedHead + "0123456789")
					if m := up.Request(); !strings.HasPrefix(m.First, "GET /next ") {
						t.Errorf("the next request is %q", m.First)
					}
					up.Send(proxytest.FixedHead + "abcdefghij")
					up.Gone()
				})
				c := e.Dial()
				c.Send(tc.first)
				<-came
				c.Send(tc.rest + next)
				if m := c.Answer("POST"); m.Body != "0123456789" {
					t.Errorf("the first answer is %v", m)
				}
				if m := c.Answer("GET"); m.Body != "abcdefghij" {
					t.Errorf("the second answer is %v", m)
				}
				e.WantExchange(200, "complete")
				e.WantExchange(200, "complete")
			})
		}
	}
}
