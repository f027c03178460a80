package proxytest

import (
	"os"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testcert"
)

// Legs says which legs have TLS.
type Legs struct {
	Name             string
	Client, Upstream bool
}

// The ways in which TLS is spoken or not.
var (
	Plain       = Legs{"plain", false, false}
	TLSUpstream = Legs{"TLS upstream", false, true}
	TLSClient   = Legs{"TLS client", true, false}
	TLSBoth     = Legs{"TLS on both legs", true, true}

	EveryLeg = []Legs{Plain, TLSUpstream, TLSClient, TLSBoth}
)

// Start starts upstream and edge with TLS on the legs that have it.
func (l Legs) Start(t testing.TB, change func(*config.Config), scripts ...func(*Peer)) *Edge {
	t.Helper()
	url := ""
	if l.Upstream {
		url = StartTLSUpstream(t, scripts...)
	} else {
		url = StartUpstream(t, scripts...)
	}
	return StartEdge(t, url, func(c *config.Config) {
		if l.Client {
			c.Listen.TLS = config.ListenTLS{CertFile: authority().CertFile, KeyFile: authority().KeyFile}
		}
		if change != nil {
			change(c)
		}
	})
}

// Stand brings an exchange to where upstream and client have done their part, and
// leaves it there: upstream says nothing more, and closes gone when its connection has
// ended. Where upstream is nil, the edge is asked for less than a head.
func (l Legs) Stand(t testing.TB, request string, upstream, client func(*Peer)) (e *Edge, c *Peer, gone chan struct{}) {
	t.Helper()
	silent, gone := make(chan struct{}), make(chan struct{})
	e = l.Start(t, nil, func(up *Peer) {
		upstream(up)
		close(silent)
		up.Gone()
		close(gone)
	})
	c = e.Dial()
	c.Send(request)
	client(c)
	if upstream != nil {
		<-silent
	} else {
		e.WantMetric("apim_edge_client_connections", 1)
	}
	return e, c, gone
}

// authority returns the certificate of this process, which is its own authority.
// Main removes its files.
var authority = sync.OnceValue(func() *testcert.Certificate {
	dir, err := os.MkdirTemp("", "apim-edge-proxy")
	if err != nil {
		panic(err)
	}
	made, err := testcert.New(dir, "edge.test")
	if err != nil {
		panic(err)
	}
	return made
})
