package front_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/front"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// edge is a running edge in front of a scripted upstream.
type edge struct {
	t       testing.TB
	address string
	edge    *proxy.Edge
	front   *front.Server
	log     *lines
}

// startEdge serves with the defaults in front of upstream; change may adapt them.
func startEdge(t testing.TB, upstream string, change func(*config.Config)) *edge {
	t.Helper()
	conf := config.Default()
	conf.Upstreams = map[string]config.Upstream{"legacy": {URL: upstream}}
	conf.Routes = map[string]config.Route{"api": {PathPrefix: "/", Upstream: "legacy"}}
	if change != nil {
		change(&conf)
	}
	conf = conf.Complete()
	watch, err := wire.NewWatch(50 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{t: t, log: &lines{}}
	logger := zerolog.New(e.log)
	metrics := proxy.NewMetrics("test", func() float64 { return 0 })
	e.edge = proxy.NewEdge(logger, logger, metrics, watch)
	snapshot, err := e.edge.Compile(conf)
	if err != nil {
		t.Fatal(err)
	}
	e.edge.Use(snapshot)
	e.front = front.New(e.edge, watch, logger, nil, metrics.Clients().Add)
	addr, err := e.front.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e.address = addr.String()
	go func() { _ = e.front.Serve() }()
	t.Cleanup(func() {
		e.front.Drain(5 * time.Second)
		e.edge.Close()
		watch.Stop()
	})
	return e
}

// dial opens a client's connection.
func (e *edge) dial() net.Conn {
	e.t.Helper()
	c, err := net.Dial("tcp", e.address)
	if err != nil {
		e.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	e.t.Cleanup(func() { _ = c.Close() })
	return c
}

// lines collects log lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until the log contains text.
func (l *lines) waitFor(t testing.TB, text string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if strings.Contains(l.String(), text) {
			return
		}
	}
	t.Fatalf("no %q in the log:\n%s", text, l.String())
}

// startUpstream accepts connections and runs script on each. Its URL is returned.
func startUpstream(t testing.TB, script func(c net.Conn, in *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			wait.Go(func() {
				defer c.Close() //nolint:errcheck // a test's end
				script(c, bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
	})
	return "http://" + l.Addr().String()
}

// readHead reads one head and returns it with its empty line.
func readHead(in *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := in.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// send writes text with its line ends made CRLF.
func send(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
}

const request = "POST /openai/v1/chat/completions HTTP/1.1\nHost: edge\nAuthorization: Bearer 0123abcd\nContent-Length: 2\n\n{}"
