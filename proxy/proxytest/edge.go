// Package proxytest is the harness of tests with whole exchanges: a running edge
// between a client and an upstream on raw sockets. What a test may find when it ends
// is held here, for every test: no exchange, no connection, no stream, and no access
// line that it has not asked for.
package proxytest

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/front"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Edge is a running edge in front of a scripted upstream.
type Edge struct {
	Address string // of the clients' listener
	Edge    *proxy.Edge
	Front   *front.Server
	Log     *Log
	Secure  *tls.Config // of its clients; nil: plain HTTP
	Seen    int         // access lines that the test has asked for
	T       testing.TB

	traced  *traced
	metrics *record.Metrics
	ended   bool
}

// StartEdge serves with the defaults in front of upstream; change may adapt
// them. When the test ends, nothing may be left.
func StartEdge(t testing.TB, upstream string, change func(*config.Config)) *Edge {
	t.Helper()
	return StartEdgeOn(t, 2, upstream, change)
}

// StartEdgeOn is StartEdge with so many loops.
func StartEdgeOn(t testing.TB, n int, url string, change func(*config.Config)) *Edge {
	t.Helper()
	nothing := upstream.NewCredential("api-key", "test", false, func(upstream.CredentialEvent) {})
	return startEdge(t, n, url, nothing, change)
}

// StartEdgeShowing is StartEdge with a credential of the edge's own at the upstream.
func StartEdgeShowing(t testing.TB, url string, c *upstream.Credential, change func(*config.Config)) *Edge {
	t.Helper()
	return startEdge(t, 2, url, c, func(conf *config.Config) {
		u := conf.Upstreams["legacy"]
		u.Auth = config.Auth{Header: c.Field, Value: "env:KEY"}
		conf.Upstreams["legacy"] = u
		if change != nil {
			change(conf)
		}
	})
}

func startEdge(t testing.TB, n int, url string, own *upstream.Credential, change func(*config.Config)) *Edge {
	t.Helper()
	loops, err := wire.StartLoops(n, 40*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	e := &Edge{T: t, Log: &Log{}, traced: &traced{}, metrics: record.NewMetrics("test", func() float64 { return 0 })}
	logger := zerolog.New(e.Log)
	e.Edge = proxy.NewEdge(logger, e.Log, e.metrics, loops)
	e.Edge.ObserveRemarkable(e.traced)
	e.Edge.OpenCredentials(func(string, config.Auth) (*upstream.Credential, func(), error) { return own, func() {}, nil })
	e.Edge.OpenStores(func(conf config.Shared) (route.Store, func(), error) { // none is ever reached
		return route.Store{Lender: admit.NewLender(conf.Closed), Secret: new([32]byte)}, func() {}, nil
	})
	conf := Configuration(url, change)
	if err := e.Use(conf); err != nil {
		t.Fatal(err)
	}
	var server *tls.Config
	if conf.Listen.TLS.CertFile != "" {
		certificate := &front.Certificate{}
		if err := certificate.Load(conf.Listen.TLS); err != nil {
			t.Fatal(err)
		}
		server, e.Secure = certificate.Config(), authority().Client()
	}
	e.Front = front.New(e.Edge, loops, logger, server, e.metrics.Clients().Add)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	e.Front.Listen(l, false)
	e.Address = l.Addr().String()
	if err := e.Front.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.End()
		wire.CloseLoops(loops)
	})
	return e
}

// Configuration returns the defaults with one route to upstream; change may adapt
// them.
func Configuration(upstream string, change func(*config.Config)) config.Config {
	conf := config.Default()
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: upstream}}
	if strings.HasPrefix(upstream, "https:") {
		conf.Upstreams["legacy"] = config.Upstream{URL: upstream, TLS: config.UpstreamTLS{CAFile: authority().CertFile}}
	}
	conf.Routes = map[string]config.Route{"api": {PathPrefix: "/", Upstream: "legacy"}}
	if change != nil {
		change(&conf)
	}
	return conf.Complete()
}

// Use makes conf the configuration in use, as a reload does.
func (e *Edge) Use(conf config.Config) error {
	snapshot, err := e.Edge.Compile(conf)
	if err != nil {
		return err
	}
	e.Edge.Use(snapshot)
	return nil
}

// End drains the edge and holds that nothing is left of what went through it. The
// end of the test does the same.
func (e *Edge) End() {
	if e.ended {
		return
	}
	e.ended = true
	if n := e.Front.Drain(LastCall, Patience); n != 0 {
		e.T.Errorf("%d exchanges were still running when the test ended", n)
	}
	if n := e.Edge.Inflight(); n != 0 {
		e.T.Errorf("%d exchanges are counted as running after the drain", n)
	}
	if n := e.Metric("apim_edge_client_connections"); n != 0 {
		e.T.Errorf("%v connections of clients are counted as open after the drain", n)
	}
	e.WantMetric(`apim_edge_upstream_connections{state="in_use"}`, 0)
	if n := e.Metric("apim_edge_streams_open"); n != 0 {
		e.T.Errorf("%v streams are counted as open after the drain", n)
	}
	if all := e.Log.Exchanges(); e.Seen > 0 && len(all) != e.Seen {
		e.T.Errorf("%d access lines for %d exchanges:\n%s", len(all), e.Seen, e.Log)
	}
	e.Edge.Close()
}

// LastCall is how long a drain waits for idle clients: until its loops have looked.
const LastCall = time.Millisecond

// Drain drains the edge beside the test, once it has begun to; what comes is how many
// exchanges were aborted.
func (e *Edge) Drain(grace time.Duration) <-chan int { return e.DrainIdle(LastCall, grace) }

// DrainIdle is Drain that waits so long for clients that are idle.
func (e *Edge) DrainIdle(idle, grace time.Duration) <-chan int {
	aborted := make(chan int, 1)
	go func() { aborted <- e.Front.Drain(idle, grace) }()
	Eventually(e.T, e.Edge.Draining, func() string { return "the drain has not begun" })
	return aborted
}

// Aside is the edge as another goroutine than the test's uses it.
func (e *Edge) Aside() *Edge {
	aside := *e
	aside.T = testkit.Aside(e.T)
	return &aside
}

// Dial opens a client's connection.
func (e *Edge) Dial() *Peer {
	e.T.Helper()
	return Dial(e.T, e.Address, e.Secure)
}

// Ask sends one request on a connection of its own and returns the answer.
func (e *Edge) Ask(request string) Message {
	e.T.Helper()
	c := e.Dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.Send(request)
	return c.Answer(MethodOf(request))
}
