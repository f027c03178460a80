//go:build e2e

package wire

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// listenRaw is an upstream written in Go, for what a story cannot say: many
// exchanges at once, and large ones. It reads requests with the strict parser and
// serves each connection with handle, which is called for one request after the
// other while it returns true.
func listenRaw(t *testing.T, secure *tls.Config, handle func(conn net.Conn, request *Message) bool) *peer.Listener {
	t.Helper()
	l, err := peer.Listen("127.0.0.1:0", secure, func(conn *raw.Conn) { Serve(conn, handle) })
	if err != nil {
		t.Fatal(err)
	}
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

// accessLines returns the access lines of a log.
func accessLines(t *testing.T, log string) (lines []map[string]any) {
	t.Helper()
	for _, line := range contentLines(log) {
		entry, err := parseLogLine(line)
		if err != nil {
			t.Errorf("log: a line that is no JSON: %q", line)
			continue
		}
		if entry["message"] == "exchange" {
			lines = append(lines, entry)
		}
	}
	return lines
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

// liveStreams are many streams at once, each of which stands still in its middle
// until release is closed.
type liveStreams struct {
	upstream *peer.Listener
	release  chan struct{}
	halfway  sync.WaitGroup
	ended    sync.WaitGroup
	mu       sync.Mutex
	faults   []string
	ends     map[raw.End]int
	whole    int
}

const half = 20 // events of a stream before its middle, and behind it

func newLiveStreams(t *testing.T) *liveStreams {
	t.Helper()
	s := &liveStreams{release: make(chan struct{}), ends: map[raw.End]int{}}
	s.upstream = listenRaw(t, nil, func(conn net.Conn, request *Message) bool {
		stream := strings.Fields(request.Start)[1]
		if stream == "/probe" {
			_, err := conn.Write([]byte(plainAnswer))
			return err == nil
		}
		_, _ = conn.Write([]byte(streamHead))
		for i := range half {
			_, _ = conn.Write(raw.Chunk(events(stream, i, i+1)))
		}
		<-s.release
		for i := half; i < 2*half; i++ {
			_, _ = conn.Write(raw.Chunk(events(stream, i, i+1)))
		}
		_, err := conn.Write([]byte("0\r\n\r\n"))
		return err == nil
	})
	return s
}

// open starts n streams and returns when each client has its first half.
func (s *liveStreams) open(under *edge.Edge, n int) {
	s.halfway.Add(n)
	for i := range n {
		s.ended.Go(func() { s.follow(under, fmt.Sprintf("/stream/%d", i)) })
	}
	s.halfway.Wait()
}

func (s *liveStreams) follow(under *edge.Edge, stream string) {
	first, there := events(stream, 0, half), false
	arrive := func() {
		if !there {
			there = true
			s.halfway.Done()
		}
	}
	defer arrive() // a broken stream must not hold up the others
	all, end, err := fetch(under.Address(), get(stream), func(all []byte) {
		if !there && bytes.Count(all, []byte("\n\n")) >= half {
			arrive()
		}
	})
	m, broken := &Message{}, err
	if err == nil {
		m, broken = parseResponse(all, "GET", end)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[end]++
	want := append(first, events(stream, half, 2*half)...)
	switch {
	case broken != nil:
		s.faults = append(s.faults, fmt.Sprintf("%s: %v", stream, broken))
	case !bytes.HasPrefix(want, m.Body):
		s.faults = append(s.faults, fmt.Sprintf("%s: bytes differ", stream))
	case m.Complete && len(m.Body) == len(want):
		s.whole++
	case m.Complete:
		s.faults = append(s.faults, fmt.Sprintf("%s: %d of %d bytes look complete", stream, len(m.Body), len(want)))
	}
}

// finish waits for the clients and wants n streams whole, byte for byte.
func (s *liveStreams) finish(t *testing.T, n int) {
	t.Helper()
	s.ended.Wait()
	for _, fault := range s.faults[:min(len(s.faults), 5)] {
		t.Error(fault)
	}
	if s.whole != n {
		t.Errorf("streams that arrived whole: got %d, want %d; ends %v, %d faults", s.whole, n, s.ends, len(s.faults))
	}
}
