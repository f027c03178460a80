package front_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestTLSTroubleIsTold holds that what goes wrong with clients' TLS is counted, and
// that one line says what to do.
func TestTLSTroubleIsTold(t *testing.T) {
	shaking := func(change func(*tls.Config)) func(*testing.T, *proxytest.Edge, net.Conn) {
		return func(t *testing.T, e *proxytest.Edge, c net.Conn) {
			conf := e.Secure.Clone()
			change(conf)
			if tls.Client(c, conf).Handshake() == nil {
				t.Error("the handshake succeeds")
			}
		}
	}
	saying := func(text string) func(*testing.T, *proxytest.Edge, net.Conn) {
		return func(_ *testing.T, _ *proxytest.Edge, c net.Conn) { _, _ = c.Write([]byte(text)) }
	}
	for _, tc := range []struct {
		name, reason string
		do           func(*testing.T, *proxytest.Edge, net.Conn)
		advice       string // empty: no line
	}{
		{"plain HTTP", "plain_http", saying(proxytest.CRLF(proxytest.PlainGet)), "https://"},
		{"a short method", "plain_http", saying("PUT / HTTP/1.1\r\n"), "https://"},
		{"SSH", "not_tls", saying("SSH-2.0-OpenSSH_9.2\r\n"), "look at"},
		{"an unknown authority", "certificate_refused", shaking(func(c *tls.Config) { c.RootCAs = nil }), "trust the authority"},
		{"an unknown authority, TLS 1.2", "certificate_refused", shaking(func(c *tls.Config) { c.RootCAs, c.MaxVersion = nil, tls.VersionTLS12 }), "trust the authority"},
		{"another name", "certificate_refused", shaking(func(c *tls.Config) { c.ServerName = "other.example.com" }), "names"},
		{"TLS 1.1", "version", shaking(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), "update the client"},
		{"no common cipher", "no_common_cipher", shaking(func(c *tls.Config) {
			// The edge's key is of another kind.
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}), "listen.tls.key_file"},
		{"half a ClientHello", "timeout", saying("\x16\x03\x01\x01\x00"), "timeouts.tls_handshake"},
		{"a ClientHello without end", "too_large", saying("\x16\x03\x01\x40\x00\x01\x00\xff\xff" + strings.Repeat("x", 20<<10)), "look at"},
		{"a probe", "client_left", func(*testing.T, *proxytest.Edge, net.Conn) {}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := proxytest.TLSClient.Start(t, func(c *config.Config) {
				if tc.reason == "timeout" {
					c.Timeouts.TLSHandshake = config.Duration{Duration: 50 * time.Millisecond}
				}
			}, proxytest.NoConnection)
			name := `apim_edge_tls_handshakes_failed_total{reason="` + tc.reason + `"}`
			c := testkit.Dial(t, e.Address)
			tc.do(t, e, c)
			if tc.reason == "client_left" {
				_ = c.Close()
			}
			e.WantMetric(name, 1)
			_ = c.Close()
			if tc.advice == "" {
				return
			}
			proxytest.Eventually(t, func() bool { return strings.Contains(e.Log.String(), `"level":"warn"`) }, func() string { return "no warning:\n" + e.Log.String() })
			if text := e.Log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"reason":"`+tc.reason+`"`) || !strings.Contains(text, tc.advice) {
				t.Errorf("the log says\n%s\nwant one line with %s and %q", text, tc.reason, tc.advice)
			}
		})
	}
}

// TestPlainHTTPOnTheTLSPortIsAnswered holds that the client reads what to do, however
// much it goes on to say.
func TestPlainHTTPOnTheTLSPortIsAnswered(t *testing.T) {
	e := proxytest.TLSClient.Start(t, nil, proxytest.NoConnection)
	e.Secure = nil
	m := e.Ask("POST / HTTP/1.1\nHost: edge\nContent-Length: 200000\n\n" + strings.Repeat("x", 200000))
	proxytest.WantError(t, m, 400, "request_malformed", "false")
	if !strings.Contains(m.Body, "https://") {
		t.Errorf("body %s", m.Body)
	}
}

// TestTLSTroubleIsExpected holds that every reason is in the metrics from the start:
// what is born at 1 does not show in increase().
func TestTLSTroubleIsExpected(t *testing.T) {
	e := proxytest.TLSClient.Start(t, nil, proxytest.NoConnection)
	n := 0
	for _, name := range e.Series() {
		if strings.HasPrefix(name, "apim_edge_tls_handshakes_failed_total{") {
			n++
		}
	}
	if n != 10 {
		t.Errorf("%d reasons at the start, want 10", n)
	}
}
