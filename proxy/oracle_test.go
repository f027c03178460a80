package proxy_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// difference is one in which the edge and the standard library's proxy are meant
// to differ. apply makes the two alike and tells whether it had to.
type difference struct {
	why   string
	apply func(edge, oracle *reading) bool
}

// reading is one message as it arrived, ready to be compared.
type reading struct {
	first   string
	fields  map[string][]string // by name in lower case: net/http knows no other
	framing string
	body    string // its length and hash
	trailer []string
}

func readingOf(m proxytest.Message) reading {
	sum := sha256.Sum256([]byte(m.Body))
	r := reading{first: m.First, fields: map[string][]string{}, body: fmt.Sprintf("%d bytes %x", len(m.Body), sum[:4]), framing: "none"}
	for _, f := range m.Fields {
		name := strings.ToLower(f[0])
		r.fields[name] = append(r.fields[name], f[1])
	}
	for _, line := range m.Trailer {
		name, value, _ := strings.Cut(line, ": ")
		r.trailer = append(r.trailer, strings.ToLower(name)+": "+value)
	}
	slices.Sort(r.trailer)
	switch {
	case len(r.fields["transfer-encoding"]) > 0:
		r.framing = "chunked"
	case len(r.fields["content-length"]) > 0:
		r.framing = "length " + r.fields["content-length"][0]
	}
	delete(r.fields, "transfer-encoding")
	delete(r.fields, "content-length")
	return r
}

// drop makes a difference of a field that only one of the two has.
func drop(name string, of func(edge, oracle *reading) (has, hasNot *reading)) func(edge, oracle *reading) bool {
	return func(edge, oracle *reading) bool {
		has, hasNot := of(edge, oracle)
		if len(has.fields[name]) == len(hasNot.fields[name]) {
			return false
		}
		has.fields[name] = has.fields[name][:len(has.fields[name])-1]
		if len(has.fields[name]) == 0 {
			delete(has.fields, name)
		}
		return true
	}
}

func ofEdge(edge, oracle *reading) (has, hasNot *reading)   { return edge, oracle }
func ofOracle(edge, oracle *reading) (has, hasNot *reading) { return oracle, edge }

// requestDifferences are those of what the upstream is sent.
var requestDifferences = []difference{
	{"the edge makes an id where the client has none", drop("x-request-id", ofEdge)},
	{"the edge says that it is on the way (RFC 9110 section 7.6.3)", drop("via", ofEdge)},
	{"the edge passes trailers on whether they are announced to be wanted or not; TE is hop-by-hop", drop("te", ofOracle)},
	{"the library loses the trailers of a request", func(edge, oracle *reading) bool {
		if len(edge.trailer) != 1 || len(oracle.trailer) != 0 {
			return false
		}
		edge.trailer = nil
		return true
	}},
}

// answerDifferences are those of what the client is sent.
var answerDifferences = []difference{
	{"the edge leaves a body that the connection delimits as it is", func(edge, oracle *reading) bool {
		if edge.framing != "none" || oracle.framing != "chunked" || len(edge.fields["connection"]) == 0 {
			return false
		}
		edge.framing = oracle.framing
		delete(edge.fields, "connection")
		return true
	}},
	{"the edge tells HEAD what the upstream would", func(edge, oracle *reading) bool {
		if edge.framing != "chunked" || oracle.framing != "none" {
			return false
		}
		edge.framing = oracle.framing
		return true
	}},
	{"the library takes Content-Type off 304", func(edge, oracle *reading) bool {
		return edge.first[9:12] == "304" && drop("content-type", ofEdge)(edge, oracle)
	}},
	{"the library writes its own reason phrase", func(edge, oracle *reading) bool {
		changed := edge.first != oracle.first
		edge.first, oracle.first = edge.first[:12], oracle.first[:12]
		return changed
	}},
}

const oracleCases = 400

