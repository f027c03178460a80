package proxy_test

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestWhateverChangesInAFileOfTheUpstreamIsUsed holds that a reload takes each of
// the files over as it is: also a chain whose leaf is as before, which was reloaded
// without being used (issue 15, B6).
func TestWhateverChangesInAFileOfTheUpstreamIsUsed(t *testing.T) {
	shown := make(chan int, 8)
	secure := proxytest.Authority().Server()
	secure.ClientAuth = tls.RequireAnyClientCert
	url := proxytest.StartUpstreamWith(t, secure, func(up *proxytest.Peer) {
		for {
			m, err := up.TryHead()
			if err != nil {
				return // also where the edge does not trust the upstream
			}
			up.Finish(m, false)
			shown <- len(up.Conn.(*tls.Conn).ConnectionState().PeerCertificates)
			up.Send("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
		}
	})
	dir := t.TempDir()
	mine, err := testcert.New(dir, "edge.test")
	if err != nil {
		t.Fatal(err)
	}
	other := testcert.Temp(t, "other.test")
	caFile := filepath.Join(dir, "ca.pem")
	write := func(file string, parts ...[]byte) {
		t.Helper()
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		testkit.Write(t, file, string(all))
	}
	write(caFile, proxytest.Authority().CertPEM)
	change := func(c *config.Config) {
		c.Upstreams["legacy"] = config.Upstream{URL: url, TLS: config.UpstreamTLS{CAFile: caFile, CertFile: mine.CertFile, KeyFile: mine.KeyFile}}
	}
	e := proxytest.StartEdge(t, url, change)
	reload := func() {
		t.Helper()
		testkit.Must(t, e.Use(proxytest.Configuration(url, change)))
	}
	wantShown := func(status, certificates int) {
		t.Helper()
		if m := e.Ask(proxytest.Request); m.Status() != status {
			t.Errorf("answer %v, want %d", m, status)
		}
		e.Exchange()
		if certificates == 0 {
			return
		}
		if n := <-shown; n != certificates {
			t.Errorf("the upstream is shown %d certificates, want %d", n, certificates)
		}
	}
	wantShown(200, 1)
	write(mine.CertFile, mine.CertPEM, other.CertPEM)
	reload()
	wantShown(200, 2)
	write(mine.CertFile, mine.CertPEM)
	reload()
	wantShown(200, 1)
	write(caFile, other.CertPEM)
	reload()
	wantShown(502, 0)
	write(caFile, other.CertPEM, proxytest.Authority().CertPEM)
	reload()
	wantShown(200, 1)
}

// TestARefusedClientCertificateSaysSo holds that it is told as what it is, also under
// TLS 1.3, where the refusal comes in place of the answer: nothing ran, and what to do
// is not to look at the upstream's work (issue 15, B18).
func TestARefusedClientCertificateSaysSo(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tc := range []struct {
			name  string
			shown bool
			ask   string
			alert string
		}{
			{"none", false, proxytest.Request, ""},
			{"one that is not trusted", true, proxytest.Request, "unknown certificate authority"},
			{"one that is not trusted, large upload", true,
				"POST / HTTP/1.1\nHost: edge\nContent-Length: 2000000\n\n" + strings.Repeat("x", 2000000), "unknown certificate authority"},
		} {
			t.Run(tls.VersionName(version)+", "+tc.name, func(t *testing.T) {
				secure := proxytest.Authority().Server()
				secure.MinVersion, secure.MaxVersion = version, version
				secure.ClientAuth, secure.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
				url := proxytest.StartUpstreamWith(t, secure, func(up *proxytest.Peer) { _, _ = up.TryHead(); _, _ = up.TCP.Read(make([]byte, 1)) })
				e := proxytest.StartEdge(t, url, func(c *config.Config) {
					if tc.shown {
						withCertificate(c)
					}
				})
				m := e.Ask(tc.ask)
				if m.Status() != 502 || m.Get("x-apim-edge-error") != "upstream_tls_failed" || m.Get("x-should-retry") != "false" ||
					!strings.Contains(m.Body, "tls.cert_file") || !strings.Contains(m.Body, tc.alert) {
					t.Errorf("answer %v, want 502 upstream_tls_failed that names %q and tls.cert_file", m, tc.alert)
				}
				e.WantExchange(502, "upstream_tls_failed")
			})
		}
	}
}
