package service

import (
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

const minimal = "upstreams: {legacy: {url: '{UPSTREAM}'}}\n"

// TestAServiceServes holds the least: the way through, and each admin page.
func TestAServiceServes(t *testing.T) {
	r := start(t, upstream(t), minimal)
	defer r.Stop("signal")
	if got := r.get("/v1/models"); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") || !strings.HasSuffix(got, "/v1/models api-key=k1 x-key=") {
		t.Errorf("answer %q", got)
	}
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/config": "legacy", "/": "Ready", "/live": `"ready":"yes"`, "/metrics": `apim_edge_requests_total{client="none",code="200",reason="explicit_key",route="default",status="2xx"} 1`,
	} {
		r.eventually(path, func() bool {
			status, body := r.admin("GET", path)
			return status == 200 && strings.Contains(body, want)
		})
	}
}

// TestAReload holds that each way of asking for one works, that a faulty file
// keeps the old configuration and says why, and that both are counted.
func TestAReload(t *testing.T) {
	const renamed = minimal + "routes: {openai: {credential: {header: x-key}}}\n"
	url := upstream(t)
	for _, tc := range []struct {
		name string
		ask  func(*running)
	}{
		{"by a change of the file", func(*running) {}},
		{"by a signal", func(r *running) { _ = r.Reload("signal") }},
		{"by the admin listener", func(r *running) { r.admin("POST", "/reload") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, url, minimal)
			defer r.Stop("signal")
			r.write(strings.ReplaceAll(renamed, "{UPSTREAM}", url))
			tc.ask(r)
			r.eventually("the new configuration", func() bool { return strings.HasSuffix(r.get("/"), "api-key= x-key=k1") })
			r.write("upstreams: {legacy: {url: ftp://x}}\n")
			tc.ask(r)
			r.eventually("the failure in the log", func() bool { return r.log.Has("reload failed") && r.log.Has("upstreams.legacy.url") })
			if got := r.get("/"); !strings.HasSuffix(got, "api-key= x-key=k1") {
				t.Errorf("after a failed reload the answer is %q", got)
			}
			r.eventually("the counts", func() bool {
				_, metrics := r.admin("GET", "/metrics")
				return strings.Contains(metrics, `apim_edge_reloads_total{result="failed"}`) && strings.Contains(metrics, `apim_edge_reloads_total{result="ok"}`)
			})
		})
	}
}

// TestAReloadByTheAdminListenerSaysWhyItFailed holds that a deployment can stop
// there.
func TestAReloadByTheAdminListenerSaysWhyItFailed(t *testing.T) {
	r := start(t, upstream(t), minimal)
	defer r.Stop("signal")
	r.write("upstreams: {legacy: {url: ftp://x}}\n")
	if status, body := r.admin("POST", "/reload"); status != 422 || !strings.Contains(body, "upstreams.legacy.url") {
		t.Errorf("POST /reload = %d %q", status, body)
	}
}

// TestAReloadThatPanicsChangesNothing holds that the next one works.
func TestAReloadThatPanicsChangesNothing(t *testing.T) {
	r := start(t, upstream(t), minimal)
	defer r.Stop("test")
	load := r.o.Load
	r.o.Load = func() (config.Config, error) { panic("while it is loaded") }
	if err := r.Reload("signal"); err == nil {
		t.Error("Reload = nil, want the panic")
	}
	r.eventually("the stack in the log", func() bool { return r.log.Has("service_test.go") && r.log.Has("panic in a reload") })
	r.o.Load = load
	if err := r.Reload("signal"); err != nil {
		t.Errorf("the next Reload = %v", err)
	}
}

// TestAChangeThatNeedsARestartIsNamed holds that nobody waits for it in vain.
func TestAChangeThatNeedsARestartIsNamed(t *testing.T) {
	url := upstream(t)
	r := start(t, url, minimal)
	defer r.Stop("signal")
	r.write(strings.ReplaceAll(minimal, "{UPSTREAM}", url) + "admin: {pprof: true}\nloops: {busy: false}\n")
	testkit.Must(t, r.Reload("signal"))
	for _, key := range []string{"admin", "loops"} {
		r.eventually("a warning", func() bool { return r.log.Has(`"key":"`+key+`"`) && r.log.Has("after a restart only") })
	}
}

