//go:build e2e

package export

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// fieldsOf returns fields of a request that reached the upstream, as one text.
func fieldsOf(o outcome, names ...string) string {
	if o.seen == nil {
		return fmt.Sprintf("%d (not asked)", o.status)
	}
	b := &strings.Builder{}
	fmt.Fprintf(b, "%d %s host=%s", o.status, o.seen.RequestURI, o.seen.Host)
	for _, name := range names {
		fmt.Fprintf(b, " %s=%q", name, o.seen.Header.Values(name))
	}
	return b.String()
}

const forwarding = `
trusted_proxies: [%s]
upstreams: {legacy: {url: "http://UPSTREAM/base", preserve_host: %t}}
routes: {openai: {path_prefix: /team/openai, strip_prefix: /team, upstream: legacy, cors: {allowed_origins: ["https://chat.example.com"], withhold_origin: true}}}
`

// TestForwarding: paths byte for byte, and what the upstream is told of who asks.
func TestForwarding(t *testing.T) {
	client := []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "a.example.com",
		"X-Real-IP", "192.0.2.1", "X-Forwarded-Port", "443", "X-Rewrite-URL", "/admin", "Origin", "https://chat.example.com",
		"X-Request-Id", "abc-123", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	names := []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip", "X-Rewrite-Url",
		"Origin", "X-Request-Id", "Traceparent", "Forwarded", "Authorization", "Api-Key"}
	for name, config := range map[string]string{
		"nobody is trusted": fmt.Sprintf(forwarding, "", false),
		"a proxy is":        fmt.Sprintf(forwarding, "127.0.0.0/8", true),
	} {
		t.Run(name, func(t *testing.T) {
			up := startRecorder(t, false)
			all := sides(t, up, config, secrets{})
			trusted := name == "a proxy is"
			for _, path := range []string{
				"/team/openai", "/team/openai?", "/team/openai/", "/team/openai/v1/models?a=%2F&b", "/team/openai/a%2Fb/c%20d", "/team/openai/v1//x",
				"/team/openaix", "/other", "/team/openai/a/../b", "/team/openai/%2e%2e/openai/b", "/team/openai/.", "/team/openai/a;b=c",
				"/team/openai/a%2f..%5cb", "/team/openai/a\\..\\b", "/team/openai/..;/b", "/team/openai/a..b/c",
			} {
				fields := client
				if trusted {
					fields = append(fields[:6:6], fields[12:]...) // of the rest export says that it is dropped
				}
				sameEverywhere(t, up, all, head(path, "", fields...), names)
			}
			sameEverywhere(t, up, all, head("/team/openai", ""), []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"})
			for _, path := range []string{"/team/openai/a/...", "/team/openai/../openai", "/t%65am/openai/x", "/team%2Fopenai/x", "/team//openai/x"} {
				otherReadings(t, up, all, path)
			}
		})
	}
}

// sameEverywhere compares status, target and fields.
func sameEverywhere(t *testing.T, up *recorder, all []*side, head string, names []string) {
	t.Helper()
	want := ""
	for i, s := range all {
		o := s.ask(t, up, head)
		got := strings.Replace(fieldsOf(o, names...), "? host", " host", 1) // the mark of an empty query may go
		if i == 0 {
			want = got
		} else if got != want {
			t.Errorf("%s differs.\nasked:\n%s%s: %s\nedge: %s", s.name, head, s.name, got, want)
		}
	}
}

// otherReadings asks for a path that is read in several ways. What the edge refuses others
// may forward, but then the list says so; what reaches the upstream is below its prefix.
func otherReadings(t *testing.T, up *recorder, all []*side, path string) {
	t.Helper()
	var want outcome
	for i, s := range all {
		o := s.ask(t, up, head(path, ""))
		if i == 0 {
			want = o
			continue
		}
		if differs := (o.seen == nil) != (want.seen == nil); differs && !s.doc.lists("other-readings") {
			t.Errorf("%s forwards %s: %t; the edge: %t, and the list does not say so", s.name, path, o.seen != nil, want.seen != nil)
		}
		if o.seen != nil && !strings.HasPrefix(o.seen.RequestURI, "/base/openai") {
			t.Errorf("%s makes %s of %s", s.name, o.seen.RequestURI, path)
		}
	}
}

