package proxy_test

import (
	"bufio"
	"io"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// openssl is an upstream that can ask for a certificate behind the request, which Go's
// server cannot: by another handshake under TLS 1.2. The test says by hand what it does.
type openssl struct {
	t     testing.TB
	url   string
	stdin io.Writer
	lines chan string // what it reports, and what it is sent
}

func startOpenssl(t testing.TB, version string, args ...string) *openssl {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here, the only server at hand that renegotiates")
	}
	// -state reports the messages of each handshake.
	args = append([]string{"s_server", "-accept", "127.0.0.1:0", version, "-state", "-cert", proxytest.Authority().CertFile, "-key", proxytest.Authority().KeyFile}, args...)
	cmd := exec.Command(path, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	testkit.Must(t, cmd.Start())
	s := &openssl{t: t, stdin: stdin, lines: make(chan string, 1024)}
	var wait sync.WaitGroup
	wait.Go(func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			s.lines <- in.Text()
		}
		close(s.lines)
	})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
		for range s.lines { // or it could not report the rest
		}
		wait.Wait()
	})
	s.url = "https://" + strings.TrimPrefix(s.awaits("ACCEPT "), "ACCEPT ")
	return s
}

// awaits waits until all texts have been reported, in whatever order, and returns the
// last line.
func (s *openssl) awaits(texts ...string) (line string) {
	s.t.Helper()
	late, seen := time.After(proxytest.Patience), ""
	for len(texts) > 0 {
		select {
		case line = <-s.lines:
			seen += line + "\n"
			texts = slices.DeleteFunc(texts, func(text string) bool { return strings.Contains(line, text) })
		case <-late:
			s.t.Fatalf("openssl does not report %q, but\n%s", texts, seen)
		}
	}
	return strings.TrimSpace(line)
}

// asks has it ask for another handshake, with a client certificate.
func (s *openssl) asks() { s.says("R\n") }

// shaken is what it reports at the end of a handshake.
const shaken = "SSL_accept:SSLv3/TLS write finished"

func (s *openssl) says(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.stdin, text); err != nil {
		s.t.Fatal(err)
	}
}

// answers sends an answer. openssl adds the line end behind the body.
func (s *openssl) answers(body string) {
	s.t.Helper()
	s.says("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)+1) + "\r\n\r\n" + body + "\n")
}

// withCertificate has the edge show a certificate.
func withCertificate(c *config.Config) {
	u := c.Upstreams["legacy"]
	u.TLS.CertFile, u.TLS.KeyFile = proxytest.Authority().CertFile, proxytest.Authority().KeyFile
	c.Upstreams["legacy"] = u
}

// TestUpstreamAsksForACertificateBehindTheRequest holds that the one renegotiation of
// a connection is made, as API Management asks for it under TLS 1.2, whatever comes
// along with it, and that the connection serves others afterwards (issue 15, B5).
func TestUpstreamAsksForACertificateBehindTheRequest(t *testing.T) {
	for _, tc := range []struct {
		name    string
		change  func(*config.Config)
		between func(to, from net.Conn) // from upstream to the edge; nil: as it comes
	}{
		{"with a certificate", withCertificate, nil},
		{"without one", nil, nil},
		{"a byte at a time", withCertificate, dripping},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startOpenssl(t, "-tls1_2")
			url := s.url
			if tc.between != nil {
				url = "https://" + startBetween(t, strings.TrimPrefix(s.url, "https://"), tc.between)
			}
			e := proxytest.StartEdge(t, url, tc.change)
			c := e.Dial()
			c.Send("POST / HTTP/1.1\nHost: edge\nContent-Length: 16\n\nahead!\n")
			s.awaits(shaken, "ahead!")
			s.asks()
			c.Send("upload\n")
			s.awaits(shaken, "upload")
			s.answers("one")
			if m := c.Answer("POST"); m.Body != "one\n" {
				t.Fatalf("answer %v", m)
			}
			e.WantExchange(200, "complete")
			c.Send(proxytest.PlainGet)
			s.awaits("GET / ")
			s.answers("two")
			if m := c.Answer("GET"); m.Body != "two\n" {
				t.Errorf("the next answer is %v", m)
			}
			e.WantExchange(200, "complete")
			e.WantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 1)
		})
	}
}