// TestLoopsAreAsConfigured holds how many there are, that one that always parks leaves
// the processors of the program as they were, and that all serve.
func TestLoopsAreAsConfigured(t *testing.T) {
	given := wire.Processors()
	for _, tc := range []struct {
		name, text string
		loops      int
		parked     bool
	}{
		{"few where nothing is said", "", min(given, mostLoops), false},
		{"as many as are asked for", "loops: {count: 7}\n", 7, false},
		{"always parked", "loops: {count: 3, busy: false}\n", 3, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := runtime.GOMAXPROCS(0)
			r := start(t, upstream(t), minimal+tc.text)
			defer r.Stop("signal")
			if len(r.loops) != tc.loops {
				t.Errorf("%d loops, want %d", len(r.loops), tc.loops)
			}
			for _, l := range r.loops {
				l.Do(func() {}) // it has begun
			}
			if n := runtime.GOMAXPROCS(0); tc.parked && n != before {
				t.Errorf("GOMAXPROCS is %d, want %d as before", n, before)
			}
			if got := r.get("/v1/models"); !strings.HasPrefix(got, "HTTP/1.1 200 OK\r\n") {
				t.Errorf("answer %q", got)
			}
		})
	}
}

// TestReadinessFailsFirst holds that between failing /readyz and the end of the
// listener new clients are served: a load balancer takes a while to see it.
func TestReadinessFailsFirst(t *testing.T) {
	r := start(t, upstream(t), minimal+"timeouts: {drain_delay: 400ms}\nlimits: {connections: 7}\n")
	if _, metrics := r.admin("GET", "/metrics"); !strings.Contains(metrics, "apim_edge_ready 1\n") || !strings.Contains(metrics, "apim_edge_client_connections_limit 7\n") {
		t.Error("the metrics do not say that it is ready, or how many clients may connect")
	}
	testkit.Dial(t, r.Address)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.Stop("signal")
	}()
	r.eventually("not ready", func() bool {
		status, body := r.admin("GET", "/readyz")
		return status == 503 && strings.Contains(body, "draining")
	})
	if _, metrics := r.admin("GET", "/metrics"); !strings.Contains(metrics, "apim_edge_ready 0\n") {
		t.Error("the metrics do not say that it is not ready")
	}
	if status, _ := r.admin("GET", "/healthz"); status != 200 {
		t.Errorf("GET /healthz = %d while it drains, want 200: it is alive", status)
	}
	if got := r.get("/late"); !strings.HasSuffix(got, "/late api-key=k1 x-key=") {
		t.Errorf("a client that comes within drain_delay gets %q", got)
	}
	<-stopped
	if c, err := net.Dial("tcp", r.Address); err == nil {
		_ = c.Close()
		t.Error("the listener is open after the end")
	}
	if !r.log.Has(`"message":"draining"`) || !r.log.Has(`"message":"stopped"`) {
		t.Errorf("the log does not tell of the drain:\n%s", r.log)
	}
}

// TestAPersonIsNotKeptWaiting holds that drain_delay is for supervisors: a keyboard has no
// balancer.
func TestAPersonIsNotKeptWaiting(t *testing.T) {
	for _, trigger := range []string{ByInterrupt, ByTerminal} {
		r := start(t, upstream(t), minimal+"timeouts: {drain_delay: 1h}\n")
		r.Stop(trigger)
		if !r.log.Has(`"trigger":"` + trigger + `"`) {
			t.Errorf("the log does not tell who asked:\n%s", r.log)
		}
	}
}

