package proxy_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/front"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(filepath.Dir(authority().CertFile))
		os.Exit(code)
	}))
}

// patience bounds what a test waits for; nothing takes that long unless it
// never comes.
const patience = 20 * time.Second

// edge is a running edge in front of a scripted upstream.
type edge struct {
	t       testing.TB
	address string
	edge    *proxy.Edge
	front   *front.Server
	metrics *record.Metrics
	log     *lines
	secure  *tls.Config // of its clients; nil: plain HTTP
	seen    int         // access lines that the test has asked for
	ended   bool
}

// startEdge serves with the defaults in front of upstream; change may adapt
// them. When the test ends, nothing may be left.
func startEdge(t testing.TB, upstream string, change func(*config.Config)) *edge {
	t.Helper()
	return startEdgeOn(t, 2, upstream, change)
}

// startEdgeOn is startEdge with so many loops.
func startEdgeOn(t testing.TB, n int, upstream string, change func(*config.Config)) *edge {
	t.Helper()
	loops, err := wire.StartLoops(n, 40*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{t: t, log: &lines{}, metrics: record.NewMetrics("test", func() float64 { return 0 })}
	logger := zerolog.New(e.log)
	e.edge = proxy.NewEdge(logger, logger, e.metrics, loops)
	conf := configuration(upstream, change)
	if err := e.use(conf); err != nil {
		t.Fatal(err)
	}
	var server *tls.Config
	if conf.Listen.TLS.CertFile != "" {
		certificate := &front.Certificate{}
		if err := certificate.Load(conf.Listen.TLS); err != nil {
			t.Fatal(err)
		}
		server, e.secure = certificate.Config(), authority().Client()
	}
	e.front = front.New(e.edge, loops, logger, server, e.metrics.Clients().Add)
	addr, err := e.front.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.address = addr.String()
	if err := e.front.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.end()
		wire.CloseLoops(loops)
	})
	return e
}

