// Package wire is a TCP or TLS connection as the data path needs it: it reads
// without holding a buffer while it waits, its waits are bounded without a
// system call, and it knows when its peer has left while nobody reads.
//
// The few lines that use raw system calls on non-blocking sockets stand in
// socket_linux.go and watch_linux.go; socket_portable.go and watch_portable.go
// are their twins on net.Conn alone (build tag portable), held by the same tests.
package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The ways in which a wait ends without bytes. io.EOF is the orderly end: FIN,
// or close_notify where there is TLS; ErrCut is FIN without close_notify.
var (
	ErrTimeout  = errors.New("no byte in time")
	ErrCanceled = errors.New("canceled")
	ErrCut      = errors.New("TLS connection ended without close_notify")
)

var past = time.Unix(1, 0)

// Conn is one connection. One goroutine may Fill while another one Writes;
// Cancel, Closed and Close may be called by anyone.
type Conn struct {
	socket
	sock *net.TCPConn
	tls  *tls.Conn
	src  *tlsSource

	watch    *Watch
	readBy   atomic.Int64 // clock time after which a waiting Fill has expired
	writeBy  atomic.Int64
	canceled atomic.Bool
	roused   atomic.Bool
	closed   atomic.Bool
	stall    time.Duration // longest wait for one written byte; 0: no bound

	mu    sync.Mutex
	onHup func() // called once when the peer has sent FIN; guarded by mu
	hup   bool
	seat  seat // in the watch
}

// New takes over sock and puts it under the watch. A write may stall for at
// most stall (0: for ever).
func New(sock *net.TCPConn, watch *Watch, stall time.Duration) (*Conn, error) {
	c := &Conn{sock: sock, watch: watch, stall: stall}
	if err := c.socket.init(c); err != nil {
		return nil, err
	}
	if err := watch.add(c); err != nil {
		return nil, err
	}
	return c, nil
}

// StartTLS makes the connection a TLS one and completes the handshake within
// timeout (0: no bound). upgrade is tls.Client or tls.Server.
func (c *Conn) StartTLS(upgrade func(net.Conn, *tls.Config) *tls.Conn, conf *tls.Config, timeout time.Duration) error {
	src := &tlsSource{TCPConn: c.sock, conn: c, handshake: true}
	t := upgrade(src, conf)
	if timeout > 0 {
		c.setDeadline(time.Now().Add(timeout))
	}
	if err := t.Handshake(); err != nil {
		return err
	}
	if timeout > 0 {
		c.setDeadline(time.Time{})
	}
	src.handshake = false
	c.tls, c.src = t, src
	return nil
}

// Plain tells whether bytes on the socket are the bytes of the message.
func (c *Conn) Plain() bool { return c.tls == nil }

// TCP returns the socket, for splice and for addresses.
func (c *Conn) TCP() *net.TCPConn { return c.sock }

// Fill waits at most timeout (0: for ever) until bytes arrive and appends what
// one read returns to b. With b nil it takes a buffer from the pool only when
// there is something to put into it; a stream that is silent holds none. The
// returned buffer belongs to the caller; it is nil exactly if it would be empty.
func (c *Conn) Fill(b *Buf, timeout time.Duration) (*Buf, error) {
	if c.tls != nil {
		return c.fillTLS(b, timeout)
	}
	b, err := c.fillSocket(b, timeout)
	return b, c.explain(err)
}

// fillTLS waits for one byte and takes a buffer only then: what crypto/tls has
// decrypted along with that byte follows without waiting.
func (c *Conn) fillTLS(b *Buf, timeout time.Duration) (*Buf, error) {
	c.src.wait, c.src.timeout = true, timeout
	n, err := c.tls.Read(c.src.first[:])
	c.src.wait = false
	if n == 0 {
		return b.dropEmpty(), c.explainTLS(err)
	}
	if b == nil {
		b = GetBuf()
	}
	b.data[b.w] = c.src.first[0]
	b.w++
	if len(b.Free()) > 0 {
		n, _ = c.tls.Read(b.Free()) // an error will come again on the next Fill
		b.w += n
	}
	return b, nil
}

// explainTLS tells close_notify from a bare FIN, which crypto/tls reports alike
// when it comes at a record boundary.
func (c *Conn) explainTLS(err error) error {
	if errors.Is(err, io.EOF) && c.src.fin {
		return ErrCut
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCut
	}
	return c.explain(err)
}

// explain replaces the deadline errors that Cancel and the clock cause.
func (c *Conn) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case c.canceled.Load():
		return ErrCanceled
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	}
	return err
}

// TryFill appends to b what is there already, without waiting.
func (c *Conn) TryFill(b *Buf) {
	if len(b.Free()) == 0 {
		return
	}
	if c.tls != nil {
		n, _ := c.tls.Read(b.Free()) // an error will come again on the next Fill
		b.w += n
		return
	}
	n, _ := c.readNow(b.Free())
	b.w += n
}

