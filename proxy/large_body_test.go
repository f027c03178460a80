package proxy_test

import (
	"strconv"
	"testing"
	"time"
)

// TestALargeBodyArrivesWhole holds that a body of known length that is moved
// inside the kernel is the same byte for byte, also to a client that reads
// slowly, and that the connections carry another exchange afterwards.
func TestALargeBodyArrivesWhole(t *testing.T) {
	body := string(random(6 << 20))
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			e := leg.start(t, nil, func(up *peer) {
				for range 2 {
					up.request()
					up.raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
				}
			})
			c := e.dial()
			for range 2 {
				c.send(request)
				c.head()
				<-time.After(20 * time.Millisecond) // every buffer on the way is full by now
				if got := c.bytes(len(body)); got != body {
					t.Error("the body was altered on its way")
				}
				if l := e.wantExchange(200, "complete"); l["bytes"] != float64(len(body)) {
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
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			got := make(chan struct{})
			e := leg.start(t, nil, func(up *peer) {
				up.request()
				up.raw("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(2*len(body)) + "\r\n\r\n" + body)
				<-got
			})
			c := e.dial()
			c.send(request)
			c.head()
			if c.bytes(len(body)) != body {
				t.Error("the body was altered on its way")
			}
			close(got)
			c.wantEnd(reset)
			e.wantExchange(200, "upstream_aborted")
		})
	}
}

// TestADepartureEndsALargeBody holds that a client that leaves while bytes wait
// for it in the kernel cancels the upstream.
func TestADepartureEndsALargeBody(t *testing.T) {
	for _, leg := range everyLeg {
		t.Run(leg.name, func(t *testing.T) {
			gone := make(chan struct{})
			e := leg.start(t, nil, func(up *peer) {
				up.request()
				up.send("HTTP/1.1 200 OK\nContent-Length: 1000000000\n\n")
				chunk := random(1 << 20)
				for {
					if _, err := up.Write(chunk); err != nil {
						close(gone)
						return
					}
				}
			})
			c := e.dial()
			c.send(request)
			c.head()
			c.bytes(1 << 20)
			c.reset()
			<-gone
			e.wantExchange(200, "client_left")
		})
	}
}
