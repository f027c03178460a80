//go:build e2e

package wire

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// listenRaw is an upstream written in Go, for what a story cannot say, such as large
// exchanges; see Serve.
func listenRaw(t *testing.T, secure *tls.Config, handle func(conn net.Conn, request *Message) bool) *peer.Listener {
	t.Helper()
	l, err := peer.Listen("127.0.0.1:0", secure, func(conn *raw.Conn) { Serve(conn, handle) })
	testkit.Must(t, err)
	t.Cleanup(l.Close)
	return l
}

func simpleConfig(upstream string) string {
	secure := ""
	if strings.HasPrefix(upstream, "https:") {
		secure = fmt.Sprintf(", tls: {ca_file: %q}", theatreUnderTest.id.CertFile)
	}
	return fmt.Sprintf("upstreams: {legacy: {url: %q%s}}\nroutes: {openai: {path_prefix: /, upstream: legacy}}\n", upstream, secure)
}

// fetch is raw.Fetch with a bound for a broken edge. The connection must end with
// the answer.
func fetch(address string, request string, seen func(all []byte)) (all []byte, end raw.End, err error) {
	return raw.Fetch(address, []byte(request), 2*time.Minute, seen)
}

// get is a request after whose answer the connection ends.
func get(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer k3y-alice\r\nConnection: close\r\n\r\n"
}

// events is n events of a stream, each different from every other one.
func events(stream string, from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "data: {\"stream\":%q,\"event\":%d,\"text\":%q}\n\n", stream, i, strings.Repeat("x", i*37%200))
	}
	return b.Bytes()
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

// access ends the edge and returns its access lines.
func access(t *testing.T, under *edge.Edge) []edge.Line {
	t.Helper()
	if _, err := under.Stop(); err != nil {
		t.Fatal(err)
	}
	return under.Lines("exchange")
}