// TestAServiceThatCannotStart holds that the error says what to do, and that
// nothing is left running.
func TestAServiceThatCannotStart(t *testing.T) {
	taken := testkit.Listen(t)
	for _, tc := range []struct {
		name string
		set  func(*config.Config)
		want string
	}{
		{"the clients' port is taken", func(c *config.Config) { c.Listen.Address = taken.Addr().String() }, "listen.address"},
		{"the admin port is taken", func(c *config.Config) { c.Admin.Address = taken.Addr().String() }, "admin.address"},
		{"the certificate is missing", func(c *config.Config) {
			c.Listen.TLS = config.ListenTLS{CertFile: "/no/such/cert", KeyFile: "/no/such/key"}
		}, "listen.tls"},
		{"the authority is missing", func(c *config.Config) {
			c.Upstreams["legacy"] = config.Upstream{URL: "https://127.0.0.1:1", TLS: config.UpstreamTLS{CAFile: "/no/such/ca"}}
		}, "ca_file"},
		{"the token is no reference", func(c *config.Config) { c.Admin.Token = "literal" }, "admin.token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conf := config.Default()
			conf.Listen.Address, conf.Admin.Address = "127.0.0.1:0", "127.0.0.1:0"
			conf.Upstreams = map[string]config.Upstream{"legacy": {URL: "http://127.0.0.1:1"}}
			tc.set(&conf)
			_, err := Start(Options{Load: func() (config.Config, error) { return conf.Complete(), nil }, Log: &proxytest.Log{}})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Start = %v, want an error that names %s", err, tc.want)
			}
		})
	}
}

// TestACertificateIsReplacedWhileClientsRun holds that a renewed one is shown from
// then on, and that a broken file keeps the old one.
func TestACertificateIsReplacedWhileClientsRun(t *testing.T) {
	dir := t.TempDir()
	first := writeCertificate(t, dir, "first")
	r := start(t, upstream(t), minimal+"listen: {tls: {cert_file: "+first.CertFile+", key_file: "+first.KeyFile+"}}\n")
	defer r.Stop("signal")
	shown := func() string {
		c, err := tls.Dial("tcp", r.Address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is ours
		testkit.Must(t, err)
		defer c.Close() //nolint:errcheck // a test's end
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Errorf("certificate %q, want first", got)
	}
	writeCertificate(t, dir, "second")
	r.eventually("the new certificate", func() bool { return shown() == "second" })
	testkit.Write(t, first.CertFile, "broken")
	r.eventually("the failure in the log", func() bool { return r.log.Has("reload failed") })
	if got := shown(); got != "second" {
		t.Errorf("certificate %q after a broken file, want second", got)
	}
}

// TestTheExpiryOfCertificatesIsTold holds that it is that of those in use.
func TestTheExpiryOfCertificatesIsTold(t *testing.T) {
	one := writeCertificate(t, t.TempDir(), "one")
	shown := "tls: {cert_file: " + one.CertFile + ", key_file: " + one.KeyFile + "}"
	r := start(t, "https://127.0.0.1:1", "upstreams: {legacy: {url: '{UPSTREAM}', "+shown+"}}\nlisten: {"+shown+"}\n")
	defer r.Stop("signal")
	pair, err := tls.LoadX509KeyPair(one.CertFile, one.KeyFile)
	testkit.Must(t, err)
	series := func(key string) string { return `apim_edge_certificate_expiry_timestamp_seconds{key="` + key + `"} ` }
	listen := series("listen.tls") + strconv.FormatFloat(float64(pair.Leaf.NotAfter.Unix()), 'g', -1, 64)
	if _, body := r.admin("GET", "/metrics"); !strings.Contains(body, listen) || !strings.Contains(body, series("upstreams.legacy.tls")) {
		t.Errorf("no line %s and of the upstream in\n%s", listen, body)
	}
	r.write("upstreams: {legacy: {url: 'https://127.0.0.1:1'}}\nlisten: {" + shown + "}\n")
	r.eventually("the upstream's certificate is gone", func() bool {
		_, body := r.admin("GET", "/metrics")
		return strings.Contains(body, listen) && !strings.Contains(body, series("upstreams.legacy.tls"))
	})
}

func writeCertificate(t *testing.T, dir, name string) *testcert.Certificate {
	t.Helper()
	certificate, err := testcert.New(dir, name)
	testkit.Must(t, err)
	return certificate
}

// TestAServiceThatIsNotToBegin holds that no client could connect then.
func TestAServiceThatIsNotToBegin(t *testing.T) {
	taken := testkit.Listen(t)
	conf := config.Default()
	conf.Listen.Address = taken.Addr().String() // to listen there would be another error
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: "http://127.0.0.1:1"}}
	_, err := Start(Options{Load: func() (config.Config, error) { return conf.Complete(), nil }, Log: &proxytest.Log{},
		Begin: func() bool { return false }})
	if !errors.Is(err, ErrNotBegun) {
		t.Errorf("Start = %v, want %v", err, ErrNotBegun)
	}
}
