package proxy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/front"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// logged collects the log.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestAPanicEndsOneExchange holds that a fault of the edge is told to the client
// whose exchange it is, that it is logged without a secret, and that the others,
// on the same loop, do not notice.
func TestAPanicEndsOneExchange(t *testing.T) {
	log := &logged{}
	address, stop := serveBroken(t, log, "http://127.0.0.1:1", "broken")
	const secret = "c4n4ry"
	other := connect(t, address)
	ask(t, other, "GET /whole HTTP/1.1\r\nHost: edge\r\n\r\n", "502 ")
	for range 3 {
		c := connect(t, address)
		answer := ask(t, c, "GET /broken?subscription-key="+secret+" HTTP/1.1\r\nHost: edge\r\nX-Request-Id: mine\r\nAuthorization: Bearer "+secret+"\r\n\r\n", "500 ")
		for _, part := range []string{"x-apim-edge-error: internal", "x-request-id: mine", "x-should-retry: false", `"code":"internal"`, "Connection: close"} {
			if !strings.Contains(answer, part) {
				t.Errorf("the answer lacks %q:\n%s", part, answer)
			}
		}
		if strings.Contains(answer, secret) || strings.Contains(answer, "nil pointer") || strings.Contains(answer, ".go:") {
			t.Errorf("the answer tells too much:\n%s", answer)
		}
		_ = c.Close()
	}
	ask(t, other, "GET /whole HTTP/1.1\r\nHost: edge\r\n\r\n", "502 ")
	_ = other.Close()
	stop()
	if n := strings.Count(log.String(), `"cause":"internal"`); n != 3 {
		t.Errorf("%d access lines with cause internal, want 3", n)
	}
	if !strings.Contains(log.String(), "panic in an exchange") || !strings.Contains(log.String(), "story.go:") {
		t.Errorf("the log does not say where it was:\n%s", log)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}

// TestAPanicAnywhereEndsOneExchange has a request panic behind each step of the
// story, and before and behind each step of its end, and holds that everything is
// counted out, once, and that the others, on the same loop, do not notice.
func TestAPanicAnywhereEndsOneExchange(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	defer upstream.Close()
	for i := range proxy.Steps {
		t.Run(fmt.Sprintf("behind step %d of the story", i), func(t *testing.T) {
			defer proxy.PanicAtStep(i, "/broken")()
			tryBroken(t, upstream.URL, 1)
		})
	}
	for i := range proxy.Endings {
		for _, before := range []bool{true, false} {
			if before && (i == proxy.Uncount || i > proxy.Record) {
				continue // nothing comes before its first line, which counts the exchange out, or lets it go
			}
			t.Run(fmt.Sprintf("step %d of the end, before %v", i, before), func(t *testing.T) {
				defer proxy.PanicAtEnding(i, before, "/broken")()
				lines := 1
				if before && i == proxy.Record {
					lines = 0 // it is not tried again: half a line may be out
				}
				tryBroken(t, upstream.URL, lines)
			})
		}
	}
}

func tryBroken(t *testing.T, upstream string, lines int) {
	log := &logged{}
	address, stop := serveBroken(t, log, upstream, "")
	other := connect(t, address)
	ask(t, other, "GET /whole HTTP/1.1\r\nHost: edge\r\n\r\n", "200 ")
	for range 3 {
		c := connect(t, address)
		if _, err := io.WriteString(c, "GET /broken HTTP/1.1\r\nHost: edge\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := io.Copy(io.Discard, c); errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the connection of the broken exchange was not closed")
		}
		_ = c.Close()
		ask(t, other, "GET /whole HTTP/1.1\r\nHost: edge\r\n\r\n", "200 ")
	}
	_ = other.Close()
	stop()
	if n := strings.Count(log.String(), `"message":"exchange"`) - 4; n != 3*lines {
		t.Errorf("%d access lines for 3 exchanges, want %d:\n%s", n, 3*lines, log)
	}
	if n := strings.Count(log.String(), "panic in an exchange"); n != 3 {
		t.Errorf("%d panics are told of, want 3:\n%s", n, log)
	}
}

// serveBroken serves two routes to an upstream on one loop. That with the name in
// broken panics.
func serveBroken(t *testing.T, log io.Writer, upstream, broken string) (address string, stop func()) {
	t.Helper()
	loops, err := wire.StartLoops(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	logger := zerolog.New(log)
	metrics := record.NewMetrics("test", func() float64 { return 0 })
	edge := proxy.NewEdge(logger, logger, metrics, loops)
	conf := config.Default()
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: upstream}}
	conf.Routes = map[string]config.Route{"broken": {PathPrefix: "/broken"}, "whole": {PathPrefix: "/whole"}}
	snapshot, err := edge.Compile(conf.Complete())
	if err != nil {
		t.Fatal(err)
	}
	proxy.Break(snapshot, broken)
	edge.Use(snapshot)
	server := front.New(edge, loops, logger, nil, metrics.Clients().Add)
	listener, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	return listener.String(), func() {
		if n := server.Drain(20 * time.Second); n != 0 || edge.Inflight() != 0 {
			t.Errorf("%d exchanges aborted, %d counted as running", n, edge.Inflight())
		}
		if open, idle := edge.Upstreams(); open != idle {
			t.Errorf("%d connections to the upstream are open, %d idle", open, idle)
		}
		edge.Close()
		wire.CloseLoops(loops)
	}
}

func connect(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// ask sends a request and returns the answer, which fits one read.
func ask(t *testing.T, c net.Conn, request, status string) string {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8<<10)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	answer := string(b[:n])
	if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %s", status)) {
		t.Errorf("answer %q, want %s", answer, status)
	}
	return answer
}
