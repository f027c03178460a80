//go:build e2e

package export

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// recorder is an upstream that keeps what it was asked last.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	last *http.Request
	// answer replaces the usual 200.
	answer http.HandlerFunc
}

func startRecorder(t *testing.T, secure bool) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewUnstartedServer(r)
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	if secure {
		r.TLS = certificate.Server()
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.last = req.Clone(req.Context())
	r.last.Host = req.Host
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
		return
	}
	w.Header().Set("X-Upstream", "yes")
	_, _ = w.Write([]byte("ok"))
}

// take returns what came since the last call, or nil.
func (r *recorder) take() *http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	r.last = nil
	return last
}

// side is one of those that are asked the same.
type side struct {
	name    string
	address string
	doc     *document // nil: the edge
	conn    net.Conn
	in      *bufio.Reader
}

// outcome is what a request came to.
type outcome struct {
	status int
	header http.Header
	body   string
	seen   *http.Request
}

// ask sends a head as it is, on a connection that is kept.
func (s *side) ask(t *testing.T, up *recorder, head string) outcome {
	t.Helper()
	method, _, _ := strings.Cut(head, " ")
	for attempt := range 2 {
		if s.conn == nil {
			s.conn = testkit.Dial(t, s.address)
			s.in = bufio.NewReader(s.conn)
		}
		_ = s.conn.SetDeadline(time.Now().Add(testkit.Patience))
		up.take()
		_, err := s.conn.Write([]byte(head))
		var resp *http.Response
		if err == nil {
			resp, err = http.ReadResponse(s.in, &http.Request{Method: method})
		}
		if err != nil && attempt == 0 { // a kept connection may have been closed meanwhile
			s.conn = nil
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v, asked\n%s", s.name, err, head)
		}
		body, _ := io.ReadAll(resp.Body) // of one that is cut, what has come
		if resp.Close {
			_ = s.conn.Close()
			s.conn = nil
		}
		return outcome{resp.StatusCode, resp.Header, string(body), up.take()}
	}
	panic("BUG: not reached")
}

// sides are an edge with a configuration, and nginx and HAProxy with what was exported.
// PORT and UPSTREAM stand for themselves in the configuration.
func sides(t *testing.T, up *recorder, config string, secrets secrets) []*side {
	t.Helper()
	address := strings.TrimPrefix(strings.TrimPrefix(up.URL, "http://"), "https://")
	config = strings.NewReplacer("UPSTREAM", address, "CERTIFICATE", certificate.CertFile).Replace(config)
	listen := func(port string) string { return "listen: {address: \"127.0.0.1:" + port + "\"}\n" + config }
	all := []*side{{name: "edge", address: edge.Run(t, config).Address()}}
	port := testkit.UnusedPort(t)
	doc := exported(t, listen(port), "nginx")
	all = append(all, &side{name: "nginx", address: startNginx(t, doc, port, secrets.files), doc: doc})
	port = testkit.UnusedPort(t)
	doc = exported(t, listen(port), "haproxy")
	return append(all, &side{name: "haproxy", address: startHAProxy(t, doc, port, secrets.environ), doc: doc})
}

// secrets are what an operator fills in.
type secrets struct {
	files   map[string]string
	environ []string
}

// credentials returns what of a request is under the credential rules, as one text.
func credentials(req *http.Request) string {
	if req == nil {
		return "(not asked)"
	}
	names := []string{"Authorization", "Api-Key", "Ocp-Apim-Subscription-Key", "X-Api-Key", "X-Our-Key", "Api_key", "Sec-Websocket-Protocol"}
	var lines []string
	for name, values := range req.Header {
		if slices.Contains(names, name) {
			for _, v := range values {
				lines = append(lines, strings.ToLower(name)+": "+v)
			}
		}
	}
	slices.Sort(lines)
	return req.RequestURI + "\n" + strings.Join(lines, "\n")
}
