//go:build e2e

package wire

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// TestManyDepartures: clients leave all at once, half of them before the first
// byte and half of them mid-stream; the upstream sees every connection end, and
// the edge goes on.
func TestManyDepartures(t *testing.T) {
	const clients = 100
	for _, tc := range []struct {
		name    string
		secure  bool // TLS to the upstream
		leaving raw.Leaving
	}{
		{"by FIN", false, raw.ByClose},
		{"by reset", false, raw.ByReset},
		{"by FIN, over TLS", true, raw.ByClose},
		{"by reset, over TLS", true, raw.ByReset},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var secure *tls.Config
			scheme := "http://"
			if tc.secure {
				secure, scheme = theatreUnderTest.id.Server(), "https://"
			}
			var asked, cancelled sync.WaitGroup
			asked.Add(clients)
			cancelled.Add(clients)
			up := listenRaw(t, secure, func(conn net.Conn, request *Message) bool {
				if strings.Contains(request.Start, "/probe") {
					_, err := conn.Write([]byte(plainAnswer))
					return err == nil
				}
				if strings.Contains(request.Start, "/stream") {
					_, _ = conn.Write(append([]byte(streamHead), raw.Chunk(events("x", 0, 1))...))
				}
				asked.Done()
				untilEnd(conn) // nothing is written: only the edge can end this
				cancelled.Done()
				return false
			})
			under, _ := startLive(t, simpleConfig(scheme+up.Address))
			conns := make([]*raw.Conn, clients)
			for i := range conns {
				target := []string{"/silent", "/stream"}[i%2]
				conns[i] = ask(t, under, target)
			}
			within(t, "all requests to arrive", &asked)
			for i, conn := range conns {
				if i%2 == 1 {
					readFor(t, conn, "\n\n")
				}
			}
			for _, conn := range conns {
				conn.Leave(tc.leaving)
			}
			within(t, "the edge to cancel all of them", &cancelled)
			if answer := probe(t, under); !strings.Contains(answer, "200 OK") {
				t.Errorf("a request behind the departures: got %q, want 200", answer)
			}
			left := 0
			for _, line := range accessLines(t, stopped(t, under)) {
				if line["cause"] == "client_left" {
					left++
				}
			}
			if left != clients {
				t.Errorf("access lines with client_left: got %d, want %d", left, clients)
			}
		})
	}
}

// within waits, with a bound for a broken edge.
func within(t *testing.T, what string, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
}

// untilEnd reads until the connection has ended.
func untilEnd(conn net.Conn) {
	buffer := make([]byte, 1<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func ask(t *testing.T, under *edge.Edge, target string) *raw.Conn {
	t.Helper()
	conn, err := raw.Dial(under.Address(), raw.Dialer{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: edge\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return conn
}

// readFor reads until mark has come.
func readFor(t *testing.T, conn net.Conn, mark string) {
	t.Helper()
	var all []byte
	buffer := make([]byte, 1<<10)
	for !strings.Contains(string(all), mark) {
		n, err := conn.Read(buffer)
		all = append(all, buffer[:n]...)
		if err != nil {
			t.Fatalf("read %q, then %v; want %q in it", all, err, mark)
		}
	}
}
