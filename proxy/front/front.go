// Package front accepts the connections of clients, gives each to a loop, and
// drains them.
package front

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Server is the clients' listener.
type Server struct {
	edge   *proxy.Edge
	loops  []*wire.Loop
	log    zerolog.Logger
	scarce zerolog.Logger      // a lack of descriptors: a few lines a minute
	tls    *tls.Config         // nil: plain HTTP
	count  func(delta float64) // from any goroutine

	insecure zerolog.Logger // TLS trouble with clients: a few lines a minute
	crowded  zerolog.Logger // too many connections: a line a minute
	refusal  *proxy.Refusal // what those are told
	refusals int            // how many of them are on their way out; on the loop that accepts

	own      *net.TCPListener // until Serve; then listener has its socket
	shared   bool             // other processes have that socket as well
	listener *wire.Listener   // nil before Serve
	// load and open count a connection from accept to gone, its handshake included:
	// only the loop that accepts counts in, so that open cannot pass the limit.
	load     []atomic.Int64 // of each loop
	open     atomic.Int64
	draining atomic.Bool   // set before clients are looked through, see take
	changed  chan struct{} // a connection has closed, since somebody has looked

	handshakes context.Context // of TLS; canceled at the end of a drain
	endThem    context.CancelFunc
	turns      turns // of handshakes that compute
}

// New returns a server for edge whose connections are spread over loops. conf is
// nil for plain HTTP; count is told of each connection that opens (+1) and
// closes (-1).
func New(edge *proxy.Edge, loops []*wire.Loop, log zerolog.Logger, conf *tls.Config, count func(float64)) *Server {
	s := &Server{
		edge: edge, loops: loops, load: make([]atomic.Int64, len(loops)), log: log, tls: conf, count: count,
		changed: make(chan struct{}, 1),
		turns:   turns{free: max(1, wire.Processors()/2)},
	}
	s.scarce = log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute})
	s.crowded = log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Minute})
	s.insecure = log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute})
	s.refusal = edge.NewRefusal()
	if conf != nil {
		s.countFailures()
	}
	s.handshakes, s.endThem = context.WithCancel(context.Background())
	return s
}

// Listen takes the listener over. shared: other processes have its socket as well, and who
// waits in it at the end is theirs.
func (s *Server) Listen(own *net.TCPListener, shared bool) { s.own, s.shared = own, shared }

// Serve begins to accept connections; Drain ends it. The first loop accepts, for
// all of them.
func (s *Server) Serve() (err error) {
	s.listener, err = s.loops[0].Listen(s.own, func(sock *wire.Socket, err error) {
		switch {
		case outOfFiles(err): // those who wait are served as soon as others have ended
			s.noFile(err)
		case err != nil:
			s.log.Warn().Err(err).Msg("accept failed")
		default:
			s.accept(sock)
		}
	})
	return err
}

func (s *Server) noFile(err error) {
	s.scarce.Warn().Err(err).Msg("no file descriptor for another connection; raise LimitNOFILE or set limits.connections")
}

func outOfFiles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// accept gives the connection a place, if there is one. A TLS handshake takes one
// as well, and has no limit of its own: a few clients that do not go on with
// theirs would keep out all others.
func (s *Server) accept(sock *wire.Socket) {
	conf := s.edge.Config()
	if limit := conf.Limits.Connections; limit > 0 && s.open.Load() >= int64(limit) {
		s.refuse(sock)
		return
	}
	s.open.Add(1)
	s.count(1)
	l := s.leastLoaded()
	s.load[l].Add(1)
	switch {
	case s.tls != nil:
		go s.secure(l, sock, conf.Timeouts.TLSHandshake.Duration) // the handshake computes, and waits
	case l == 0: // this loop
		s.take(l, sock, nil)
	default:
		s.hand(l, sock, nil)
	}
}