// TestTheEdgeForwardsAsTheStandardLibraryDoes sends the same well-formed requests
// and answers through both and compares what arrives, field by field. Each
// difference that is meant has its reason above, and has to occur.
func TestTheEdgeForwardsAsTheStandardLibraryDoes(t *testing.T) {
	cases := map[string]exchangeCase{}
	for seed := range oracleCases {
		c := newCase(seed)
		cases[c.id] = c
	}
	edgeSaw, oracleSaw := &seen{cases: cases, again: true}, &seen{cases: cases}
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, edgeSaw.answer), nil)
	oracle := startReverseProxy(t, proxytest.StartUpstream(t, oracleSaw.answer))
	occurred := map[string]bool{}
	for seed := range oracleCases {
		c := cases[fmt.Sprint("case-", seed)]
		viaEdge, viaOracle := askRaw(t, e.Address, c, true), askRaw(t, oracle, c, false)
		compare(t, c, "request", edgeSaw.get(t, c.id), oracleSaw.get(t, c.id), requestDifferences, occurred)
		compare(t, c, "answer", viaEdge, viaOracle, answerDifferences, occurred)
	}
	for _, d := range slices.Concat(requestDifferences, answerDifferences) {
		if !occurred[d.why] {
			t.Errorf("this difference no longer occurs: %s", d.why)
		}
	}
}

func compare(t *testing.T, c exchangeCase, what string, edge, oracle proxytest.Message, differences []difference, occurred map[string]bool) {
	t.Helper()
	e, o := readingOf(edge), readingOf(oracle)
	e.first = strings.ReplaceAll(e.first, "apim-edge", "")
	for _, d := range differences {
		if d.apply(&e, &o) {
			occurred[d.why] = true
		}
	}
	delete(e.fields, "host") // the two upstreams have their own
	delete(o.fields, "host")
	if got, want := fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", o); got != want {
		request, _, _ := strings.Cut(c.request, "\r\n\r\n")
		answer, _, _ := strings.Cut(c.answer, "\r\n\r\n")
		t.Errorf("%s: the %s differs\nedge    %s\nlibrary %s\nthe request was\n%s\nthe answer was\n%s", c.id, what, got, want, request, answer)
	}
}

// seen is an upstream that keeps what it was sent. again has net/http read it
// once more.
type seen struct {
	cases map[string]exchangeCase
	again bool
	mu    sync.Mutex
	by    map[string]proxytest.Message
}

func (s *seen) answer(up *proxytest.Peer) {
	for tape := taped(up); ; {
		m, err := up.TryHead()
		if err != nil {
			if !errors.Is(err, io.EOF) || tape.Len() > 0 {
				up.T.Errorf("upstream: %v behind %q", err, tape)
			}
			return
		}
		m = up.Finish(m, false)
		id := m.Get("X-Case")
		if err := readAgain(m, tape.Next(tape.Len()), ""); s.again && err != nil {
			up.T.Errorf("%s: what the edge forwards is read differently by net/http: %v", id, err)
		}
		s.mu.Lock()
		if s.by == nil {
			s.by = map[string]proxytest.Message{}
		}
		s.by[id] = m
		s.mu.Unlock()
		up.Raw(s.cases[id].answer)
		if s.cases[id].closes {
			return
		}
	}
}

func (s *seen) get(t *testing.T, id string) proxytest.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.by[id]
	if !ok {
		t.Fatalf("%s has not reached the upstream", id)
	}
	return m
}

// startReverseProxy runs the library's. Without full duplex its server closes the
// body of a request once the answer begins, and where the transport has not read
// the end of it yet, that cuts the answer: https://go.dev/issue/40747.
func startReverseProxy(t *testing.T, upstream string) (address string) {
	target, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4}
	library := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.SetXForwarded()
		},
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		library.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		transport.CloseIdleConnections()
	})
	return server.Listener.Addr().String()
}

// askRaw sends the request on a connection of its own. Interim answers have to
// come as they were sent, and nothing may stand behind the answer. again has
// net/http read it once more.
func askRaw(t *testing.T, address string, c exchangeCase, again bool) proxytest.Message {
	t.Helper()
	p := proxytest.Dial(t, address, nil)
	defer p.Close() //nolint:errcheck // a test's end
	tape := taped(p)
	p.Raw(c.request)
	if c.interim {
		if m := p.Head(); m.First != "HTTP/1.1 103 Early Hints" || m.Get("Link") != "</a>" {
			t.Errorf("%s: interim answer %q %v", c.id, m.First, m.Fields)
		}
	}
	m := p.Answer(proxytest.MethodOf(c.request))
	_ = p.TCP.CloseWrite()
	p.WantEnd(proxytest.Orderly)
	if err := readAgain(m, tape.Bytes(), proxytest.MethodOf(c.request)); again && err != nil {
		t.Errorf("%s: what the edge relays is read differently by net/http: %v", c.id, err)
	}
	return m
}

// exchangeCase is one random request and the answer to it, as bytes.
type exchangeCase struct {
	id, request, answer string
	interim, closes     bool
}

