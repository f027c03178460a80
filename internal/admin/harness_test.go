package admin

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listening is the listener on a port of its own.
type listening struct {
	t       *testing.T
	server  *Server
	address string
	open    atomic.Int64
	taken   atomic.Int64 // connections since the start
	log     testkit.Log
}

func listen(t *testing.T, conf config.Admin, change func(*Options), bounds func(*http.Server)) *listening {
	t.Helper()
	l := &listening{t: t}
	o := Options{
		Admin: conf, Registry: prometheus.NewRegistry(), Log: zerolog.New(&l.log),
		Ready:  func() error { return nil },
		Config: func() ([]byte, error) { return []byte("listen: {}\n"), nil },
		Reload: func() error { return nil },
		Count: func(n float64) {
			l.open.Add(int64(n))
			l.taken.Add(max(int64(n), 0))
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if l.server, err = New(o); err != nil {
		t.Fatal(err)
	}
	if bounds != nil {
		bounds(l.server.http)
	}
	own := testkit.Listen(t)
	l.address = own.Addr().String()
	served := make(chan error)
	go func() { served <- l.server.Serve(own) }()
	t.Cleanup(func() {
		_ = l.server.Close()
		<-served
		l.eventually("no connection is counted", func() bool { return l.open.Load() == 0 })
	})
	return l
}

// say opens a connection and sends text on it.
func (l *listening) say(text string) net.Conn {
	l.t.Helper()
	c := testkit.Dial(l.t, l.address)
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		l.t.Fatal(err)
	}
	return c
}

// answer reads one answer and returns its status and body.
func (l *listening) answer(c net.Conn) (status int, body string) {
	l.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	testkit.Must(l.t, err)
	defer resp.Body.Close() //nolint:errcheck // a test's end
	read, err := io.ReadAll(resp.Body)
	testkit.Must(l.t, err)
	return resp.StatusCode, string(read)
}

func (l *listening) eventually(what string, ok func() bool) {
	l.t.Helper()
	testkit.Await(l.t, what, ok, l.log.String)
}

// head is a request for a page by whoever knows the token.
func head(method, path string, fields ...string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + strings.Join(append(fields, ""), "\r\n") + "\r\n"
}
