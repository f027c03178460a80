//go:build e2e

package wire

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const manyEvents = 10_000

// TestTenThousandEvents: not one byte of a stream is lost or altered, whatever
// its framing, in whatever pieces it comes.
func TestTenThousandEvents(t *testing.T) {
	body := append(events("long", 0, manyEvents-1), "data: [DONE]\n\n"...)
	for _, tc := range []struct {
		name    string
		head    string
		version string // of the client
		encode  func(body []byte) []byte
		secure  bool // TLS to the upstream
	}{
		{"chunked", streamHead, "1.1", randomChunks, false},
		{"chunked, over TLS", streamHead, "1.1", randomChunks, true},
		{"chunked, for a client of HTTP/1.0", streamHead, "1.0", randomChunks, false},
		{"fixed length", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n", len(body)), "1.1", bytes.Clone, false},
		{"until the end of the connection", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "1.1", bytes.Clone, false},
		{"until close_notify", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "1.1", bytes.Clone, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var secure *tls.Config
			scheme := "http://"
			if tc.secure {
				secure, scheme = theatreUnderTest.id.Server(), "https://"
			}
			up := listenRaw(t, secure, func(conn net.Conn, _ *Message) bool {
				sendInPieces(conn, append([]byte(tc.head), tc.encode(body)...))
				return strings.Contains(tc.head, "Length") || strings.Contains(tc.head, "chunked")
			})
			under := edge.Run(t, simpleConfig(scheme+up.Address))
			request := strings.Replace(get("/long"), "HTTP/1.1", "HTTP/"+tc.version, 1)
			all, end, err := fetch(under.Address(), request, nil)
			testkit.Must(t, err)
			m, err := parseResponse(all, "GET", end)
			if err != nil || !m.Complete {
				t.Fatalf("the response ends with %s, complete %t, %v", end, m.Complete, err)
			}
			if got, want := sha256.Sum256(m.Body), sha256.Sum256(body); got != want {
				t.Errorf("hash of the events: got %x (%d bytes), want %x (%d bytes)", got, len(m.Body), want, len(body))
			}
			lines := access(t, under)
			if len(lines) != 1 || lines[0].Events != manyEvents || lines[0].Cause != "complete" {
				t.Errorf("access lines: got %v, want one with %d events and cause complete", lines, manyEvents)
			}
		})
	}
}

// TestLargeUpload: the same for a request body, fixed length and chunked.
func TestLargeUpload(t *testing.T) {
	body := events("up", 0, manyEvents)
	for _, tc := range []struct {
		name, framing string
		encode        func(body []byte) []byte
	}{
		{"chunked", "Transfer-Encoding: chunked", randomChunks},
		{"fixed length", fmt.Sprintf("Content-Length: %d", len(body)), bytes.Clone},
	} {
		t.Run(tc.name, func(t *testing.T) {
			hashes := make(chan [sha256.Size]byte, 1)
			up := listenRaw(t, nil, func(conn net.Conn, request *Message) bool {
				hashes <- sha256.Sum256(request.Body)
				_, err := conn.Write([]byte(plainAnswer))
				return err == nil
			})
			under := edge.Run(t, simpleConfig("http://"+up.Address))
			conn, err := raw.Dial(under.Address(), raw.Dialer{})
			testkit.Must(t, err)
			defer conn.Close()
			head := "POST /up HTTP/1.1\r\nHost: edge\r\n" + tc.framing + "\r\n\r\n"
			sendInPieces(conn, append([]byte(head), tc.encode(body)...))
			var in []byte
			if m := readWhile(conn, &in, func() (*Message, error) { return parseResponse(in, "POST", raw.Open) }); m == nil || m.Status() != 200 {
				t.Fatalf("response: got %q, want 200", in)
			}
			if got, want := <-hashes, sha256.Sum256(body); got != want {
				t.Errorf("hash of the body: got %x, want %x", got, want)
			}
		})
	}
}

// randomChunks frames body in chunks that know nothing of events.
func randomChunks(body []byte) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for len(body) > 0 {
		n := min(1+r.IntN(700), len(body))
		b.Write(raw.Chunk(body[:n]))
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.Bytes()
}

// sendInPieces writes data in pieces that know nothing of chunks.
func sendInPieces(conn net.Conn, data []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	for len(data) > 0 {
		n := min(1+r.IntN(3000), len(data))
		if _, err := conn.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
	}
}