func newCase(seed int) exchangeCase {
	g := &generator{rand.New(rand.NewPCG(uint64(seed), 1))}
	c := exchangeCase{id: fmt.Sprint("case-", seed)}
	method := g.one("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: edge.example.com\r\nX-Case: %s\r\n", method, g.target(), c.id)
	b.WriteString(g.fields(
		"Accept: */*", "Accept-Encoding: gzip", "Content-Type: application/json", "User-Agent: me/1.0", "Cookie: a=b; c=d",
		"X-Request-Id: mine", "Via: 1.1 front", "Traceparent: 00-1-2-03", "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4",
		"Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "TE: trailers",
	))
	if method == "GET" || method == "HEAD" || method == "OPTIONS" {
		b.WriteString("\r\n")
	} else {
		b.WriteString(g.body(true))
	}
	c.request = b.String()

	b.Reset()
	if c.interim = g.IntN(8) == 0; c.interim {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	}
	status := g.one("200 OK", "201 Created", "204 No Content", "206 Partial Content", "301 Moved Permanently", "304 Not Modified",
		"400 Bad Request", "401 Unauthorized", "404 Not Here", "429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable")
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\n", status)
	b.WriteString(g.fields(
		"Server: Kestrel", "Set-Cookie: a=b; Path=/", "Set-Cookie: c=d", "Vary: Accept, Origin", "apim-request-id: 7", "Retry-After: 3", "ETag: \"x\"",
		"Location: https://other.example.com/x", "WWW-Authenticate: Bearer", "Connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic",
		"Access-Control-Allow-Origin: *", "x-ratelimit-remaining-tokens: 7",
	))
	switch {
	case status[:3] == "204" || status[:3] == "304":
		b.WriteString("\r\n")
	case method == "HEAD":
		b.WriteString(g.one("Content-Length: 5", "Transfer-Encoding: chunked") + "\r\n\r\n")
	case g.IntN(6) == 0:
		c.closes = true
		b.WriteString("\r\n" + g.text(3000))
	default:
		b.WriteString(g.body(false))
	}
	c.answer = b.String()
	return c
}

// generator makes parts of well-formed messages.
type generator struct{ *rand.Rand }

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) text(most int) string {
	b := make([]byte, g.IntN(most))
	for i := range b {
		b[i] = byte(g.IntN(256))
	}
	return string(b)
}

func (g *generator) target() string {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		b.WriteString("/" + g.one("", "v1", "a%2Fb", "%E4%BA%AC", "x;y=1", "~a-b_c.d", "(1)", "a+b", "a%20b", "@:!$&'*,="))
	}
	if g.IntN(2) == 0 {
		return b.String()
	}
	b.WriteString("?")
	for i := range g.IntN(4) {
		if i > 0 {
			b.WriteString("&")
		}
		b.WriteString(g.one("a", "a%20b", "x%5B%5D", "") + g.one("=", "=1", "=%2F/?", "=a+b", "", "=="))
	}
	return b.String()
}

// fields returns some of those given, in their order, and some of its own.
func (g *generator) fields(of ...string) string {
	var b strings.Builder
	for _, f := range of {
		if g.IntN(3) == 0 {
			b.WriteString(f + "\r\n")
		}
		if g.IntN(4) == 0 {
			fmt.Fprintf(&b, "%s:%s%s%s\r\n", g.one("X-A", "x-a", "X-B", "x-C_d", "x!#$%&'*+-.^`|~"), g.one("", " ", "  ", "\t"), g.one("", "1", "a b", "a\tb", "\x80\xff", "\"q\\\"\"", "a,b , c"), g.one("", " "))
		}
	}
	return b.String()
}

// body returns the rest of a message from its framing on.
func (g *generator) body(request bool) string {
	text := g.text(3000)
	if g.IntN(2) == 0 {
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text)
	}
	var b strings.Builder
	trailer := g.IntN(2) == 0
	if trailer {
		b.WriteString("Trailer: X-Sum\r\n")
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(text) > 0 {
		n := 1 + g.IntN(min(len(text), 1000))
		behind := g.one("", "", ";a=b")
		if !request {
			behind = g.one("", "", ";a=b", " ") // in a request the edge refuses the white space
		}
		fmt.Fprintf(&b, "%x%s\r\n%s\r\n", n, behind, text[:n])
		text = text[n:]
	}
	b.WriteString("0\r\n")
	if trailer {
		b.WriteString("X-Sum: 7\r\n")
	}
	return b.String() + "\r\n"
}
