//go:build linux && !portable && !race

package proxy_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestASilentStreamHoldsNoBuffer (not for the portable twin) compares the heap of
// the whole process, client and upstream included, before and while many streams
// are silent. One buffer each would be 16 KiB.
func TestASilentStreamHoldsNoBuffer(t *testing.T) {
	const streams, most = 200, 6 << 10
	head := proxytest.CRLF(proxytest.StreamHead)
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.In = nil // it would hold a buffer of its own
		for b := make([]byte, 1); ; {
			if _, err := up.Read(b); err != nil {
				return
			}
			if b[0] == '}' { // the end of the request
				_, _ = io.WriteString(up, head)
			}
		}
	}), func(c *config.Config) { c.Log.Access = false })
	b := make([]byte, len(head))
	open := func() net.Conn {
		c, err := net.Dial("tcp", e.Address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, proxytest.CRLF(proxytest.Request)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil || !strings.HasPrefix(string(b), "HTTP/1.1 200") {
			t.Fatalf("%v after %q", err, b)
		}
		return c
	}
	all := []net.Conn{open()}
	before := inUse()
	for range streams {
		all = append(all, open())
	}
	if per := (inUse() - before) / streams; per > most {
		t.Errorf("a silent stream holds %d bytes, want %d at most", per, most)
	} else {
		t.Logf("a silent stream holds %d bytes of heap, its client and its upstream included", per)
	}
	for _, c := range all {
		_ = c.Close()
	}
}
