//go:build !portable

// The portable twin hears of a departure only behind what it reads.

package proxy_test

import (
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestADepartureFromATunnelThatIsStuck holds that a client that has left is not waited
// for where the upstream does not take what it has sent.
func TestADepartureFromATunnelThatIsStuck(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			told := make(chan struct{})
			tell := sync.OnceFunc(func() { close(told) })
			e := leg.Start(t, nil, func(up *proxytest.Peer) {
				up.Request()
				up.Send(proxytest.Switching)
				<-told // and does not read meanwhile
			})
			t.Cleanup(tell) // a test that fails is not to hold its upstream
			c := e.Dial()
			c.Send(proxytest.Handshake)
			c.Head()
			for data, err := random(1<<20), error(nil); err == nil; { // until nobody takes any more
				_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				_, err = c.Write(data)
			}
			c.Reset()
			e.WantExchange(101, "client_left")
		})
	}
}
