//go:build e2e

package wire

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// killedRole makes this test binary an upstream process, so that it can be
// killed as a machine or an operator would kill it.
const killedRole = "WIRE_UPSTREAM_HEAD"

// killedBody is what the upstream sends of its body before it stands still.
var killedBody = events("killed", 0, 10)

// actKilledUpstream listens, prints its address, and answers every request with
// the head in the environment and the beginning of a body.
func actKilledUpstream(head string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if cert := os.Getenv("WIRE_UPSTREAM_CERT"); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, os.Getenv("WIRE_UPSTREAM_KEY"))
		if err != nil {
			panic(err)
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go serveRaw(conn, func(conn net.Conn, _ *Message) bool {
			body := killedBody
			if strings.Contains(head, "chunked") {
				body = chunk(body)
			}
			_, _ = conn.Write(append([]byte(head), body...))
			select {} // until it is killed
		})
	}
}

// TestUpstreamKilledMidStream: SIGKILL of the upstream in the middle of a body.
// The client must see a cut in every framing that lets anybody see one.
func TestUpstreamKilledMidStream(t *testing.T) {
	const sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for _, tc := range []struct {
		name, head string
		secure     bool
		end        End
		complete   bool
		cause      string
	}{
		{"chunked", streamHead, false, Closed, false, "upstream_aborted"},
		{"chunked, over TLS", streamHead, true, Closed, false, "upstream_aborted"},
		{"fixed length", sse + "Content-Length: 1000000\r\n\r\n", false, Reset, false, "upstream_aborted"},
		{"fixed length, over TLS", sse + "Content-Length: 1000000\r\n\r\n", true, Reset, false, "upstream_aborted"},
		{"until close_notify", sse + "\r\n", true, Reset, false, "upstream_aborted"},
		// A FIN is all that ends such a body, and the kernel sends one for the dead
		// (RFC 9112 section 8): only the events tell that it is not whole.
		{"until the end of the connection", sse + "\r\n", false, Closed, true, "stream_incomplete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address, kill := startKilledUpstream(t, tc.head, tc.secure)
			scheme := "http://"
			if tc.secure {
				scheme = "https://"
			}
			edge, _ := startLive(t, simpleConfig(scheme+address))
			all, end, err := fetch(edge.Address(), get("/a"), func(all []byte) {
				if strings.Count(string(all), "\n\n") == 10 {
					kill()
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			m, err := parseResponse(all, "GET", end)
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Body) != string(killedBody) || m.Complete != tc.complete || end != tc.end {
				t.Errorf("got %d bytes, complete %t, end %s; want %d bytes, complete %t, end %s",
					len(m.Body), m.Complete, end, len(killedBody), tc.complete, tc.end)
			}
			lines := accessLines(t, stopped(t, edge))
			if len(lines) != 1 || lines[0]["cause"] != tc.cause {
				t.Errorf("access lines: got %v, want one with cause %s", lines, tc.cause)
			}
		})
	}
}

// startKilledUpstream runs the upstream in a process of its own. kill may be
// called many times.
func startKilledUpstream(t *testing.T, head string, secure bool) (address string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killedRole+"="+head)
	if secure {
		id := theatreUnderTest.id
		cmd.Env = append(cmd.Env, "WIRE_UPSTREAM_CERT="+id.CertFile, "WIRE_UPSTREAM_KEY="+id.KeyFile)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill() }
	t.Cleanup(func() {
		kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), kill
}
