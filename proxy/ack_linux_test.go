//go:build !portable

package proxy_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAStreamIsNotAcknowledgedEventByEvent holds that the upstream of a stream is
// sent fewer packets than it sends events, once the stream is under way: each would
// cost both sides a fifth of what the event costs. Where the test itself is held up
// for 40 ms the kernel goes back to one for each, so it tries again.
func TestAStreamIsNotAcknowledgedEventByEvent(t *testing.T) {
	const first, counted = 10, 40
	const event = "9\r\ndata: 1\n\n\r\n"
	next, acks := make(chan struct{}), make(chan uint32)
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.StreamHead)
		var before uint32
		for n := range first + counted {
			if n == first {
				before = packets(up)
			}
			up.Raw(event)
			<-next
		}
		acks <- packets(up) - before
	}), nil)
	proxytest.Eventually(t, func() bool {
		c := e.Dial()
		defer c.Close() //nolint:errcheck // a test's end
		c.Send(proxytest.Request)
		c.Head()
		for range first + counted {
			c.Bytes(len(event))
			next <- struct{}{}
		}
		n := <-acks
		t.Logf("%d packets for %d events", n, counted)
		return n < counted*3/4
	}, func() string { return "as many packets as events" })
}

// packets returns how many have come to this side.
func packets(p *proxytest.Peer) (n uint32) {
	p.T.Helper()
	raw, err := p.TCP.SyscallConn()
	if err != nil {
		p.T.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			p.T.Error(err)
			return
		}
		n = info.Segs_in
	})
	return n
}
