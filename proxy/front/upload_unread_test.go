package front_test

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestARefusalReachesWhoWritesFirst holds that a client that writes all of its body
// before it reads gets the answer, however large the body is.
func TestARefusalReachesWhoWritesFirst(t *testing.T) {
	const size = 40 << 20
	for _, leg := range []legs{everyLeg[0], everyLeg[2]} {
		for _, framing := range []string{"Content-Length: " + itoa(size), "Transfer-Encoding: chunked"} {
			t.Run(leg.name+", "+framing, func(t *testing.T) {
				e := leg.start(t, func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 1 << 20} }, func(up *peer) { up.gone() })
				c := e.dial()
				c.send("POST /files HTTP/1.1\nHost: edge\n" + framing + "\n\n")
				if err := sendBody(c, make([]byte, size), framing == "Transfer-Encoding: chunked"); err != nil {
					t.Fatal(err)
				}
				wantError(t, c.answer("POST"), 413, "body_too_large", "false")
				c.wantEnd(orderly)
				_ = c.Close()
				e.wantExchange(413, "body_too_large")
			})
		}
	}
}

// TestAnUnreadUploadIsReset holds that an upstream which does not read sees at once
// that the client has left, whatever the framing: FIN would stand behind megabytes.
func TestAnUnreadUploadIsReset(t *testing.T) {
	for _, leg := range everyLeg {
		for _, framing := range []string{"Content-Length: 100000000", "Transfer-Encoding: chunked"} {
			t.Run(leg.name+", "+framing, func(t *testing.T) {
				t.Parallel()
				left := make(chan struct{})
				e := leg.start(t, nil, func(up *peer) {
					up.head()
					<-left
					if _, err := io.Copy(io.Discard, up.in); up.endOf(err) != reset {
						t.Errorf("the upload ended with %s, want %s", up.endOf(err), reset)
					}
				})
				c := e.dial()
				c.send("POST /files HTTP/1.1\nHost: edge\n" + framing + "\n\n")
				if framing == "Transfer-Encoding: chunked" {
					c.raw("5f5e100\r\n")
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
				c.reset()
				<-done
				e.wantExchange(0, "client_left")
				close(left)
			})
		}
	}
}
