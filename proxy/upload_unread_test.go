package proxy_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestARefusalReachesWhoWritesFirst holds that a client that writes all of its body
// before it reads gets the answer, however large the body is.
func TestARefusalReachesWhoWritesFirst(t *testing.T) {
	const size = 40 << 20
	for _, leg := range []proxytest.Legs{proxytest.Plain, proxytest.TLSClient} {
		for _, framing := range []string{"Content-Length: " + strconv.Itoa(size), "Transfer-Encoding: chunked"} {
			t.Run(leg.Name+", "+framing, func(t *testing.T) {
				e := leg.Start(t, func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 1 << 20} }, func(up *proxytest.Peer) { up.Gone() })
				c := e.Dial()
				c.Send("POST /files HTTP/1.1\nHost: edge\n" + framing + "\n\n")
				testkit.Must(t, sendBody(c, make([]byte, size), framing == "Transfer-Encoding: chunked"))
				proxytest.WantError(t, c.Answer("POST"), 413, "body_too_large", "false")
				c.WantEnd(proxytest.Orderly)
				_ = c.Close()
				e.WantExchange(413, "body_too_large")
			})
		}
	}
}

// TestAnUnreadUploadIsReset holds that an upstream which does not read sees at once
// that the client has left, whatever the framing: FIN would stand behind megabytes.
func TestAnUnreadUploadIsReset(t *testing.T) {
	if proxytest.NoticesLater {
		t.Skip("a departure behind bytes that nobody reads is seen by epoll only")
	}
	for _, leg := range proxytest.EveryLeg {
		for _, framing := range []string{"Content-Length: 100000000", "Transfer-Encoding: chunked"} {
			t.Run(leg.Name+", "+framing, func(t *testing.T) {
				t.Parallel()
				left := make(chan struct{})
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Head()
					<-left
					if _, end := up.Rest(); end != proxytest.Reset {
						t.Errorf("the upload ended with %s, want %s", end, proxytest.Reset)
					}
				})
				c := e.Dial()
				c.Send("POST /files HTTP/1.1\nHost: edge\n" + framing + "\n\n")
				if framing == "Transfer-Encoding: chunked" {
					c.Raw("5f5e100\r\n")
				}
				var sent atomic.Int64
				done := make(chan struct{})
				go func() {
					defer close(done)
					for piece := make([]byte, 64<<10); ; {
						n, err := c.Write(piece)
						sent.Add(int64(n))
						if err != nil {
							return
						}
					}
				}()
				for last := int64(-1); last != sent.Load(); time.Sleep(200 * time.Millisecond) { // until nobody takes more
					last = sent.Load()
				}
				c.Reset()
				<-done
				e.WantExchange(0, "client_left")
				close(left)
			})
		}
	}
}
