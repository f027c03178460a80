//go:build e2e

package wire

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// uploaders send at the same time: what the edge does for one upload takes
// place in two goroutines, which meet in any order.
const uploaders, uploadsEach = 8, 500

// TestRefusedBodiesAreAlwaysTold: a body that breaks behind its first part, when
// the upstream is at work already, ends in the error that names it, every time:
// never in a bare end of the connection.
func TestRefusedBodiesAreAlwaysTold(t *testing.T) {
	var begun [uploaders]chan struct{}
	for i := range begun {
		begun[i] = make(chan struct{}, 1)
	}
	up, err := peer.Listen("127.0.0.1:0", nil, func(conn *raw.Conn) { awaitFirstChunk(conn, &begun) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(up.Close)
	under, _ := startLive(t, simpleConfig("http://"+up.Address))
	var told atomic.Int64
	var working sync.WaitGroup
	for i := range uploaders {
		working.Go(func() {
			for range uploadsEach {
				if breakUpload(under, i, begun[i]) {
					told.Add(1)
				}
			}
		})
	}
	within(t, "all uploads to end", &working)
	if told.Load() != uploaders*uploadsEach {
		t.Errorf("uploads answered with request_malformed: got %d, want %d", told.Load(), uploaders*uploadsEach)
	}
	for _, line := range accessLines(t, stopped(t, under)) {
		if line["cause"] != "request_malformed" {
			t.Errorf("cause: got %v, want request_malformed; line %v", line["cause"], line)
			break
		}
	}
}

// awaitFirstChunk tells the uploader when the first part of its body has come,
// and reads on until the edge closes the connection.
func awaitFirstChunk(conn net.Conn, begun *[uploaders]chan struct{}) {
	var in []byte
	buffer := make([]byte, 1<<10)
	for said := false; ; {
		n, err := conn.Read(buffer)
		in = append(in, buffer[:n]...)
		if _, number, found := bytes.Cut(in, []byte("hello")); found && len(number) > 0 && !said {
			said = true
			begun[number[0]-'0'] <- struct{}{}
		}
		if err != nil {
			return
		}
	}
}

// breakUpload reports whether the edge says what is wrong.
func breakUpload(under *edge.Edge, number int, begun <-chan struct{}) bool {
	conn, err := net.Dial("tcp", under.Address())
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "POST /a HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello%d\r\n", number)
	<-begun
	_, _ = conn.Write([]byte("zz\r\n"))
	var in []byte
	readWhile(conn, &in, func() (*Message, error) { return parseResponse(in, "POST", raw.Open) })
	return bytes.Contains(in, []byte("request_malformed"))
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
