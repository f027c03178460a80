// Package front accepts the connections of clients and runs the exchanges on
// them, within limits, until it is drained.
package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Server is the clients' listener.
type Server struct {
	edge  *proxy.Edge
	watch *wire.Watch
	log   zerolog.Logger
	tls   *tls.Config // nil: plain HTTP
	open  func(delta float64)

	listener net.Listener
	number   atomic.Int64
	mu       sync.Mutex
	clients  map[*proxy.Client]struct{}
	pending  map[*wire.Conn]struct{} // in their TLS handshake
	wait     sync.WaitGroup
}

// New returns a server for edge. conf is nil for plain HTTP; open is told of
// each connection that opens (+1) and closes (-1).
func New(edge *proxy.Edge, watch *wire.Watch, log zerolog.Logger, conf *tls.Config, open func(float64)) *Server {
	return &Server{
		edge: edge, watch: watch, log: log, tls: conf, open: open,
		clients: map[*proxy.Client]struct{}{}, pending: map[*wire.Conn]struct{}{},
	}
}

// Listen opens the listener, for example on "127.0.0.1:0".
func (s *Server) Listen(address string) (net.Addr, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: time.Minute, Count: 3}}
	l, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	s.listener = l
	return l.Addr(), nil
}

// Serve accepts connections until the listener is closed by Drain.
func (s *Server) Serve() error {
	for {
		nc, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case outOfFiles(err):
			// Connections that wait in the kernel are served as soon as others
			// end; the pause keeps this loop from spinning until then.
			s.log.Warn().Err(err).Msg("no file descriptor for another connection; raise LimitNOFILE or limits.connections")
			time.Sleep(50 * time.Millisecond)
			continue
		case err != nil:
			s.log.Warn().Err(err).Msg("accept failed")
			continue
		}
		s.accept(nc)
	}
}

func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

func (s *Server) accept(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		panic("BUG: a TCP listener accepted another kind of connection")
	}
	conf := s.edge.Config()
	conn, err := wire.New(tcp, s.watch, conf.Timeouts.ClientWriteStall.Duration)
	if err != nil {
		s.log.Warn().Err(err).Msg("a connection could not be taken over")
		_ = tcp.Close()
		return
	}
	full := !s.begin(conn, conf.Limits.Connections)
	go func() {
		defer s.end(conn)
		s.serve(conn, conf.Timeouts.TLSHandshake.Duration, full)
	}()
}

// begin counts the connection in and tells whether it is within the limit.
func (s *Server) begin(conn *wire.Conn, limit int) bool {
	s.open(1)
	s.wait.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[conn] = struct{}{}
	return limit == 0 || len(s.clients)+len(s.pending) <= limit
}

func (s *Server) end(conn *wire.Conn) {
	s.open(-1)
	s.mu.Lock()
	delete(s.pending, conn)
	s.mu.Unlock()
	s.wait.Done()
}

func (s *Server) serve(conn *wire.Conn, handshake time.Duration, full bool) {
	if s.tls != nil {
		if err := conn.StartTLS(tls.Server, s.tls, handshake); err != nil {
			conn.Abort(false)
			return
		}
	}
	c := s.edge.NewClient(conn, int(s.number.Add(1)))
	if full {
		c.Refuse()
		return
	}
	s.mu.Lock()
	delete(s.pending, conn)
	s.clients[c] = struct{}{}
	s.mu.Unlock()
	c.Serve()
	s.mu.Lock()
	delete(s.clients, c)
	s.mu.Unlock()
}

// Drain stops accepting, lets exchanges finish within grace, and aborts those
// that do not. It returns how many were aborted.
func (s *Server) Drain(grace time.Duration) (aborted int) {
	s.edge.Drain()
	_ = s.listener.Close()
	done := make(chan struct{})
	go func() { s.wait.Wait(); close(done) }()
	s.each(func(c *proxy.Client) { c.CloseIfIdle() })
	if waitFor(done, grace) {
		return 0
	}
	s.edge.Stop()
	aborted = int(s.edge.Inflight())
	s.each(func(c *proxy.Client) { c.Depart() })
	s.mu.Lock()
	for conn := range s.pending {
		conn.Cancel()
	}
	s.mu.Unlock()
	waitFor(done, 5*time.Second)
	return aborted
}

func (s *Server) each(do func(*proxy.Client)) {
	s.mu.Lock()
	all := make([]*proxy.Client, 0, len(s.clients))
	for c := range s.clients {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

func waitFor(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
