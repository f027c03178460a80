package proxy_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestALargeBodyArrivesWhole holds that a body of known length that is moved
// inside the kernel is the same byte for byte, also to a client that reads
// slowly, and that the connections carry another exchange afterwards.
func TestALargeBodyArrivesWhole(t *testing.T) {
	body := string(random(6 << 20))
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				for range 2 {
					up.Request()
					up.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
				}
			})
			c := e.Dial()
			for range 2 {
				c.Send(proxytest.Request)
				c.Head()
				<-time.After(20 * time.Millisecond) // every buffer on the way is full by now
				if got := c.Bytes(len(body)); got != body {
					t.Error("the body was altered on its way")
				}
				if l := e.WantExchange(200, "complete"); l["bytes"] != float64(len(body)) {
					t.Errorf("%v bytes in the access line, want %d", l["bytes"], len(body))
				}
			}
		})
	}
}

// TestALargeBodyThatIsCutLooksCut is TestACutIsVisible for a body that is moved
// inside the kernel.
func TestALargeBodyThatIsCutLooksCut(t *testing.T) {
	body := string(random(1 << 20))
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			got := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(2*len(body)) + "\r\n\r\n" + body)
				<-got
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			if c.Bytes(len(body)) != body {
				t.Error("the body was altered on its way")
			}
			close(got)
			c.WantEnd(proxytest.Reset)
			e.WantExchange(200, "upstream_aborted")
		})
	}
}

// TestADepartureEndsALargeBody holds that a client that leaves while bytes wait
// for it in the kernel cancels the upstream.
func TestADepartureEndsALargeBody(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			gone := make(chan struct{})
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send("HTTP/1.1 200 OK\nContent-Length: 1000000000\n\n")
				chunk := random(1 << 20)
				for {
					if _, err := up.Write(chunk); err != nil {
						close(gone)
						return
					}
				}
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			c.Head()
			c.Bytes(1 << 20)
			c.Reset()
			<-gone
			e.WantExchange(200, "client_left")
		})
	}
}
