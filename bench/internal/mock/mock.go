// Package mock is the upstream of the bench: an HTTP/1.1 server that does what
// a marker in the request body says, as cheaply as it can. The marker is a word
// such as bench:json:512 near the start of the body or at its end, in practice the
// request's model, so that it also survives gateways that write the body anew:
//
//	bench:json:SIZE           one JSON answer
//	bench:events:RATE:COUNT   events at RATE per second; COUNT 0: until the client leaves
//	bench:silent:ID           one event, then silence until the client leaves
//	bench:wait:ID             not even a head until the client leaves
//	bench:flood               events as fast as they are taken
//	bench:bytes:SIZE          an answer of fixed length
//	bench:sink                reads a body of any length, then a small answer
//
// It answers 401 where the subscription key does not arrive as the rewrite
// should have it, so that a peer cannot win by leaving work out. It is no
// general server: it knows what the load client and sane proxies send.
package mock

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/apim-edge/apim-edge/bench/internal/pace"
)

// Key is the subscription key that every exchange has to arrive with.
const Key = "0123456789abcdef0123456789abcdef"

// Stats counts what the upstream saw. It is served as JSON on the control
// listener.
type Stats struct {
	Exchanges   int64 `json:"exchanges"`
	Refused     int64 `json:"refused"`  // the credential was not rewritten
	Events      int64 `json:"events"`   // written
	Withheld    int64 `json:"withheld"` // not written: the way was full
	Streams     int64 `json:"streams"`  // open now
	Connections int64 `json:"connections"`
	Accepted    int64 `json:"accepted"` // connections since the start
}

// Server is the mock upstream.
type Server struct {
	clock pace.Clock
	pacer *pace.Pacer

	exchanges, refused, events, withheld, streams, connections, accepted atomic.Int64

	mu         sync.Mutex
	departures map[string]int64 // id of a silent exchange -> when its end was seen
	running    map[string]struct{}
	streaming  map[*conn]struct{} // connections on which a stream runs
}

// tick is how often the upstream wakes to write events that are due. At 40,000
// events per second an own wake-up for each would take the CPU that the load
// client needs; latency counts from the write itself, so nothing is hidden.
const tick = 100_000

// New returns a server without listeners.
func New() *Server {
	clock := pace.NewClock()
	return &Server{
		clock:      clock,
		pacer:      pace.NewPacer(clock, tick),
		departures: make(map[string]int64),
		running:    make(map[string]struct{}),
		streaming:  make(map[*conn]struct{}),
	}
}

// begin and over keep account of the streams that run.
func (s *Server) begin(c *conn) {
	s.streams.Add(1)
	s.mu.Lock()
	s.streaming[c] = struct{}{}
	s.mu.Unlock()
}

func (s *Server) over(c *conn) {
	s.streams.Add(-1)
	s.mu.Lock()
	delete(s.streaming, c)
	s.mu.Unlock()
}

// Reset ends all streams that run, by closing their connections: those that a
// proxy has not cancelled must not disturb what is measured next.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.streaming {
		c.tcp.Close()
	}
}

// Stats returns the counters.
func (s *Server) Stats() Stats {
	return Stats{
		Exchanges: s.exchanges.Load(), Refused: s.refused.Load(), Events: s.events.Load(),
		Withheld: s.withheld.Load(), Streams: s.streams.Load(),
		Connections: s.connections.Load(), Accepted: s.accepted.Load(),
	}
}

// Serve accepts connections until the listener is closed. With a TLS
// configuration it speaks TLS.
func (s *Server) Serve(listener net.Listener, tlsConfig *tls.Config) error {
	for {
		accepted, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		s.accepted.Add(1)
		tcp := accepted.(*net.TCPConn)
		// A known, modest send queue: what a stalled client costs is then
		// measured in the peer and not hidden here.
		_ = tcp.SetWriteBuffer(256 << 10)
		c := &conn{server: s, tcp: tcp, Conn: tcp}
		if tlsConfig != nil {
			c.Conn = tls.Server(tcp, tlsConfig)
		}
		go c.serve()
	}
}
