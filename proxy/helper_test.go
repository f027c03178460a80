package proxy

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/route"
)

func crlf(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// compiled returns an edge with one route, on which no exchange runs.
func compiled(tb testing.TB) (*Edge, *route.Snapshot) {
	e := NewEdge(zerolog.Nop(), io.Discard, record.NewMetrics("test", func() float64 { return 0 }), nil)
	conf := config.Default()
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: "http://contoso.azure-api.net"}}
	conf.Routes = map[string]config.Route{"route": {Upstream: "legacy", PathPrefix: "/"}}
	s, err := e.Compile(conf.Complete())
	if err != nil {
		tb.Fatal(err)
	}
	e.Use(s)
	return e, s
}

// exchangeOf returns an exchange that has nothing but heads.
func exchangeOf(e *Edge, s *route.Snapshot) *Exchange {
	x := &Exchange{edge: e, snap: s, route: s.Routes[0], req: new(request)}
	x.client = &Client{edge: e, store: &store{}, address: netip.MustParseAddr("192.0.2.7")}
	x.attempt.resp, x.attempt.target = new(head.Response), x.route.Target
	return x
}
