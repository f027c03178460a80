package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
)

// ErrRenegotiation is in the chain of errors of a second handshake on a connection:
// the peer may have read what was written before, and has answered nothing.
var ErrRenegotiation = errors.New("TLS renegotiation")

// A renegotiation is the second handshake of a TLS 1.2 connection, which a server
// asks for when it has seen the request and wants to see a client certificate (IIS
// and API Management do; issue 15, B5). crypto/tls makes it inside Read, and does not
// keep its state where that has to wait. So it runs on a goroutine of its own, which
// has crypto/tls to itself meanwhile. The socket stays with the loop: the goroutine
// has the loop read from it and write to it.
//
// Verified is not once more but the same: crypto/tls insists on the certificate of
// the first handshake. The certificate that is shown is that of the configuration,
// the edge's own, so that the connection is no caller's afterwards.
type renegotiation struct {
	conn   *Conn              // its goroutine uses what stays of it: loop, tls, src
	cancel context.CancelFunc // called when the connection is closed
	more   chan struct{}      // holds one: look at the socket again
	held   *Buf               // plain text to be sent behind the handshake; the loop's
	ctx    context.Context    // the goroutine's, set at its beginning
}

// What the header of a record says of its content, in the clear under TLS 1.2.
const (
	typeChangeCipherSpec = 20
	typeHandshake        = 22
)

// begins takes note of the type of a record that begins: on an established connection
// of TLS 1.2 a handshake record is a HelloRequest.
func (s *tlsSource) begins(recordType byte) {
	s.before, s.content = s.content, recordType
	if s.renegotiates && recordType == typeHandshake {
		s.due = true
	}
}

// ended takes note of the end of a record. Finished, behind ChangeCipherSpec, is the
// last one of a handshake (RFC 5246 section 7.4.9).
func (s *tlsSource) ended() {
	if s.due && s.content == typeHandshake && s.before == typeChangeCipherSpec {
		s.due = false
	}
}

// renegotiate begins the handshake that the peer has asked for.
func (c *Conn) renegotiate() {
	r := &renegotiation{conn: c, more: make(chan struct{}, 1)}
	c.src.aside = r
	r.cancel = Beside(c.loop, r.run, r.arrive, func(renegotiated) {})
}

// renegotiated is what a renegotiation has come to.
type renegotiated struct {
	came []byte
	err  error
}

// run runs on a goroutine of its own. It asks for plain text, which makes crypto/tls
// renegotiate, and is content without when the handshake is over. Where some came in
// front of the question, another run follows.
func (r *renegotiation) run(ctx context.Context) (out renegotiated) {
	defer func() {
		if recover() != nil {
			out.err = fmt.Errorf("panic in the handshake: %s", debug.Stack())
		}
	}()
	if within := r.conn.src.within; within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, within)
		defer cancel()
	}
	r.ctx = ctx
	came := make([]byte, BufSize) // all that a record holds: behind it may be the question
	n, err := r.conn.tls.Read(came)
	return renegotiated{came[:n], err}
}

// arrive runs on the loop: crypto/tls is its own again.
func (r *renegotiation) arrive(out renegotiated) {
	c, s := r.conn, r.conn.src
	s.aside = nil
	if c.closed {
		return
	}
	switch {
	case len(out.came) > 0:
		s.came = out.came
	case errors.Is(out.err, errAgain):
	case errors.Is(out.err, io.EOF), errors.Is(out.err, io.ErrUnexpectedEOF):
		s.failed = fmt.Errorf("%w: %w", ErrRenegotiation, ErrCut) // no end of a message
	default:
		s.failed = fmt.Errorf("%w: %w", ErrRenegotiation, out.err)
	}
	s.records++ // crypto/tls may hold some, or an error
	if r.held != nil {
		if s.failed == nil {
			_, _ = c.Write(r.held.Bytes()) // failed says what became of it
		}
		r.held.Release()
	}
	if !c.closing {
		c.Rouse()
	}
}

// hold keeps what is to be sent behind the handshake.
func (r *renegotiation) hold(p []byte) {
	if r.held == nil {
		r.held = r.conn.loop.GetBuf()
	}
	r.held.Add(p)
}

// heard tells that the socket may have bytes.
func (r *renegotiation) heard() {
	select {
	case r.more <- struct{}{}:
	default: // it has been told and has not looked yet: one look sees all
	}
}

// end gives the handshake up: the connection has been closed.
func (r *renegotiation) end() {
	r.cancel()
	r.held.Release()
	r.held = nil
}

// read is crypto/tls's, on the goroutine of the handshake.
func (r *renegotiation) read(p []byte) (n int, err error) {
	for {
		err = net.ErrClosed // of a loop that has ended
		r.conn.loop.Do(func() { n, err = r.readNow(p) })
		if !Waits(err) {
			return n, err
		}
		select {
		case <-r.more:
		case <-r.ctx.Done():
			if errors.Is(r.ctx.Err(), context.DeadlineExceeded) {
				return 0, os.ErrDeadlineExceeded
			}
			return 0, net.ErrClosed
		}
	}
}

// readNow runs on the loop.
func (r *renegotiation) readNow(p []byte) (int, error) {
	c, s := r.conn, r.conn.src
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case len(s.stash) > 0:
		n := copy(p, s.stash)
		s.stash = s.stash[n:]
		return n, nil
	case !s.due:
		return 0, errAgain // the handshake is over
	case !c.ready:
		return 0, ErrWait
	}
	return s.readSocket(p)
}

// write is crypto/tls's, as read is.
func (r *renegotiation) write(p []byte) (n int, err error) {
	err = net.ErrClosed
	r.conn.loop.Do(func() {
		if !r.conn.closed {
			n, err = r.conn.writeSocket(p)
		}
	})
	return n, err
}

// mayRenegotiate reports whether the peer may ask for another handshake: one that the
// configuration lets, of a connection that has such a thing.
func mayRenegotiate(c *tls.Conn, conf *tls.Config) bool {
	return conf.Renegotiation != tls.RenegotiateNever && c.ConnectionState().Version == tls.VersionTLS12
}
