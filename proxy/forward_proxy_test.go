package proxy_test

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// startForwardProxy is a proxy that connects whoever names itself, and refuses others.
func startForwardProxy(t testing.TB, authorization string) string {
	t.Helper()
	return listen(t, func(c net.Conn) { connect(c, authorization) })
}

// listen has serve called with each connection, each on a goroutine of its own, and
// returns the address. The test ends when all of them have.
func listen(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l := testkit.Listen(t)
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		wait.Wait()
	})
	return l.Addr().String()
}

func connect(c net.Conn, authorization string) {
	defer c.Close() //nolint:errcheck // a test's end
	in := bufio.NewReader(c)
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		head += line
	}
	if !strings.Contains(head, authorization) {
		_, _ = io.WriteString(c, "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n\r\n")
		return
	}
	far, err := net.Dial("tcp", strings.Fields(head)[1])
	if err != nil {
		_, _ = io.WriteString(c, "HTTP/1.1 502 No\r\n\r\n")
		return
	}
	defer far.Close() //nolint:errcheck // a test's end
	_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	both := make(chan struct{})
	go func() {
		defer close(both)
		_, _ = io.Copy(far, in)
		_ = far.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, far)
	_ = c.(*net.TCPConn).CloseWrite()
	<-both
}

// TestExchangesThroughAForwardProxy holds that whole exchanges go through it, over TLS
// as well, that its connections are kept, that a password which changes is used, and
// that it is shown nowhere (issue 15, B11).
func TestExchangesThroughAForwardProxy(t *testing.T) {
	const password = "s3cret-of-the-proxy"
	for _, leg := range proxytest.EveryLeg {
		t.Run(leg.Name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "proxy")
			proxy := startForwardProxy(t, "Proxy-Authorization: Basic ZWRnZTpzM2NyZXQtb2YtdGhlLXByb3h5\r\n")
			write := func(password string) {
				testkit.Write(t, file, "http://edge:"+password+"@"+proxy+"\n")
			}
			write("wrong-" + password)
			e := leg.Start(t, func(c *config.Config) {
				u := c.Upstreams["legacy"]
				u.Proxy = "file:" + file
				c.Upstreams["legacy"] = u
			}, proxytest.EchoKey)
			m := e.Ask(proxytest.Request)
			if m.Status() != 502 || !strings.Contains(m.Body, "its proxy "+proxy+" answered 407") {
				t.Errorf("answer %v, want 502 of the proxy's 407", m)
			}
			shown := m.Body
			e.WantExchange(502, "upstream_connect_failed")
			write(password)
			testkit.Must(t, e.Use(e.Edge.Config()))
			c := e.Dial()
			for range 3 {
				c.Send(proxytest.Request)
				if m := c.Answer("POST"); m.Status() != 200 || !strings.Contains(m.Body, "0123abcd") {
					t.Errorf("answer %v", m)
				}
				e.WantExchange(200, "complete")
			}
			e.WantMetric(`apim_edge_upstream_connection_events_total{event="dialed",upstream="legacy"}`, 1)
			if all := shown + e.Log.String(); strings.Contains(all, password) || strings.Contains(all, "ZWRnZT") {
				t.Errorf("the password of the proxy is shown:\n%s", all)
			}
		})
	}
}
