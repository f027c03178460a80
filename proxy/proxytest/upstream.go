package proxytest

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// StartUpstream accepts connections and runs script on each; with several
// scripts, the first runs on the first connection and so on, and more
// connections are a fault. Its URL is returned.
func StartUpstream(t testing.TB, scripts ...func(*Peer)) string {
	return "http://" + listen(t, nil, scripts)
}

// StartTLSUpstream is StartUpstream for https.
func StartTLSUpstream(t testing.TB, scripts ...func(*Peer)) string {
	secure := authority().Server()
	secure.DynamicRecordSizingDisabled = true
	return "https://" + listen(t, secure, scripts)
}

// StartUpstreamWith is StartUpstream for https by a configuration of the test's own.
func StartUpstreamWith(t testing.TB, secure *tls.Config, scripts ...func(*Peer)) string {
	return "https://" + listen(t, secure, scripts)
}

func listen(t testing.TB, secure *tls.Config, scripts []func(*Peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			script := scripts[0]
			if len(scripts) > 1 {
				if n >= len(scripts) {
					t.Errorf("connection %d to the upstream, want %d at most", n+1, len(scripts))
					_ = c.Close()
					return
				}
				script = scripts[n]
			}
			wait.Go(func() { serve(t, c, secure, script) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
	})
	return l.Addr().String()
}

func serve(t testing.TB, c net.Conn, secure *tls.Config, script func(*Peer)) {
	p := newPeer(testkit.Aside(t), c, tls.Server, secure)
	defer p.Close() //nolint:errcheck // a test's end
	script(p)
}
