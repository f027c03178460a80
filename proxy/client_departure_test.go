package proxy_test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestADepartureCancelsUpstream holds that the upstream's connection is closed
// as soon as the client has left, wherever the exchange stands: nobody writes
// then, and nobody else would notice.
func TestADepartureCancelsUpstream(t *testing.T) {
	for _, tc := range []struct {
		name     string
		request  string
		upstream func(*proxytest.Peer) // what it does before it falls silent
		client   func(*proxytest.Peer) // what the client waits for before it leaves
		status   int
	}{
		{"before the answer", proxytest.Request, func(up *proxytest.Peer) { up.Request() }, func(*proxytest.Peer) {}, 0},
		{"in the response head", proxytest.Request, func(up *proxytest.Peer) { up.Request(); up.Send("HTTP/1.1 200 OK\nContent-Ty") }, func(*proxytest.Peer) {}, 0},
		{
			"behind an interim response", proxytest.Request,
			func(up *proxytest.Peer) { up.Request(); up.Send("HTTP/1.1 103 Early Hints\n\n") },
			func(c *proxytest.Peer) { c.Head() }, 0,
		},
		{
			"in a silent stream", proxytest.Request,
			func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.ChunkedHead + "5\nhello\n") },
			func(c *proxytest.Peer) { c.Head(); c.Bytes(10) }, 200,
		},
		{
			"in a body of known length", proxytest.Request,
			func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.FixedHead + "hello") },
			func(c *proxytest.Peer) { c.Head(); c.Bytes(5) }, 200,
		},
		{
			"in a body that the connection delimits", proxytest.Request,
			func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.OpenHead + "hello") },
			func(c *proxytest.Peer) { c.Head(); c.Bytes(5) }, 200,
		},
		{
			"in an upload of known length", "POST / HTTP/1.1\nHost: edge\nContent-Length: 10\n\nhello",
			func(up *proxytest.Peer) { up.Head(); up.Bytes(5) }, func(*proxytest.Peer) {}, 0,
		},
		{
			"in a chunked upload", "POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n",
			func(up *proxytest.Peer) { up.Head(); up.Bytes(10) }, func(*proxytest.Peer) {}, 0,
		},
		{
			"while it waits for 100 Continue", "POST / HTTP/1.1\nHost: edge\nExpect: 100-continue\nContent-Length: 10\n\n",
			func(up *proxytest.Peer) { up.Head() }, func(*proxytest.Peer) {}, 0,
		},
		{
			"in a tunnel", proxytest.Handshake,
			func(up *proxytest.Peer) { up.Request(); up.Send(proxytest.Switching + "hello") },
			func(c *proxytest.Peer) { c.Head(); c.Bytes(5) }, 101,
		},
	} {
		for _, leg := range proxytest.EveryLeg {
			for _, way := range []string{proxytest.Cut, proxytest.Reset} {
				t.Run(tc.name+", "+leg.Name+", client ends with "+way, func(t *testing.T) {
					t.Parallel()
					e, c, gone := leg.Stand(t, tc.request, tc.upstream, tc.client)
					ways[way](c)
					<-gone
					e.WantExchange(tc.status, "client_left")
					e.WantMetric(`apim_edge_cancels_total{route="api"}`, 1)
					e.WantMetric(`apim_edge_upstream_connections{upstream="legacy"}`, 0)
				})
			}
		}
	}
}

// TestAnUploadOfAClientThatLeftIsNotCompleted holds that the upstream cannot take
// half an upload for all of it.
func TestAnUploadOfAClientThatLeftIsNotCompleted(t *testing.T) {
	for _, leg := range proxytest.EveryLeg {
		for _, way := range []string{proxytest.Cut, proxytest.Reset} {
			t.Run(leg.Name+", client ends with "+way, func(t *testing.T) {
				t.Parallel()
				came, tail := make(chan struct{}), make(chan string, 1)
				e := leg.Start(t, nil, func(up *proxytest.Peer) {
					up.Head()
					up.Bytes(10)
					close(came)
					text, _ := up.Rest()
					tail <- text
				})
				c := e.Dial()
				c.Send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n")
				<-came
				ways[way](c)
				if text := <-tail; text != "" {
					t.Errorf("the upstream received %q behind what the client has sent", text)
				}
				e.WantExchange(0, "client_left")
			})
		}
	}
}

// TestADepartureEndsADial holds it while there is no connection to the upstream
// yet, and while it shakes hands.
func TestADepartureEndsADial(t *testing.T) {
	t.Run("no answer to SYN", func(t *testing.T) {
		e := proxytest.StartEdge(t, "http://"+deaf(t), longDial)
		c := e.Dial()
		c.Send(proxytest.Request)
		e.WantMetric("apim_edge_exchanges_inflight", 1)
		_ = c.Close()
		e.WantExchange(0, "client_left")
	})
	t.Run("no answer to the TLS handshake", func(t *testing.T) {
		began, gone := make(chan struct{}), make(chan struct{})
		url := proxytest.StartUpstream(t, func(up *proxytest.Peer) {
			up.Bytes(1) // of ClientHello
			close(began)
			up.Gone()
			close(gone)
		})
		e := proxytest.StartEdge(t, "https"+url[len("http"):], longDial)
		c := e.Dial()
		c.Send(proxytest.Request)
		<-began
		_ = c.Close()
		<-gone // long before timeouts.tls_handshake
		e.WantExchange(0, "client_left")
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
	testkit.Must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	testkit.Must(t, syscall.Listen(fd, 0))
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
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
		up.Request()
		up.Send(proxytest.FixedHead + "0123456789")
		up.Gone()
	}), nil)
	c := e.Dial()
	c.Send(proxytest.Request)
	c.Answer("POST")
	_ = c.Close()
	e.WantExchange(200, "complete")
	e.WantMetric("apim_edge_client_connections", 0)
	e.WantMetric(`apim_edge_upstream_connections{state="idle",upstream="legacy"}`, 1)
}
