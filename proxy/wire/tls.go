package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"
)

func (c *Conn) readTLS(p []byte) (int, error) {
	if c.src.records == 0 && !c.ready {
		return 0, ErrWait // crypto/tls would allocate to find that out
	}
	if c.src.owed > maxOwed {
		c.failed = errOwed
		return 0, c.failed
	}
	c.src.reading = true
	n, err := c.tls.Read(p)
	c.src.reading = false
	switch {
	case n > 0:
		if n < len(p) { // a record was read to its end
			c.src.records--
		}
		return n, nil
	case err == nil:
		return 0, ErrWait
	case errors.Is(err, errAgain):
		c.src.records = 0
		return 0, ErrWait
	}
	c.src.records++ // who asks again is told the same
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && c.src.fin {
		// crypto/tls reports close_notify, behind which it reads no more, and a
		// bare FIN at a record boundary alike.
		return 0, ErrCut
	}
	return 0, err
}

// maxOwed bounds what crypto/tls may have to say while it reads to a peer that does
// not read. It answers each KeyUpdate that asks for one (RFC 8446 section 4.6.3), and
// counts them only where no content comes in between: what waited to be sent grew by
// as much as a client sent, to 368 MB for one.
const maxOwed = BufSize

var errOwed = errors.New("the peer asks for new keys and does not read the answers")

// errAgain makes crypto/tls stop reading and keep its state, as it does for any
// temporary error.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "no bytes now" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

// tlsSource is what crypto/tls reads from and writes to: the socket itself
// during the handshake, and the Conn afterwards.
type tlsSource struct {
	net.Conn       // of the handshake
	conn     *Conn // nil during the handshake
	fin      bool

	reading bool // crypto/tls reads: what it writes now, nobody here has asked for
	owed    int  // bytes of that, since the backlog began

	records int // the most whole records that crypto/tls may hold unread
	header  int // how many bytes of the next record's header have been read
	rest    int // how many bytes of its content are to come
}

// follow counts the records that end in p, the next bytes that were read.
func (s *tlsSource) follow(p []byte) {
	for len(p) > 0 {
		n := 1
		if s.header < recordHeader {
			if s.header++; s.header > recordHeader-2 { // the last two are the length
				s.rest = s.rest<<8 | int(p[0])
			}
		} else {
			n = min(s.rest, len(p))
			s.rest -= n
		}
		if p = p[n:]; s.header == recordHeader && s.rest == 0 {
			s.header = 0
			s.records++
		}
	}
}

// recordHeader is the length of a TLS record's header (RFC 8446 section 5.1).
const recordHeader = 5

func (s *tlsSource) Read(p []byte) (int, error) {
	if s.conn == nil {
		n, err := s.Conn.Read(p)
		s.follow(p[:n])
		return n, err
	}
	if !s.conn.ready {
		return 0, errAgain
	}
	n, err := s.conn.readNow(p)
	if errors.Is(err, ErrWait) {
		return 0, errAgain
	}
	if errors.Is(err, io.EOF) {
		s.fin = true
	}
	s.follow(p[:n])
	return n, err
}

func (s *tlsSource) Write(p []byte) (int, error) {
	if s.conn == nil {
		return s.Conn.Write(p)
	}
	n, err := s.conn.writeSocket(p)
	if s.reading && s.conn.backlog != nil {
		s.owed += n
	}
	return n, err
}

// Secured is a connection after its TLS handshake and before a loop has adopted
// it.
type Secured struct {
	tls *tls.Conn
	src *tlsSource
}

// Handshake makes sock a TLS connection, blocking for at most timeout (0: no
// bound). upgrade is tls.Client or tls.Server. It may run on any goroutine.
func Handshake(sock net.Conn, upgrade func(net.Conn, *tls.Config) *tls.Conn, conf *tls.Config, timeout time.Duration) (*Secured, error) {
	s := &Secured{src: &tlsSource{Conn: sock}}
	s.tls = upgrade(s.src, conf)
	if timeout > 0 {
		_ = sock.SetDeadline(time.Now().Add(timeout))
		defer func() { _ = sock.SetDeadline(time.Time{}) }()
	}
	return s, s.handshake()
}

// handshake reports a panic as an error: what crypto/tls and its callbacks make of
// a peer's bytes may end its connection, and no other.
func (s *Secured) handshake() (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("panic in the handshake: %s", debug.Stack())
		}
	}()
	return s.tls.Handshake()
}