// Dead tells, without waiting, that an idle connection cannot carry another
// exchange: the peer has closed it, or has sent bytes that nobody asked for.
func (c *Conn) Dead() bool {
	if c.tls == nil {
		return !c.silent()
	}
	_, err := c.tls.Read(c.src.first[:])
	return !errors.Is(err, errAgain)
}

// Write sends all of p and returns how many bytes the kernel (or TLS) took.
func (c *Conn) Write(p []byte) (int, error) {
	if c.tls != nil {
		n, err := c.tls.Write(p)
		return n, c.explain(err)
	}
	n, err := c.writeSocket(p)
	return n, c.explain(err)
}

// Cancel ends every wait on the connection with ErrCanceled, now and later. The
// connection is of no further use but to be closed.
func (c *Conn) Cancel() {
	c.canceled.Store(true)
	_ = c.sock.SetDeadline(past)
}

// setDeadline bounds reads and writes, but not beyond a Cancel that comes at the
// same time.
func (c *Conn) setDeadline(t time.Time) {
	_ = c.sock.SetDeadline(t)
	if c.canceled.Load() {
		_ = c.sock.SetDeadline(past)
	}
}

// Rouse ends a Fill under way, or the next one, with ErrTimeout; writes go on.
func (c *Conn) Rouse() {
	c.roused.Store(true)
	_ = c.sock.SetReadDeadline(past)
}

// Calm makes the connection readable again after a Fill that ended with
// ErrTimeout, but not if it has been canceled, be it at this moment.
func (c *Conn) Calm() {
	c.roused.Store(false)
	_ = c.sock.SetReadDeadline(time.Time{})
	if c.canceled.Load() {
		_ = c.sock.SetReadDeadline(past)
	}
}

// OnHup arranges that f runs once when the peer has left (sent FIN or RST): at
// once if it has left already. nil takes the arrangement back; when OnHup(nil)
// has returned, f is not running and will not run.
func (c *Conn) OnHup(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onHup = f
	if f == nil {
		return
	}
	c.expectHup()
	if c.hup {
		f()
	}
}

// Left tells whether the peer has left.
func (c *Conn) Left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hup
}

// Canceled tells whether Cancel has been called.
func (c *Conn) Canceled() bool { return c.canceled.Load() }

// Depart does what the departure of the peer does: it runs what OnHup has
// arranged.
func (c *Conn) Depart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hup {
		return
	}
	c.hup = true
	if c.onHup != nil {
		c.onHup()
	}
}

// Close ends the connection with FIN, and with close_notify where there is TLS:
// the end of a complete message.
func (c *Conn) Close() {
	if c.closed.Swap(true) {
		return
	}
	c.watch.remove(c)
	if c.tls != nil && !c.canceled.Load() {
		_ = c.sock.SetWriteDeadline(time.Now().Add(time.Second))
		_ = c.tls.CloseWrite()
	}
	_ = c.sock.Close()
}

// Abort ends the connection so that no message on it can look complete: with
// reset, by RST; without, by FIN and without close_notify, so that bytes on
// their way still arrive.
func (c *Conn) Abort(reset bool) {
	if c.closed.Swap(true) {
		return
	}
	c.watch.remove(c)
	if reset {
		_ = c.sock.SetLinger(0)
	}
	_ = c.sock.Close()
}

// CloseWrite says that nothing more will be sent; reading goes on.
func (c *Conn) CloseWrite() {
	if c.tls != nil {
		_ = c.sock.SetWriteDeadline(time.Now().Add(time.Second))
		_ = c.tls.CloseWrite()
	}
	_ = c.sock.CloseWrite()
}

// errAgain makes crypto/tls stop reading and keep its state, as it does for any
// temporary error.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "no bytes now" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

// tlsSource is what crypto/tls reads from: it waits where Fill says so, and
// otherwise returns errAgain.
type tlsSource struct {
	*net.TCPConn
	conn      *Conn
	handshake bool
	wait      bool
	timeout   time.Duration
	fin       bool
	first     [1]byte
}

func (s *tlsSource) Read(p []byte) (n int, err error) {
	switch {
	case s.handshake:
		n, err = s.TCPConn.Read(p)
	case s.wait:
		n, err = s.conn.read(p, s.timeout)
	default:
		n, err = s.conn.readNow(p)
	}
	if errors.Is(err, io.EOF) {
		s.fin = true
	}
	return n, err
}

func (s *tlsSource) Write(p []byte) (int, error) {
	if s.handshake {
		return s.TCPConn.Write(p)
	}
	return s.conn.writeSocket(p)
}

// IsReset tells whether err says that the peer has reset the connection or that
// it was gone already.
func IsReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
