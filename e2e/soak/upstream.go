package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// legs are the routes, each with an upstream of its own: over TCP, over TLS, and
// one over TCP that is never restarted, so that its streams can last.
var legs = []string{"plain", "secure", "steady"}

// host of the upstreams. Sockets get their own addresses from 127.0.0.1: none
// can take the port of a listener that is down for a moment.
const upstreamHost = "127.0.0.2"

// upstream plays the legacy API: it looks up what an exchange is meant to be and
// does its part of it.
type upstream struct {
	leg     string
	address string
	tls     *tls.Config
	ledger  *ledger

	mu       sync.Mutex
	listener net.Listener
	conns    map[*net.TCPConn]bool
	outages  []outage
	hungUp   time.Time // when it last closed a connection without saying so
	all      sync.WaitGroup
}

// outage is a time without upstream; one that lasts has no end.
type outage struct{ from, to time.Time }

func newUpstream(leg string, secure *tls.Config, l *ledger) (*upstream, error) {
	u := &upstream{leg: leg, address: upstreamHost + ":0", tls: secure, ledger: l, conns: map[*net.TCPConn]bool{}}
	return u, u.listen()
}

func (u *upstream) listen() error {
	listener, err := net.Listen("tcp", u.address)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.listener, u.address = listener, listener.Addr().String()
	u.mu.Unlock()
	u.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			u.all.Go(func() { u.serve(conn.(*net.TCPConn)) })
		}
	})
	return nil
}

// kill ends the listener and resets every connection, as a process that dies does.
func (u *upstream) kill() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.outages = append(u.outages, outage{from: time.Now()})
	_ = u.listener.Close()
	for conn := range u.conns {
		_ = conn.SetLinger(0)
		_ = conn.Close()
	}
}

// aftermath is how long after its end an outage may still be felt: by exchanges
// that had met it and are told only now.
const aftermath = 500 * time.Millisecond

// restart is an outage of the given length.
func (u *upstream) restart(length time.Duration) error {
	u.kill()
	time.Sleep(length)
	err := u.listen()
	u.mu.Lock()
	u.outages[len(u.outages)-1].to = time.Now().Add(aftermath)
	u.mu.Unlock()
	return err
}

// wasDown tells whether an outage lies in the time from start to now.
func (u *upstream) wasDown(start time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, o := range u.outages {
		if o.to.IsZero() || o.to.After(start) {
			return true
		}
	}
	return false
}

// mayBeStale tells whether an idle connection has been closed without a word
// lately, so that a request may have met the closing.
func (u *upstream) mayBeStale(start time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.hungUp.After(start.Add(-time.Second))
}

func (u *upstream) close() {
	u.kill()
	u.all.Wait()
}

// session is one connection of the edge to upstream.
type session struct {
	net.Conn
	tcp *net.TCPConn
	in  *bufio.Reader
	u   *upstream

	isReset bool
}

// reset makes the close to come a reset, without close_notify.
func (s *session) reset() {
	_ = s.tcp.SetLinger(0)
	s.isReset = true
}

func (u *upstream) serve(tcp *net.TCPConn) {
	u.mu.Lock()
	u.conns[tcp] = true
	u.mu.Unlock()
	defer func() {
		_ = tcp.Close()
		u.mu.Lock()
		delete(u.conns, tcp)
		u.mu.Unlock()
	}()
	s := &session{Conn: tcp, tcp: tcp, u: u}
	if u.tls != nil {
		s.Conn = tls.Server(tcp, u.tls)
	}
	s.in = bufio.NewReaderSize(s.Conn, 16<<10)
	for s.exchange() {
	}
	if !s.isReset {
		_ = s.Conn.Close() // over TLS with close_notify
	}
}

// exchange serves one request; it returns false when the connection is over.
func (s *session) exchange() bool {
	req, err := http.ReadRequest(s.in)
	if err != nil {
		if !isEnd(err) {
			s.u.ledger.found("upstream %s cannot read a request: %v", s.u.leg, err)
		}
		return false
	}
	x := s.u.ledger.lookup(req.Header.Get("X-Request-Id"))
	if x == nil {
		// Its client left long ago; it must never have come here.
		s.u.ledger.found("upstream %s gets a request that nobody waits for: %s %s", s.u.leg, req.Method, req.Header.Get("X-Request-Id"))
		return false
	}
	x.arrive(inspect(x, s.u.leg, req))
	orderly := true
	defer func() { s.u.ledger.released(x, orderly) }()
	if req.Header.Get("Expect") != "" {
		_, _ = io.WriteString(s, "HTTP/1.1 100 Continue\r\n\r\n")
	}
	if err := s.readUpload(x, req.Body); err != nil {
		orderly = !errors.Is(err, net.ErrClosed)
		return false
	}
	err = s.answer(x)
	orderly = !errors.Is(err, net.ErrClosed)
	if err != nil {
		return false
	}
	if x.hangUp {
		s.u.mu.Lock()
		s.u.hungUp = time.Now()
		s.u.mu.Unlock()
	}
	return !x.hangUp && !x.says && x.framing != untilEnd
}

// isEnd tells whether the connection has just ended, in whatever way: the edge
// may close one at any time.
func isEnd(err error) bool {
	var operation *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &operation)
}

// inspect says what is wrong with the head of a request.
func inspect(x *exchange, leg string, req *http.Request) string {
	key, authorization := x.secret, ""
	if x.isToken() {
		key, authorization = "", "Bearer "+x.secret
	}
	switch {
	case x.leg != leg:
		return fmt.Sprintf("came to the upstream of %s", leg)
	case strings.Join(req.Header["Api-Key"], "|") != key, strings.Join(req.Header["Authorization"], "|") != authorization:
		return fmt.Sprintf("api-key %q and authorization %q arrive", req.Header["Api-Key"], req.Header["Authorization"])
	case req.Header["Ocp-Apim-Subscription-Key"] != nil, req.URL.RawQuery != query:
		return fmt.Sprintf("the key arrives twice: query %q", req.URL.RawQuery)
	case req.URL.Path != path(x.leg):
		return fmt.Sprintf("the path arrives as %q", req.URL.Path)
	case req.Header.Get("X-Soak") != x.id:
		return fmt.Sprintf("x-soak arrives as %q", req.Header["X-Soak"])
	}
	return ""
}

// readUpload checks the body of the request. It returns an error if the body is cut.
func (s *session) readUpload(x *exchange, body io.Reader) error {
	wrong := func(err error) {
		x.mu.Lock()
		x.wrong = "upload: " + err.Error()
		x.mu.Unlock()
	}
	want, buffer, length := x.sent(), make([]byte, 16<<10), int64(0)
	for {
		n, err := body.Read(buffer)
		length += int64(n)
		if fault := compare(want, buffer[:n]); fault != nil {
			wrong(fault)
		}
		if err == io.EOF {
			if length != x.upload {
				wrong(fmt.Errorf("%d bytes look like the whole of %d", length, x.upload))
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}
