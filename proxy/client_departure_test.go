package proxy_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestADepartureCancelsUpstream holds that the upstream's connection is closed
// as soon as the client has left, wherever the exchange stands: nobody writes
// then, and nobody else would notice.
func TestADepartureCancelsUpstream(t *testing.T) {
	for _, tc := range []struct {
		name     string
		request  string
		upstream func(*peer) // what it does before it falls silent
		client   func(*peer) // what the client waits for before it leaves
		status   int
	}{
		{"before the answer", request, func(up *peer) { up.request() }, func(*peer) {}, 0},
		{"in the response head", request, func(up *peer) { up.request(); up.send("HTTP/1.1 200 OK\nContent-Ty") }, func(*peer) {}, 0},
		{
			"behind an interim response", request,
			func(up *peer) { up.request(); up.send("HTTP/1.1 103 Early Hints\n\n") },
			func(c *peer) { c.head() }, 0,
		},
		{
			"in a silent stream", request,
			func(up *peer) { up.request(); up.send(chunkedHead + "5\nhello\n") },
			func(c *peer) { c.head(); c.bytes(10) }, 200,
		},
		{
			"in a body of known length", request,
			func(up *peer) { up.request(); up.send(fixedHead + "hello") },
			func(c *peer) { c.head(); c.bytes(5) }, 200,
		},
		{
			"in a body that the connection delimits", request,
			func(up *peer) { up.request(); up.send(openHead + "hello") },
			func(c *peer) { c.head(); c.bytes(5) }, 200,
		},
		{
			"in an upload of known length", "POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\nhello",
			func(up *peer) { up.head(); up.bytes(5) }, func(*peer) {}, 0,
		},
		{
			"in a chunked upload", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n",
			func(up *peer) { up.head(); up.bytes(10) }, func(*peer) {}, 0,
		},
		{
			"while it waits for 100 Continue", "POST / HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: 10\n\n",
			func(up *peer) { up.head() }, func(*peer) {}, 0,
		},
		{
			"in a tunnel", handshake,
			func(up *peer) { up.request(); up.send(switching + "hello") },
			func(c *peer) { c.head(); c.bytes(5) }, 101,
		},
	} {
		for _, leg := range everyLeg {
			for _, way := range []string{cut, reset} {
				t.Run(tc.name+", "+leg.name+", client ends with "+way, func(t *testing.T) {
					t.Parallel()
					silent, gone := make(chan struct{}), make(chan struct{})
					e := leg.start(t, nil, func(up *peer) {
						tc.upstream(up)
						close(silent)
						up.gone()
						close(gone)
					})
					c := e.dial()
					c.send(tc.request)
					tc.client(c)
					<-silent
					ways[way](c)
					<-gone
					e.wantExchange(tc.status, "client_left")
					e.wantMetric(`apim_edge_cancels_total{route="api"}`, 1)
					e.wantMetric(`apim_edge_upstream_connections{state="open",upstream="legacy"}`, 0)
				})
			}
		}
	}
}

const (
	handshake = "GET /realtime HTTP/1.1\nHost: edge\nConnection: Upgrade\nUpgrade: websocket\n" +
		"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
	switching = "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\n"
)

// TestAnUploadOfAClientThatLeftIsNotCompleted holds that the upstream cannot take
// half an upload for all of it.
func TestAnUploadOfAClientThatLeftIsNotCompleted(t *testing.T) {
	for _, leg := range everyLeg {
		for _, way := range []string{cut, reset} {
			t.Run(leg.name+", client ends with "+way, func(t *testing.T) {
				t.Parallel()
				came, tail := make(chan struct{}), make(chan string, 1)
				e := leg.start(t, nil, func(up *peer) {
					up.head()
					up.bytes(10)
					close(came)
					text, _ := up.rest()
					tail <- text
				})
				c := e.dial()
				c.send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n")
				<-came
				ways[way](c)
				if text := <-tail; text != "" {
					t.Errorf("the upstream received %q behind what the client has sent", text)
				}
				e.wantExchange(0, "client_left")
			})
		}
	}
}

// TestADepartureEndsADial holds it while there is no connection to the upstream
// yet, and while it shakes hands.
func TestADepartureEndsADial(t *testing.T) {
	t.Run("no answer to SYN", func(t *testing.T) {
		e := startEdge(t, "http://"+deaf(t), longDial)
		c := e.dial()
		c.send(request)
		e.wantMetric("apim_edge_exchanges_inflight", 1)
		_ = c.Close()
		e.wantExchange(0, "client_left")
	})
	t.Run("no answer to the TLS handshake", func(t *testing.T) {
		began, gone := make(chan struct{}), make(chan struct{})
		url := startUpstream(t, func(up *peer) {
			up.bytes(1) // of ClientHello
			close(began)
			up.gone()
			close(gone)
		})
		e := startEdge(t, "https"+url[len("http"):], longDial)
		c := e.dial()
		c.send(request)
		<-began
		_ = c.Close()
		<-gone // long before timeouts.tls_handshake
		e.wantExchange(0, "client_left")
	})
}

// longDial makes both bounds of a dial longer than the test's patience.
func longDial(c *config.Config) {
	c.Timeouts.Connect, c.Timeouts.TLSHandshake = config.Duration{Duration: time.Hour}, config.Duration{Duration: time.Hour}
}

// deaf returns an address that answers no SYN: its backlog is full.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	v4, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("bound to a %T", name)
	}
	address := fmt.Sprintf("127.0.0.1:%d", v4.Port)
	for range 2 {
		c, err := net.DialTimeout("tcp", address, 100*time.Millisecond)
		if err != nil {
			return address
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatal("a backlog of 0 took more than one connection")
	return ""
}

// TestADepartureBetweenExchangesIsNoExchange holds that a client may close an
// idle connection, and that the upstream's stays in the pool.
func TestADepartureBetweenExchangesIsNoExchange(t *testing.T) {
	e := startEdge(t, startUpstream(t, func(up *peer) {
		up.request()
		up.send(fixedHead + "0123456789")
		up.gone()
	}), nil)
	c := e.dial()
	c.send(request)
	c.answer("POST")
	_ = c.Close()
	e.wantExchange(200, "complete")
	e.wantMetric("apim_edge_client_connections", 0)
	e.wantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 1)
}