// secure makes the TLS handshake, and then gives the connection to loop l. It runs on
// a goroutine of its own. The end of a drain closes the socket under it: a deadline
// would be overwritten by that of the handshake.
func (s *Server) secure(l int, sock *wire.Socket, timeout time.Duration) {
	tcp, err := sock.TCP()
	if err != nil {
		s.notTaken(l, err)
		return
	}
	ctx, cancel := context.WithTimeout(s.handshakes, timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = tcp.Close() })
	h := &handshaking{TCPConn: tcp, ctx: ctx, turns: &s.turns, left: mostHandshake, place: newcomer}
	secured, err := wire.Handshake(h, tls.Server, s.tls, 0) // ctx bounds it
	h.rest()
	if !stop() { // closed under the handshake, which may have been done just now
		err = ctx.Err()
	}
	if err != nil {
		s.notSecured(tcp, err)
		s.gone(l)
		return
	}
	s.hand(l, wire.SocketOf(tcp), secured)
}

// leastLoaded returns the number of the loop with the fewest connections, the
// first one of several: where there is little to do, one loop does it, and its
// pooled connections to the upstream serve all.
func (s *Server) leastLoaded() int {
	best := 0
	for i := range s.load {
		if s.load[i].Load() < s.load[best].Load() {
			best = i
		}
	}
	return best
}

// hand gives the connection to loop l, from any goroutine. A loop that has ended does
// not take it.
func (s *Server) hand(l int, sock *wire.Socket, secured *wire.Secured) {
	if !s.loops[l].Post(func() { s.take(l, sock, secured) }) {
		sock.Close()
		s.gone(l)
	}
}

// take makes the connection a client of loop l, on that loop. It is on the loop before
// it looks whether a drain is under way, and a drain looks through the loops behind its
// beginning: so one of the two sees the other.
func (s *Server) take(l int, sock *wire.Socket, secured *wire.Secured) {
	c, err := s.edge.Accept(s.loops[l], sock, secured, func(*proxy.Client) { s.gone(l) })
	if err != nil {
		s.notTaken(l, err)
		return
	}
	c.Wake(c.Conn)
	switch {
	case c.Closed():
	case s.handshakes.Err() != nil:
		c.End() // it came too late for the others' end
	case s.draining.Load():
		c.HearLastCall()
	}
}

// notTaken counts a connection out that could not be taken over, and is closed.
func (s *Server) notTaken(l int, err error) {
	s.failedToTake(err)
	s.gone(l)
}

func (s *Server) failedToTake(err error) {
	if outOfFiles(err) { // taking over may need a second one for a moment
		s.noFile(err)
		return
	}
	s.log.Warn().Err(err).Msg("a connection could not be taken over")
}

// gone counts a connection out, once. open comes last and changed behind it, so that
// whoever waits for none finds all else done.
func (s *Server) gone(l int) {
	s.count(-1)
	s.load[l].Add(-1)
	s.open.Add(-1)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Drain stops accepting, lets exchanges finish within grace, and aborts those
// that do not. It returns how many were aborted. Who waits for a request is waited for
// in turn, for up to idle: no more can be done for a client whose request is under way
// (RFC 9112 section 9.3.1). It waits for loops, and must not run on one.
func (s *Server) Drain(idle, grace time.Duration) (aborted int) {
	s.edge.Drain()
	s.edge.LastCall(idle)
	s.draining.Store(true) // behind the last call, which take repeats to those who come later
	s.stopAccepting()
	s.each((*proxy.Client).HearLastCall)
	if s.empty(grace) {
		return 0
	}
	s.edge.EndDrain()
	s.endThem()
	aborted = int(s.edge.Inflight())
	s.each((*proxy.Client).End)
	s.empty(5 * time.Second)
	return aborted
}

func (s *Server) stopAccepting() {
	switch {
	case s.listener == nil && s.own != nil:
		_ = s.own.Close()
	case s.listener == nil:
	case s.shared:
		s.listener.Leave()
	default:
		s.listener.Close()
	}
}

// each has do run for every client, on the client's loop. It does not wait for that.
func (s *Server) each(do func(*proxy.Client)) {
	for _, l := range s.loops {
		l.Post(func() {
			l.Each(func(h wire.Handler) {
				if c, ok := h.(*proxy.Client); ok {
					do(c)
				}
			})
		})
	}
}

// empty waits until no connection is open, for at most d.
func (s *Server) empty(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for s.open.Load() > 0 {
		select {
		case <-s.changed:
		case <-t.C:
			return s.open.Load() == 0
		}
	}
	return true
}
