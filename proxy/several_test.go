package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// member plays one of several upstreams: it reads requests, notes them, and does with
// each what do says.
type member struct {
	URL string

	mu   sync.Mutex
	do   func(up *proxytest.Peer, m proxytest.Message)
	seen []proxytest.Message
}

func startMember(t testing.TB, do func(up *proxytest.Peer, m proxytest.Message)) *member {
	return startMemberOn(t, proxytest.StartUpstream, do)
}

func startMemberOn(t testing.TB, start func(testing.TB, ...func(*proxytest.Peer)) string, do func(up *proxytest.Peer, m proxytest.Message)) *member {
	u := &member{do: do}
	u.URL = start(t, func(up *proxytest.Peer) {
		for {
			m, err := up.TryHead()
			if err != nil {
				return
			}
			if m, err = up.TryFinish(m, false); err != nil {
				return
			}
			u.mu.Lock()
			u.seen = append(u.seen, m)
			do := u.do
			u.mu.Unlock()
			if do(up, m); m.Get("x-end") != "" {
				return
			}
		}
	})
	return u
}

func (u *member) now(do func(up *proxytest.Peer, m proxytest.Message)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.do = do
}

func (u *member) requests() []proxytest.Message {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.seen)
}

// says answers with a status, further field lines and a body.
func says(status int, fields, body string) func(*proxytest.Peer, proxytest.Message) {
	return func(up *proxytest.Peer, _ proxytest.Message) {
		up.Send(fmt.Sprintf("HTTP/1.1 %d X\n%sContent-Length: %d\n\n%s", status, fields, len(body), body))
	}
}

// ends closes the connection without an answer.
func ends(up *proxytest.Peer, _ proxytest.Message) { _ = up.Close() }

// several makes the route one with these upstreams, each of the next priority.
func several(urls ...string) func(*config.Config) {
	return func(c *config.Config) {
		c.Upstreams = map[string]config.Upstream{}
		r := c.Routes["api"]
		r.Upstream, r.Upstreams = "", nil
		for i, url := range urls {
			name := string(rune('a' + i))
			u := config.Upstream{URL: url, Breaker: config.Breaker{Failures: 1000, Within: config.Seconds(3600), Open: config.Seconds(3600)}}
			if strings.HasPrefix(url, "https:") {
				u.TLS.CAFile = proxytest.Authority().CertFile
			}
			c.Upstreams[name] = u
			r.Upstreams = append(r.Upstreams, config.RouteUpstream{Name: name, Priority: i + 1})
		}
		c.Routes["api"] = r
	}
}

func startSeveral(t testing.TB, urls ...string) *proxytest.Edge {
	t.Helper()
	return proxytest.StartEdge(t, "http://127.0.0.1:1", several(urls...))
}

func and(first func(*config.Config), more ...func(*config.Config)) func(*config.Config) {
	return func(c *config.Config) {
		first(c)
		for _, change := range more {
			change(c)
		}
	}
}

func route(change func(*config.Route)) func(*config.Config) {
	return func(c *config.Config) {
		r := c.Routes["api"]
		change(&r)
		c.Routes["api"] = r
	}
}

const throttle = "retry-after-ms: 60000\nRetry-After: 60\n"

// nobody is where nobody listens.
const nobody = "http://127.0.0.1:1"