// TestARenegotiationThatComesToNothing holds that it ends in time, is told, and costs
// no other exchange; a POST is not to be sent again.
func TestARenegotiationThatComesToNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		args   []string
		change func(*config.Config)
		silent bool // upstream says nothing any more
		times  int  // that upstream asks
		text   string
	}{
		{"the certificate is refused", []string{"-verify_return_error", "-no-CAfile"}, withCertificate, false, 1, "has refused the request unread"},
		{"upstream asks once more", nil, withCertificate, false, 2, "which failed"},
		{"upstream falls silent", nil, withCertificate, true, 1, "longer than timeouts.tls_handshake"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startOpenssl(t, "-tls1_2", tc.args...)
			silence := make(chan struct{})
			url := "https://" + startBetween(t, strings.TrimPrefix(s.url, "https://"), func(to, from net.Conn) {
				p := make([]byte, 64<<10)
				for {
					n, err := from.Read(p)
					select {
					case <-silence:
						n = min(n, 40) // the question, and nothing behind it
					default:
					}
					if _, werr := to.Write(p[:n]); err != nil || werr != nil {
						return
					}
					if n == 40 {
						_, _ = io.Copy(io.Discard, from)
						return
					}
				}
			})
			e := proxytest.StartEdge(t, url, func(c *config.Config) {
				tc.change(c)
				if tc.silent {
					c.Timeouts.TLSHandshake = config.Seconds(2) // the first handshake has to come in time on a busy machine
				}
			})
			c := e.Dial()
			c.Send(proxytest.Request)
			s.awaits(shaken, "api-key: 0123abcd")
			if tc.silent {
				close(silence)
			}
			for n := range tc.times {
				if n > 0 {
					s.awaits(shaken)
				}
				s.asks()
			}
			m := c.Answer("POST")
			if m.Status() != 502 || m.Get("x-apim-edge-error") != "upstream_tls_failed" || m.Get("x-should-retry") != "false" || !strings.Contains(m.Body, tc.text) {
				t.Errorf("answer %v, want 502 upstream_tls_failed with %q", m, tc.text)
			}
			e.WantExchange(502, "upstream_tls_failed")
			e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 0)
			e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 0)
		})
	}
}

// TestADepartureEndsARenegotiation holds that nothing is left of a handshake whose
// client has gone.
func TestADepartureEndsARenegotiation(t *testing.T) {
	s := startOpenssl(t, "-tls1_2")
	asked := make(chan struct{})
	e := proxytest.StartEdge(t, "https://"+startBetween(t, strings.TrimPrefix(s.url, "https://"), func(to, from net.Conn) {
		dripping(to, from)
		close(asked)
	}), withCertificate)
	c := e.Dial()
	c.Send(proxytest.Request)
	s.awaits(shaken, "api-key: 0123abcd")
	s.asks()
	c.Fin()
	e.Exchange()
	<-asked
	e.WantMetric(`apim_edge_upstream_connections{state="in_use",upstream="legacy"}`, 0)
	e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 0)
}

// dripping sends a byte at a time.
func dripping(to, from net.Conn) {
	p := make([]byte, 1)
	for {
		n, err := from.Read(p)
		if _, werr := to.Write(p[:n]); err != nil || werr != nil {
			return
		}
	}
}

// startBetween stands between the edge and an upstream; down moves what comes from
// there. Its address is returned.
func startBetween(t testing.TB, address string, down func(to, from net.Conn)) string {
	t.Helper()
	return listen(t, func(near net.Conn) {
		far, err := net.Dial("tcp", address)
		if err != nil {
			_ = near.Close()
			t.Error(err)
			return
		}
		var up sync.WaitGroup
		up.Go(func() {
			_, _ = io.Copy(far, near)
			_ = far.Close()
		})
		down(near, far)
		_ = near.Close()
		up.Wait()
	})
}