func configuration(upstream string, change func(*config.Config)) config.Config {
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

// use makes conf the configuration in use, as a reload does.
func (e *edge) use(conf config.Config) error {
	snapshot, err := e.edge.Compile(conf)
	if err != nil {
		return err
	}
	e.edge.Use(snapshot)
	return nil
}

// end drains the edge and holds that nothing is left of what went through it. The
// end of the test does the same.
func (e *edge) end() {
	if e.ended {
		return
	}
	e.ended = true
	if n := e.front.Drain(patience); n != 0 {
		e.t.Errorf("%d exchanges were still running when the test ended", n)
	}
	if n := e.edge.Inflight(); n != 0 {
		e.t.Errorf("%d exchanges are counted as running after the drain", n)
	}
	if n := e.metric("apim_edge_client_connections"); n != 0 {
		e.t.Errorf("%v connections of clients are counted as open after the drain", n)
	}
	connections := func(state string) float64 {
		return e.metric(`apim_edge_upstream_connections{state="` + state + `",upstream="legacy"}`)
	}
	eventually(e.t, func() bool { return connections("open") == connections("idle") }, func() string {
		return fmt.Sprintf("%v connections to the upstream are open after the drain, but only %v of them idle", connections("open"), connections("idle"))
	})
	if n := e.metric(`apim_edge_streams_open{route="api"}`); n != 0 {
		e.t.Errorf("%v streams are counted as open after the drain", n)
	}
	if all := e.log.exchanges(); e.seen > 0 && len(all) != e.seen {
		e.t.Errorf("%d access lines for %d exchanges:\n%s", len(all), e.seen, e.log)
	}
	e.edge.Close()
}

// metric returns the value of name{label="value",...}, labels sorted, or 0.
func (e *edge) metric(name string) float64 {
	e.t.Helper()
	families, err := e.metrics.Registry.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if seriesName(family.GetName(), m) == name {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

func seriesName(name string, m *dto.Metric) string {
	if len(m.GetLabel()) == 0 {
		return name
	}
	var labels []string
	for _, l := range m.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// wantMetric waits until the metric has the value: it is counted just after the
// client has its answer.
func (e *edge) wantMetric(name string, want float64) {
	e.t.Helper()
	eventually(e.t, func() bool { return e.metric(name) == want }, func() string {
		return fmt.Sprintf("%s = %v, want %v", name, e.metric(name), want)
	})
}

// eventually waits until ok; state says what is wrong if that never comes.
func eventually(t testing.TB, ok func() bool, state func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(state())
		}
	}
}

// line is one line of the log.
type line map[string]any

// exchange returns the access line of the next exchange, waiting for it. The
// test fails in the end if there are more lines than it has asked for.
func (e *edge) exchange() line {
	e.t.Helper()
	e.seen++
	eventually(e.t, func() bool { return len(e.log.exchanges()) >= e.seen }, func() string {
		return fmt.Sprintf("no access line for exchange %d:\n%s", e.seen, e.log)
	})
	return e.log.exchanges()[e.seen-1]
}

// wantExchange holds that the next access line has this status and cause.
func (e *edge) wantExchange(status int, cause string) line {
	e.t.Helper()
	l := e.exchange()
	if l["status"] != float64(status) || l["cause"] != cause {
		e.t.Errorf("access line with status %v and cause %v, want %d and %s:\n%v", l["status"], l["cause"], status, cause, l)
	}
	return l
}

// lines collects log lines. A logger writes each whole.
type lines struct {
	mu     sync.Mutex
	text   bytes.Buffer
	access []line
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var one line
	if json.Unmarshal(p, &one) == nil && one["message"] == "exchange" {
		l.access = append(l.access, one)
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// exchanges returns the access lines.
func (l *lines) exchanges() []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.access)
}

// startUpstream accepts connections and runs script on each; with several
// scripts, the first runs on the first connection and so on, and more
// connections are a fault. Its URL is returned.
func startUpstream(t testing.TB, scripts ...func(*peer)) string {
	return "http://" + listen(t, nil, scripts)
}

// startTLSUpstream is startUpstream for https.
func startTLSUpstream(t testing.TB, scripts ...func(*peer)) string {
	secure := authority().Server()
	secure.DynamicRecordSizingDisabled = true
	return "https://" + listen(t, secure, scripts)
}

func listen(t testing.TB, secure *tls.Config, scripts []func(*peer)) string {
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

func serve(t testing.TB, c net.Conn, secure *tls.Config, script func(*peer)) {
	p := newPeer(t, c, tls.Server, secure)
	defer p.Close() //nolint:errcheck // a test's end
	script(p)
}

const request = "POST /openai/v1/chat/completions HTTP/1.1\nHost: edge\nAuthorization: Bearer 0123abcd\nContent-Length: 2\n\n{}"

// legs says which legs have TLS.
type legs struct {
	name             string
	client, upstream bool
}

var (
	plain       = legs{"plain", false, false}
	tlsUpstream = legs{"TLS upstream", false, true}
	tlsClient   = legs{"TLS client", true, false}
	tlsBoth     = legs{"TLS on both legs", true, true}

	everyLeg = []legs{plain, tlsUpstream, tlsClient, tlsBoth}
)

// start starts upstream and edge with TLS on the legs that have it.
func (l legs) start(t testing.TB, change func(*config.Config), scripts ...func(*peer)) *edge {
	t.Helper()
	url := ""
	if l.upstream {
		url = startTLSUpstream(t, scripts...)
	} else {
		url = startUpstream(t, scripts...)
	}
	return startEdge(t, url, func(c *config.Config) {
		if l.client {
			c.Listen.TLS = config.ListenTLS{CertFile: authority().CertFile, KeyFile: authority().KeyFile}
		}
		if change != nil {
			change(c)
		}
	})
}

// series returns the names of all series.
func (e *edge) series() (all []string) {
	families, err := e.metrics.Registry.Gather()
	if err != nil {
		e.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			all = append(all, seriesName(family.GetName(), m))
		}
	}
	return all
}

// drain drains the edge beside the test.
func (e *edge) drain(grace time.Duration) <-chan int {
	aborted := make(chan int, 1)
	go func() { aborted <- e.front.Drain(grace) }()
	eventually(e.t, e.edge.Draining, func() string { return "the drain has not begun" })
	return aborted
}