// TestAThrottledUpstreamIsNotFelt holds it for every form of a body: the next upstream is
// sent the same, and the client sees its answer alone.
func TestAThrottledUpstreamIsNotFelt(t *testing.T) {
	for name, parts := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := startMember(t, says(429, throttle, "full")), startMember(t, says(200, "", "right"))
			e := startSeveral(t, a.URL, b.URL)
			c := e.Dial()
			for i, part := range parts {
				if c.Send(part); i == 0 && len(parts) > 1 {
					e.WantMetric(`apim_edge_upstream_connections{state="in_use"}`, 1) // the head is on its way
				}
			}
			if m := c.Answer(proxytest.MethodOf(parts[0])); m.Status() != 200 || m.Body != "right" || m.Get("Retry-After") != "" {
				t.Fatalf("the answer is %v", m)
			}
			l := e.WantExchange(200, "complete")
			if l["upstream"] != "b" || fmt.Sprint(l["moved"]) != "[a=429]" || l["upstream_status"] != 200.0 {
				t.Errorf("the access line is %v", l)
			}
			first, second := a.requests()[0], b.requests()[0]
			plain := func(m proxytest.Message) string {
				m.Fields = slices.DeleteFunc(slices.Clone(m.Fields), func(f [2]string) bool { return strings.EqualFold(f[0], "host") })
				return fmt.Sprint(m)
			}
			if x, y := plain(first), plain(second); x != y {
				t.Errorf("sent at first\n%.600s\nand then\n%.600s", x, y)
			}
			c.Send(parts[0])
			for _, part := range parts[1:] {
				c.Send(part)
			}
			if m := c.Answer(proxytest.MethodOf(parts[0])); m.Body != "right" {
				t.Errorf("the next answer is %v", m)
			}
			if l := e.WantExchange(200, "complete"); l["moved"] != nil {
				t.Errorf("the access line is %v", l)
			}
			if n := len(a.requests()); n != 1 {
				t.Errorf("%d requests went to the one that throttles, want 1", n)
			}
			e.WantMetric(`apim_edge_upstream_moved_total{upstream="a"}`, 1)
			e.WantMetric(`apim_edge_upstream_throttled_callers{upstream="a"}`, 1)
			e.WantMetric(`apim_edge_upstream_state{state="closed"}`, 2)
			if proxytest.MethodOf(parts[0]) == "POST" {
				e.WantMetric(`apim_edge_retries_total{route="api"}`, 0)
			}
		})
	}
}

// TestWhatMovesARequest holds each signal: what nothing ran behind moves it, where that
// is wanted, and nothing else does.
func TestWhatMovesARequest(t *testing.T) {
	hangs := func(up *proxytest.Peer, _ proxytest.Message) { up.Gone() }
	head := func(up *proxytest.Peer, _ proxytest.Message) { up.Send("HTTP/1.1 200 OK\nContent"); _ = up.Close() }
	interim := func(up *proxytest.Peer, _ proxytest.Message) {
		up.Send("HTTP/1.1 103 Early Hints\n\n")
		_ = up.Close()
	}
	cut := func(up *proxytest.Peer, _ proxytest.Message) { up.Send(proxytest.FixedHead + "01234"); _ = up.Close() }
	for _, tc := range []struct {
		name   string
		do     func(*proxytest.Peer, proxytest.Message) // nil: nobody listens
		on     []string
		moved  string // what the line says of the first; empty: the request stays
		status int
		cause  string
	}{
		{"429", says(429, "", "full"), nil, "a=429", 200, "complete"},
		{"503", says(503, "", "full"), nil, "a=503", 200, "complete"},
		{"no connection", nil, nil, "a=upstream_connect_failed", 200, "complete"},
		{"429, where that is not wanted", says(429, "", "full"), []string{"connect", "503"}, "", 429, "complete"},
		{"503, where that is not wanted", says(503, "", "full"), []string{"connect", "429"}, "", 503, "complete"},
		{"no connection, where that is not wanted", nil, []string{"429", "503"}, "", 502, "upstream_connect_failed"},
		{"nothing is wanted", says(429, "", "full"), []string{}, "", 429, "complete"},
		{"400, as of a content filter", says(400, "", "no"), nil, "", 400, "complete"},
		{"401", says(401, "", "no"), nil, "", 401, "complete"},
		{"404", says(404, "", "no"), nil, "", 404, "complete"},
		{"408", says(408, "", "no"), nil, "", 408, "complete"},
		{"409", says(409, "", "no"), nil, "", 409, "complete"},
		{"500", says(500, "", "no"), nil, "", 500, "complete"},
		{"502", says(502, "", "no"), nil, "", 502, "complete"},
		{"504", says(504, "", "no"), nil, "", 504, "complete"},
		{"the end in place of an answer", ends, nil, "", 502, "upstream_closed_early"},
		{"the end within the head", head, nil, "", 502, "upstream_closed_early"},
		{"the end behind an interim answer", interim, nil, "", 502, "upstream_closed_early"},
		{"silence", hangs, nil, "", 504, "upstream_head_timeout"},
		{"a cut body", cut, nil, "", 200, "upstream_aborted"},
		{"nonsense", func(up *proxytest.Peer, _ proxytest.Message) { up.Send("nonsense\n\n") }, nil, "", 502, "upstream_invalid_response"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", tc.name, secure), func(t *testing.T) {
				t.Parallel()
				url, start := nobody, proxytest.StartUpstream
				if secure {
					url, start = strings.Replace(nobody, "http", "https", 1), proxytest.StartTLSUpstream
				}
				if tc.do != nil {
					url = startMemberOn(t, start, tc.do).URL
				}
				b := startMemberOn(t, start, says(200, "", "right"))
				e := proxytest.StartEdge(t, nobody, and(several(url, b.URL), route(func(r *config.Route) {
					r.Failover.On = tc.on
					if tc.name == "silence" {
						r.Timeouts.ResponseHead = config.Duration{Duration: 100 * time.Millisecond}
					}
				})))
				c := e.Dial()
				c.Send(proxytest.Request)
				m := c.Head()
				if m.Status() == 103 {
					m = c.Head()
				}
				if m.Status() != tc.status {
					t.Errorf("status %d, want %d", m.Status(), tc.status)
				}
				if m, err := c.TryFinish(m, false); tc.moved != "" && (err != nil || m.Body != "right") {
					t.Errorf("the answer is %v, %v", m, err)
				}
				l := e.WantExchange(tc.status, tc.cause)
				moved, want := "", "a"
				if tc.moved != "" {
					moved, want = "["+tc.moved+"]", "b"
				}
				if got, _ := l["moved"].([]any); fmt.Sprint(got) != "[]" && fmt.Sprint(got) != moved || moved != "" && got == nil || l["upstream"] != want {
					t.Errorf("the access line is %v, want moved %s and upstream %s", l, moved, want)
				}
				if told := e.Log.Has("an upstream cannot be reached"); told != (tc.do == nil) {
					t.Errorf("warned of an upstream that cannot be reached: %v", told)
				}
				if n := len(b.requests()); (n == 1) != (tc.moved != "") {
					t.Errorf("%d requests went to the second upstream", n)
				}
			})
		}
	}
}

