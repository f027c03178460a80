//go:build e2e

package export

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const bounded = `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, host: edge, upstream: legacy, request_body: 1KiB, cors: {allowed_origins: ["https://chat.example.com"]}}}
limits: {exchanges: 1}
`

// hold asks and returns when the answer has begun, which then goes on until it is ended.
func hold(t *testing.T, address string) (end func()) {
	t.Helper()
	conn := testkit.Dial(t, address)
	_, _ = io.WriteString(conn, head("/hold", ""))
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close() }
}

// TestLimits: exchanges, bodies and hosts beyond what the route takes get the same status.
func TestLimits(t *testing.T) {
	up := startRecorder(t, false)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	for _, s := range sides(t, up, bounded, secrets{}) {
		if o := s.ask(t, up, strings.Replace(head("/a", ""), "Host: edge", "Host: other", 1)); o.status != 404 {
			t.Errorf("%s: another host gets %d, want 404", s.name, o.status)
		}
		post := "POST /a HTTP/1.1\r\nHost: edge\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("x", 2000)
		if o := s.ask(t, up, post); o.status != 413 || o.seen != nil {
			t.Errorf("%s: a body beyond the limit gets %d, want 413", s.name, o.status)
		}
		end := hold(t, s.address)
		if o := s.ask(t, up, head("/a", "", "Connection", "close")); o.status != 503 {
			t.Errorf("%s: an exchange beyond the limit gets %d, want 503", s.name, o.status)
		}
		if o := s.ask(t, up, preflight("https://chat.example.com", "POST", "authorization")); o.status != 204 {
			t.Errorf("%s: a preflight counts: %d, want 204", s.name, o.status)
		}
		end()
	}
}

// TestWebSockets: a handshake passes by the same rules, and then bytes pass both ways.
func TestWebSockets(t *testing.T) {
	up := startRecorder(t, false)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		conn, in, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		// The accept value is the one of the key below (RFC 6455 section 1.3).
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: realtime\r\nX-Key: %s\r\n\r\n", r.Header.Get("Api-Key"))
		_, _ = io.Copy(conn, in)
	}
	for _, s := range sides(t, up, fmt.Sprintf(configuration, `{}`), secrets{}) {
		conn := testkit.Dial(t, s.address)
		_, _ = io.WriteString(conn, head("/openai/v1/realtime", "", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13",
			"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key."+keyA))
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if got := resp.Header.Get("X-Key"); resp.StatusCode != 101 || got != keyA {
			t.Errorf("%s: %s, the upstream was shown the key %q", s.name, resp.Status, got)
		}
		for _, text := range []string{"one", "two"} {
			_, _ = io.WriteString(conn, text)
			echo := make([]byte, 3)
			if _, err := io.ReadFull(in, echo); err != nil || string(echo) != text {
				t.Errorf("%s: %q comes back as %q, %v", s.name, text, echo, err)
			}
		}
		_ = conn.Close()
	}
}

// TestAClosedRouteIsClosed: a route that asks who may pass lets nobody in.
func TestAClosedRouteIsClosed(t *testing.T) {
	t.Setenv("EXPORT_E2E_KEY", "0wn-key")
	up := startRecorder(t, false)
	config := `
token_policies: {staff: {tenant_id: 11111111-2222-3333-4444-555555555555, audiences: ["api://x"]}}
upstreams: {legacy: {url: "http://UPSTREAM", auth: {value: "env:EXPORT_E2E_KEY"}}}
routes: {openai: {path_prefix: /, upstream: legacy, require: {token: [staff]}}}
`
	all := sides(t, up, config, secrets{files: map[string]string{"secrets/openai.conf": "proxy_set_header api-key 0wn-key;\n"}, environ: []string{"EXPORT_E2E_KEY=0wn-key"}})
	for _, s := range all[1:] {
		if o := s.ask(t, up, head("/openai/v1/models", "", "Authorization", "Bearer "+tokenA)); o.status != 403 || o.seen != nil || s.doc.Closed == "" {
			t.Errorf("%s: status %d, asked %t, closed %q", s.name, o.status, o.seen != nil, s.doc.Closed)
		}
	}
}

var (
	hosts = regexp.MustCompile(`(url: "?https://)[a-z0-9.-]+`)
	files = regexp.MustCompile(`(cert|key|ca)_file: [^,}\s]+`)
)

// TestEveryDocumentIsAccepted: whatever the configurations that the project ships say, both
// programs take the file, and have no warning. Both look names up, so the upstream is here.
func TestEveryDocumentIsAccepted(t *testing.T) {
	t.Setenv("EXPORT_E2E_KEY", "x")
	own := map[string]string{"cert_file": certificate.CertFile, "key_file": certificate.KeyFile, "ca_file": certificate.CertFile}
	pair := testkit.File(t, "pair.pem", string(append(append([]byte{}, certificate.CertPEM...), certificate.KeyPEM...)))
	for _, file := range testkit.Files(t, "../../configs/recipes/*.yaml", "../../internal/export/testdata/*.yaml") {
		text := testkit.Read(t, file)
		named := files.ReplaceAllStringFunc(text, func(s string) string {
			key, _, _ := strings.Cut(s, ":")
			return key + ": " + own[key]
		})
		for route := range routesOf(named) {
			t.Run(filepath.Base(file)+"/"+route, func(t *testing.T) {
				accepted(t, leading(named, "127.0.0.1"), leading(named, "localhost"), route, pair)
			})
		}
	}
}

// leading leads every upstream of a configuration to a host.
func leading(config, host string) string { return hosts.ReplaceAllString(config, "${1}"+host) }

// accepted has both programs check their file. HAProxy wants certificates and keys in one
// file.
func accepted(t *testing.T, addresses, names, route, pair string) {
	t.Helper()
	doc := exportedRoute(t, addresses, route, "nginx")
	secrets := map[string]string{"secrets/" + route + ".conf": "proxy_set_header api-key x;"}
	for _, f := range doc.FillIn {
		if strings.Contains(f.Key, ".require.headers.") {
			secrets[f.Place] = `"~^x$" yes;`
		}
	}
	checkedNginx(t, t.TempDir(), doc, secrets)
	doc = exportedRoute(t, names, route, "haproxy")
	checkedHAProxy(t, pairs.ReplaceAllString(doc.Document, "'"+pair+"'"))
}

var pairs = regexp.MustCompile(`'[^']*[.]pair[.]pem'`)

// routesOf returns the names of the routes of a configuration.
func routesOf(text string) map[string]any {
	var conf struct{ Routes map[string]any }
	_ = yaml.Unmarshal([]byte(text), &conf) // what is no configuration has no routes, and export says why
	return conf.Routes
}
