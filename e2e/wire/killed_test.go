//go:build e2e

package wire

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// killedBody is what the upstream sends of its body before it stands still.
var killedBody = events("killed", 0, 10)

// actKilledUpstream is the role of an upstream that can be killed as a machine or
// an operator would kill it: it answers every request with the head, which is the
// role's name, and the beginning of a body.
func actKilledUpstream(head, address string, secure *tls.Config) {
	l, err := peer.Listen(address, secure, func(conn *raw.Conn) {
		Serve(conn, func(conn net.Conn, _ *Message) bool {
			body := killedBody
			if strings.Contains(head, "chunked") {
				body = raw.Chunk(body)
			}
			_, _ = conn.Write(append([]byte(head), body...))
			select {} // until it is killed
		})
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Address)
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has gone
	os.Exit(0)
}

// TestUpstreamKilledMidStream: SIGKILL of the upstream in the middle of a body.
// The client must see a cut in every framing that lets anybody see one.
func TestUpstreamKilledMidStream(t *testing.T) {
	const sse = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for _, tc := range []struct {
		name, head string
		secure     bool
		end        raw.End
		complete   bool
		cause      string
	}{
		{"chunked", streamHead, false, raw.Closed, false, "upstream_aborted"},
		{"chunked, over TLS", streamHead, true, raw.Closed, false, "upstream_aborted"},
		{"fixed length", sse + "Content-Length: 1000000\r\n\r\n", false, raw.Reset, false, "upstream_aborted"},
		{"fixed length, over TLS", sse + "Content-Length: 1000000\r\n\r\n", true, raw.Reset, false, "upstream_aborted"},
		{"until close_notify", sse + "\r\n", true, raw.Reset, false, "upstream_aborted"},
		// A FIN is all that ends such a body, and the kernel sends one for the dead
		// (RFC 9112 section 8): only the events tell that it is not whole.
		{"until the end of the connection", sse + "\r\n", false, raw.Closed, true, "stream_incomplete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			address, kill := startKilledUpstream(t, tc.head, tc.secure)
			scheme := "http://"
			if tc.secure {
				scheme = "https://"
			}
			under := edge.Run(t, simpleConfig(scheme+address))
			all, end, err := fetch(under.Address(), get("/a"), func(all []byte) {
				if strings.Count(string(all), "\n\n") == 10 {
					kill()
				}
			})
			testkit.Must(t, err)
			m, err := parseResponse(all, "GET", end)
			testkit.Must(t, err)
			if string(m.Body) != string(killedBody) || m.Complete != tc.complete || end != tc.end {
				t.Errorf("got %d bytes, complete %t, end %s; want %d bytes, complete %t, end %s",
					len(m.Body), m.Complete, end, len(killedBody), tc.complete, tc.end)
			}
			lines := access(t, under)
			if len(lines) != 1 || lines[0].Cause != tc.cause {
				t.Errorf("access lines: got %v, want one with cause %s", lines, tc.cause)
			}
		})
	}
}

// startKilledUpstream runs the upstream in a process of its own. kill may be
// called many times.
func startKilledUpstream(t *testing.T, head string, secure bool) (address string, kill func()) {
	t.Helper()
	var id *testcert.Certificate
	if secure {
		id = theatreUnderTest.id
	}
	up, err := peer.Start(head, "127.0.0.1:0", id, func(line string) { address = line })
	testkit.Must(t, err)
	t.Cleanup(up.Kill)
	return address, func() { up.Signal(syscall.SIGKILL) }
}
