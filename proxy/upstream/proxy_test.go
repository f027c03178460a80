package upstream

import (
	"bufio"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// answering is a proxy that answers each connection so, and returns what it was asked.
func answering(t *testing.T, answer string, stays bool) (s *server, asked chan string) {
	t.Helper()
	s, asked = startServer(t), make(chan string, 16)
	go func() { // ends with the server
		for c := range s.accepted {
			in := bufio.NewReader(c)
			head := ""
			for !strings.HasSuffix(head, "\r\n\r\n") {
				line, err := in.ReadString('\n')
				if err != nil {
					break
				}
				head += line
			}
			asked <- head
			_, _ = c.Write([]byte(answer))
			if !stays {
				_ = c.Close()
				continue
			}
			_, _ = in.ReadByte() // until the edge leaves
			_ = c.Close()
		}
	}()
	return s, asked
}

const basic = "Proxy-Authorization: Basic dXNlcjpwOnc=\r\n" // user:p:w

// TestWhatAProxyAnswers holds which error each is, that its text names the proxy and
// what to do, and that credentials are in none.
func TestWhatAProxyAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, answer string
		close        bool
		code         edgeerr.Code
		text         string
	}{
		{"200", "HTTP/1.1 200 OK\r\n\r\n", false, edgeerr.None, ""},
		{"HTTP/1.0, with fields", "HTTP/1.0 200 Connection established\r\nX: y\r\n\r\n", false, edgeerr.None, ""},
		{"an interim answer first", "HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, edgeerr.None, ""},
		{"407", "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM x\r\n\r\n", true, edgeerr.UpstreamConnectFailed, "answered 407 and wants a user name and password"},
		{"407 says what it asks for", "HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM x\r\n\r\n", true, edgeerr.UpstreamConnectFailed, "asks for Negotiate, NTLM"},
		{"407 with nonsense", "HTTP/1.1 407 x\r\nProxy-Authenticate: <b>\r\n\r\n", true, edgeerr.UpstreamConnectFailed, "host:port (upstreams."},
		{"403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", true, edgeerr.UpstreamConnectFailed, "answered 403: it does not let apim-edge through to legacy.test:443"},
		{"302", "HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n", true, edgeerr.UpstreamConnectFailed, "answered 302"},
		{"502", "HTTP/1.1 502 x\r\n\r\n", true, edgeerr.UpstreamConnectFailed, "it does not reach legacy.test:443"},
		{"504", "HTTP/1.1 504 x\r\n\r\n", true, edgeerr.UpstreamConnectTimeout, "did not reach legacy.test:443 in time"},
		{"nothing", "", false, edgeerr.UpstreamConnectTimeout, "within timeouts.connect"},
		{"half a head", "HTTP/1.1 200 OK\r\nX", false, edgeerr.UpstreamConnectTimeout, "within timeouts.connect"},
		{"its end", "", true, edgeerr.UpstreamConnectFailed, "without an answer"},
		{"another protocol", "SSH-2.0-x\r\n", false, edgeerr.UpstreamConnectFailed, "does not speak as an HTTP proxy"},
		{"no status", "HTTP/1.1 2000 OK\r\n\r\n", false, edgeerr.UpstreamConnectFailed, "does not speak as an HTTP proxy"},
		{"an endless head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 16<<10), false, edgeerr.UpstreamConnectFailed, "does not speak as an HTTP proxy"},
		{"bytes behind the answer", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", false, edgeerr.UpstreamConnectFailed, "does not speak as an HTTP proxy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, asked := answering(t, tc.answer, !tc.close)
			patient := 20 * time.Second
			if tc.code == edgeerr.UpstreamConnectTimeout && !tc.close {
				patient = 100 * time.Millisecond
			}
			proxy := NewProxy(s.address, url.UserPassword("user", "p:w"))
			p := startUpstream(t, 1, Options{Name: "legacy", Address: "legacy.test:443", Proxy: proxy, Connect: patient})
			c, err := p.dial(0)
			if edgeerr.CodeOf(err) != tc.code {
				t.Fatalf("Dial = %v, want %v", err, tc.code)
			}
			if got, want := <-asked, "CONNECT legacy.test:443 HTTP/1.1\r\nHost: legacy.test:443\r\n"+basic+"\r\n"; got != want {
				t.Errorf("the proxy was asked %q, want %q", got, want)
			}
			if err == nil {
				discard(c)
				return
			}
			all := fmt.Sprintf("%v %+v %#v", err, err, p.Options)
			if text := err.(*edgeerr.Error).Text(); !strings.Contains(text, tc.text) || !strings.Contains(text, s.address) {
				t.Errorf("the client is told %q, want %q and the proxy's address in it", text, tc.text)
			}
			if strings.Contains(all, "p:w") || strings.Contains(all, "dXNlcj") {
				t.Errorf("credentials are shown: %s", all)
			}
			p.wantCounts(0, 0)
		})
	}
}

// TestAProxyThatIsNotThere holds that it is the proxy which is named, and not the
// upstream, whose name nobody here looks up.
func TestAProxyThatIsNotThere(t *testing.T) {
	for address, want := range map[string]edgeerr.Code{
		"127.0.0.1:1": edgeerr.UpstreamConnectFailed, "no..host:3128": edgeerr.UpstreamUnresolved,
	} {
		p := startUpstream(t, 1, Options{Name: "legacy", Address: "legacy.test:443", Proxy: NewProxy(address, nil)})
		_, err := p.dial(0)
		if edgeerr.CodeOf(err) != want || !strings.Contains(err.Error(), "its proxy "+address) {
			t.Errorf("Dial = %v, want %v that names %s", err, want, address)
		}
	}
}