// TestWhatElseIsNoConnection holds that a request goes on wherever nothing could be sent,
// and that what is not the upstream's fault opens no breaker.
func TestWhatElseIsNoConnection(t *testing.T) {
	for code, tc := range map[string]struct {
		change func(u *config.Upstream)
		state  string
	}{
		"upstream_tls_failed":         {func(u *config.Upstream) { u.URL = strings.Replace(u.URL, "http", "https", 1) }, "open"},
		"upstream_unresolved":         {func(u *config.Upstream) { u.URL = "http://no..host" }, "open"},
		"upstream_credential_missing": {func(u *config.Upstream) { u.Auth = config.Auth{Value: "env:KEY"} }, "closed"},
		"upstream_unavailable":        {func(u *config.Upstream) { u.MaxConnections = 1 }, "closed"},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			a, b := startMember(t, func(up *proxytest.Peer, _ proxytest.Message) { up.Gone() }), startMember(t, says(200, "", "right"))
			e := proxytest.StartEdge(t, nobody, and(several(a.URL, b.URL), func(c *config.Config) {
				u := c.Upstreams["a"]
				u.Breaker.Failures = 1
				tc.change(&u)
				c.Upstreams["a"] = u
				c.Timeouts.Connect = config.Duration{Duration: 100 * time.Millisecond}
			}))
			if code == "upstream_unavailable" {
				other := e.Dial()
				other.Send(proxytest.Request)
				proxytest.Eventually(t, func() bool { return len(a.requests()) == 1 }, func() string { return "the only connection is not in use" })
				defer func() {
					other.Close() //nolint:errcheck // a test's end
					e.WantExchange(0, "client_left")
				}()
			}
			if m := e.Ask(proxytest.Request); m.Body != "right" {
				t.Errorf("the answer is %v", m)
			}
			if l := e.WantExchange(200, "complete"); fmt.Sprint(l["moved"]) != "[a="+code+"]" {
				t.Errorf("the access line is %v", l)
			}
			e.WantMetric(`apim_edge_upstream_state{state="`+tc.state+`",upstream="a"}`, 1)
		})
	}
}

// TestAKeptConnectionThatDies holds the one attempt at an upstream: where a connection
// from the pool has taken nothing a new one is made to the same, and where it has taken
// a POST that goes nowhere else.
func TestAKeptConnectionThatDies(t *testing.T) {
	a, b := startMember(t, says(200, "", "one")), startMember(t, says(200, "", "right"))
	e := startSeveral(t, a.URL, b.URL)
	c := e.Dial()
	c.Send(proxytest.Request)
	c.Answer("POST")
	e.WantExchange(200, "complete")
	a.now(ends)
	c.Send(proxytest.Request)
	proxytest.WantError(t, c.Answer("POST"), 502, "upstream_closed_early", "false")
	e.WantExchange(502, "upstream_closed_early")
	if n := len(b.requests()); n != 0 {
		t.Errorf("%d requests went to the second upstream, want none", n)
	}
}
