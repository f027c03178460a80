//go:build e2e

package export

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// statuses asks so many times, and counts the answers.
func statuses(t *testing.T, s *side, up *recorder, n int, head string) (passed int, refused outcome) {
	t.Helper()
	for range n {
		switch o := s.ask(t, up, head); o.status {
		case 200:
			passed++
		case 429:
			refused = o
		default:
			t.Fatalf("%s: %d %s", s.name, o.status, o.body)
		}
	}
	return passed, refused
}

// TestLimitsOfCallers: each program lets a burst pass, and no more, of each caller for
// itself; what is refused says when to come back, and is not sent on. The rate is so slow
// that no second burst begins meanwhile.
func TestLimitsOfCallers(t *testing.T) {
	up := startRecorder(t, false)
	const limited = `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes:
  openai:
    path_prefix: /
    cors: {allowed_origins: ["https://chat.example.com"]}
    limits: {per: %s, requests: 12/h, burst: 4}
`
	for _, tc := range []struct {
		per  string
		same []string // counted together
		own  []string // each for itself
	}{
		{"credential",
			[]string{head("/a", "", "Authorization", "Bearer "+keyA), head("/a", "", "api-key", keyA), head("/b", "subscription-key="+keyA)},
			[]string{head("/a", "", "Authorization", "Bearer "+keyB), head("/a", "", "Authorization", "Bearer "+tokenA), head("/a", "", "Authorization", "Bearer "+tokenB), head("/a", "", "Authorization", "Basic abc"), head("/a", "")}},
		{"route", []string{head("/a", "", "api-key", keyA), head("/b", "", "api-key", keyB), head("/c", "")}, nil},
		{"address", []string{head("/a", "", "api-key", keyA), head("/b", "", "api-key", keyB), head("/c", "")}, nil},
	} {
		t.Run(tc.per, func(t *testing.T) {
			for _, s := range sides(t, up, fmt.Sprintf(limited, tc.per), secrets{}) {
				if o := s.ask(t, up, head("/a", "", "Authorization", "Bearer a b")); o.status != 400 {
					t.Errorf("%s: a malformed credential gets %d", s.name, o.status)
				}
				passed := 0
				var refused outcome
				for i := range 9 {
					p, r := statuses(t, s, up, 1, tc.same[i%len(tc.same)])
					passed += p
					if r.status != 0 {
						refused = r
					}
				}
				if passed != 4 {
					t.Errorf("%s: %d of a burst of 4 have passed", s.name, passed)
				}
				limitRefusal(t, s, refused)
				for _, h := range tc.own {
					if got, _ := statuses(t, s, up, 6, h); got != 4 {
						t.Errorf("%s: of another caller %d have passed, want 4\n%s", s.name, got, h)
					}
				}
				if o := s.ask(t, up, preflight("https://chat.example.com", "POST", "authorization")); o.status != 204 {
					t.Errorf("%s: a preflight counts: %d", s.name, o.status)
				}
			}
		})
	}
}

// limitRefusal checks what who asks for too much is told: by the programs one turn or one
// window, where the edge knows the moment.
func limitRefusal(t *testing.T, s *side, o outcome) {
	t.Helper()
	if o.status != 429 || o.seen != nil || !strings.Contains(o.body, `"statusCode":429`) || !strings.Contains(o.body, "12/h, of which 4 at once") {
		t.Errorf("%s: %d %s, sent on: %t", s.name, o.status, o.body, o.seen != nil)
	}
	after := map[string][2]string{"nginx": {"300", "300000"}, "haproxy": {"1200", "1200000"}}[s.name]
	got := [2]string{o.header.Get("Retry-After"), o.header.Get("Retry-After-Ms")}
	if after != [2]string{} && got != after || got[0] == "" || got[1] == "" || o.header.Get("X-Should-Retry") != "false" {
		t.Errorf("%s: Retry-After %q, x-should-retry %q; want %q and false", s.name, got, o.header.Get("X-Should-Retry"), after)
	}
}

// TestAddressesAreCountedApart: of two machines, which are two addresses of this one.
func TestAddressesAreCountedApart(t *testing.T) {
	up := startRecorder(t, false)
	config := `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, limits: {per: address, requests: 12/h, burst: 2}}}
`
	for _, s := range sides(t, up, config, secrets{}) {
		for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
			got := ""
			for range 3 {
				got += fmt.Sprint(askFrom(t, from, s.address), " ")
			}
			if got != "200 200 429 " {
				t.Errorf("%s: from %s: %s", s.name, from, got)
			}
		}
	}
}

func askFrom(t *testing.T, from, address string) int {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", address)
	testkit.Must(t, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	_, _ = io.WriteString(conn, head("/a", "", "Connection", "close"))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	testkit.Must(t, err)
	return resp.StatusCode
}

// TestConcurrentExchangesOfCallers: so many of one caller run at a time, and of another
// one besides.
func TestConcurrentExchangesOfCallers(t *testing.T) {
	up := startRecorder(t, false)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}
	config := `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, limits: {per: credential, concurrent: 1}}}
`
	for _, s := range sides(t, up, config, secrets{}) {
		end := hold(t, s.address)
		if o := s.ask(t, up, head("/a", "", "Connection", "close")); o.status != 429 || o.header.Get("Retry-After") != "1" || o.header.Get("X-Should-Retry") != "true" {
			t.Errorf("%s: an exchange beyond the limit gets %d, Retry-After %q", s.name, o.status, o.header.Get("Retry-After"))
		}
		if o := s.ask(t, up, head("/a", "", "api-key", keyB, "Connection", "close")); o.status != 200 {
			t.Errorf("%s: another caller gets %d", s.name, o.status)
		}
		end()
		testkit.Await(t, s.name+" is told that the exchange has ended", func() bool {
			return s.ask(t, up, head("/a", "", "Connection", "close")).status == 200
		})
	}
}

// TestAnUpstreamsOwnRefusalPasses: what the upstream says of its limits is not taken for
// what is said here.
func TestAnUpstreamsOwnRefusalPasses(t *testing.T) {
	up := startRecorder(t, false)
	up.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "26")
		w.WriteHeader(429)
		_, _ = io.WriteString(w, "of the upstream")
	}
	config := `
upstreams: {legacy: {url: "http://UPSTREAM"}}
routes: {openai: {path_prefix: /, limits: {requests: 100/s}}}
`
	for _, s := range sides(t, up, config, secrets{}) {
		if o := s.ask(t, up, head("/a", "", "api-key", keyA)); o.status != 429 || o.body != "of the upstream" || o.header.Get("Retry-After") != "26" {
			t.Errorf("%s: %d %q, Retry-After %q", s.name, o.status, o.body, o.header.Get("Retry-After"))
		}
	}
}
