//go:build e2e

package export

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// several is a configuration with two upstreams, with what is said of both and of the
// route.
func several(first, second, both, list, route string) string {
	return fmt.Sprintf(`
upstreams:
  one: {url: "http://%s", %s}
  two: {url: "http://%s", %s}
routes:
  openai: {path_prefix: /, upstreams: [%s], %s}
`, first, both, second, both, list, route)
}

const (
	sameHost = "preserve_host: true"
	oneTwo   = "{name: one}, {name: two}"
)

// names starts an upstream that says its name.
func names(t *testing.T, name string) *recorder {
	t.Helper()
	r := startRecorder(t, false)
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Host", req.Host)
		_, _ = io.WriteString(w, name)
	}
	return r
}

func (r *recorder) address() string { return r.Listener.Addr().String() }

func post(path, key string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: edge\r\napi-key: " + key + "\r\nContent-Length: 2\r\n\r\n{}"
}

// TestNoConnectionMovesARequest: a server that is not there is not felt, by POSTs either.
func TestNoConnectionMovesARequest(t *testing.T) {
	up := names(t, "two")
	for _, sticky := range []string{"credential", "none"} {
		config := several("127.0.0.1:"+testkit.UnusedPort(t), up.address(), sameHost, oneTwo, "sticky: "+sticky)
		for _, s := range sides(t, up, config, secrets{}) {
			for i := range 20 {
				if o := s.ask(t, up, post("/a", fmt.Sprintf("key-%d", i))); o.status != 200 || o.body != "two" {
					t.Fatalf("%s, %s: request %d: %d %s", s.name, sticky, i, o.status, o.body)
				}
			}
		}
	}
}

// TestSharesAndCallers: the weights are the shares, and with sticky a caller stays.
func TestSharesAndCallers(t *testing.T) {
	one, two := names(t, "one"), names(t, "two")
	list := "{name: one, weight: 3}, {name: two, weight: 1}"
	for _, s := range sides(t, one, several(one.address(), two.address(), sameHost, list, "sticky: none"), secrets{})[1:] {
		first := 0
		for range 40 {
			if s.ask(t, one, head("/a", "", "api-key", keyA)).body == "one" {
				first++
			}
		}
		if first != 30 {
			t.Errorf("%s: %d of 40 have gone to the first, want 30", s.name, first)
		}
	}
	for _, s := range sides(t, one, several(one.address(), two.address(), sameHost, oneTwo, "sticky: credential"), secrets{}) {
		used := map[string]bool{}
		for i := range 40 {
			h := head("/a", "", "api-key", fmt.Sprintf("key-%d", i))
			first := s.ask(t, one, h).body
			if used[first] = true; s.ask(t, one, h).body != first {
				t.Errorf("%s: a caller has moved", s.name)
			}
		}
		if len(used) != 2 {
			t.Errorf("%s: 40 callers are all at %v", s.name, used)
		}
	}
}

// TestAPostIsNeverSentTwice: an upstream that has taken a request and breaks the
// connection may have begun to work on it.
func TestAPostIsNeverSentTwice(t *testing.T) {
	var asked atomic.Int64
	var breakers []string
	for range 2 {
		l := testkit.Listen(t)
		go breakAll(l, &asked)
		breakers = append(breakers, l.Addr().String())
	}
	up := names(t, "unused")
	for _, s := range sides(t, up, several(breakers[0], breakers[1], sameHost, oneTwo, "sticky: none"), secrets{}) {
		if s.doc != nil && (!strings.Contains(s.doc.Document, breakers[0]) || !strings.Contains(s.doc.Document, breakers[1])) {
			t.Errorf("%s: the document does not lead to both", s.name)
		}
		asked.Store(0)
		if o := s.ask(t, up, post("/a", keyA)); o.status != 502 || asked.Load() != 1 {
			t.Errorf("%s: %d, and it was sent %d times", s.name, o.status, asked.Load())
		}
	}
}

// breakAll reads requests whole, and ends their connections.
func breakAll(l net.Listener, asked *atomic.Int64) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			req, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return // a check of HAProxy
			}
			_, _ = io.Copy(io.Discard, req.Body)
			asked.Add(1)
		}()
	}
}

// TestAStatusThatMovesARequest: behind 503 and 429 the edge asks another upstream. What
// the others do not do is in their lists.
func TestAStatusThatMovesARequest(t *testing.T) {
	two := names(t, "two")
	for _, status := range []int{429, 503, 500} {
		one := startRecorder(t, false)
		one.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		for i, s := range sides(t, two, several(one.address(), two.address(), sameHost, oneTwo, "sticky: none"), secrets{}) {
			one.take()
			o := s.ask(t, two, post("/a", keyA))
			for one.take() == nil { // it has gone to the other one, by turns or by chance
				o = s.ask(t, two, post("/a", keyA))
			}
			moved := o.status == 200
			want := status == 503 && s.name == "haproxy" || status != 500 && i == 0
			if moved != want || !moved && o.status != status {
				t.Errorf("%s: behind %d: %d", s.name, status, o.status)
			}
			if i > 0 && !s.doc.lists("routes.openai.failover.on") {
				t.Errorf("%s: the list does not say what moves no request", s.name)
			}
		}
	}
}

// TestASecondPriority: it is asked where the first is away. HAProxy has to find that out.
func TestASecondPriority(t *testing.T) {
	two := names(t, "two")
	config := several("127.0.0.1:"+testkit.UnusedPort(t), two.address(), sameHost+", breaker: {failures: 1, open: 1s}", "{name: one}, {name: two, priority: 2}", "sticky: none")
	for _, s := range sides(t, two, config, secrets{}) {
		testkit.Await(t, s.name+" asks the second", func() bool {
			o := s.ask(t, two, post("/a", keyA))
			there := o.status == 200 && o.body == "two"
			if !there && (s.name != "haproxy" || !s.doc.lists("routes.openai.upstreams[1].priority")) {
				t.Fatalf("%s: %d", s.name, o.status)
			}
			return there
		})
	}
}

// TestEachServerIsCalledByItsName: HAProxy sends each its own Host; nginx cannot, and
// leads to the first.
func TestEachServerIsCalledByItsName(t *testing.T) {
	one, two := names(t, "one"), names(t, "two")
	_, port, _ := net.SplitHostPort(two.address())
	config := several(one.address(), "localhost:"+port, "max_idle: 8", oneTwo, "sticky: none")
	want := map[string]string{"one": one.address(), "two": "localhost:" + port}
	for _, s := range sides(t, one, config, secrets{}) {
		used := map[string]bool{}
		for range 40 {
			o := s.ask(t, one, head("/a", "", "api-key", keyA))
			if used[o.body] = true; o.header.Get("X-Host") != want[o.body] {
				t.Errorf("%s: %s is called %q, want %q", s.name, o.body, o.header.Get("X-Host"), want[o.body])
			}
		}
		if both := len(used) == 2; both != (s.name != "nginx") || s.name == "nginx" && !s.doc.lists("routes.openai.upstreams[1].name") {
			t.Errorf("%s: has asked %v", s.name, used)
		}
	}
}