const own = `
upstreams: {service: {url: "https://UPSTREAM", tls: {ca_file: "CERTIFICATE", server_name: export.test}, auth: {header: %s, value: "env:EXPORT_E2E_KEY"%s}}}
routes: {openai: {path_prefix: /, upstream: service, open: true}}
`

// TestOwnCredential: over TLS with verification the upstream is shown the credential that
// was filled in, and the caller's only where it is to go along.
func TestOwnCredential(t *testing.T) {
	t.Setenv("EXPORT_E2E_KEY", "0wn-key")
	for _, tc := range []struct{ name, field, more, line string }{
		{"in a field", "api-key", "", `proxy_set_header api-key "0wn-key";`},
		{"in authorization", "Authorization", "", `proxy_set_header Authorization "Bearer 0wn-key";`},
		{"beside the caller's", "x-service-key", ", keep_caller: true", `proxy_set_header x-service-key "0wn-key";`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			up := startRecorder(t, true)
			all := sides(t, up, fmt.Sprintf(own, tc.field, tc.more),
				secrets{files: map[string]string{"secrets/openai.conf": tc.line + "\n"}, environ: []string{"EXPORT_E2E_KEY=0wn-key"}})
			for _, fields := range [][]string{nil, {"Authorization", "Bearer " + keyA}, {"api-key", tokenA, "Ocp-Apim-Subscription-Key", keyB}} {
				for _, query := range []string{"", "a=1&subscription-key=" + keyA} {
					sameEverywhere(t, up, all, head("/openai/v1/models", query, fields...), []string{"Authorization", "Api-Key", "Ocp-Apim-Subscription-Key", "X-Service-Key"})
				}
			}
		})
	}
}

// TestAnUpstreamIsVerified: a certificate of another name is refused by all three.
func TestAnUpstreamIsVerified(t *testing.T) {
	t.Setenv("EXPORT_E2E_KEY", "x")
	up := startRecorder(t, true)
	all := sides(t, up, strings.Replace(fmt.Sprintf(own, "api-key", ""), "server_name: export.test", "server_name: other.test", 1),
		secrets{files: map[string]string{"secrets/openai.conf": "proxy_set_header api-key x;\n"}, environ: []string{"EXPORT_E2E_KEY=x"}})
	for _, s := range all {
		if o := s.ask(t, up, head("/openai/v1/models", "")); o.seen != nil || o.status < 500 {
			t.Errorf("%s: status %d, and the upstream was asked: %v", s.name, o.status, o.seen != nil)
		}
	}
}

// TestAStreamPassesEventByEvent: each event arrives before the upstream sends the next
// one, and so does each piece of an upload. A program that held anything back would wait
// for ever.
func TestAStreamPassesEventByEvent(t *testing.T) {
	up := startRecorder(t, false)
	next := make(chan struct{})
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		piece := make([]byte, 5)
		if _, err := io.ReadFull(r.Body, piece); err != nil {
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			_ = control.Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	}
	for _, s := range sides(t, up, fmt.Sprintf(configuration, `{}`), secrets{}) {
		conn := testkit.Dial(t, s.address)
		fmt.Fprintf(conn, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", keyA)
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "POST"})
		if err != nil {
			t.Fatalf("%s: no head while the upload goes on: %v", s.name, err)
		}
		in := bufio.NewReader(resp.Body)
		for i := range 5 {
			line, err := in.ReadString('\n')
			if want := fmt.Sprintf("data: %d\n", i); line != want || err != nil {
				t.Fatalf("%s: event %d is %q, %v", s.name, i, line, err)
			}
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
		_ = conn.Close()
	}
}

// TestADepartureEndsTheUpstreamsWork: a client that leaves a silent stream is noticed.
func TestADepartureEndsTheUpstreamsWork(t *testing.T) {
	up := startRecorder(t, false)
	gone := make(chan struct{}, 1)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	}
	for _, s := range sides(t, up, fmt.Sprintf(configuration, `{}`), secrets{}) {
		conn := testkit.Dial(t, s.address)
		fmt.Fprint(conn, head("/openai/v1/models", ""))
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		_ = conn.Close()
		testkit.Receive(t, gone, s.name+": the upstream works no more for a client that has left")
	}
}
