package proxy

import (
	"net/netip"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/head"
)

// TestASenderIsWhoAsks has clients ask in turn and one after the other: nobody is told of in
// another one's place.
func TestASenderIsWhoAsks(t *testing.T) {
	var s sender
	for _, n := range []int{1, 1, 2, 3, 3} {
		for _, address := range []string{"192.0.2.1", "192.0.2.2", "::1", "fe80::1%eth0", "fe80::1%eth1"} {
			for _, secure := range []bool{false, true, true} {
				for range n {
					client := netip.MustParseAddr(address)
					if got, want := string(s.of(client, secure)), string(head.AppendSender(nil, client, secure)); got != want {
						t.Fatalf("%s, TLS %v: %q, want %q", address, secure, got, want)
					}
				}
			}
		}
	}
}
