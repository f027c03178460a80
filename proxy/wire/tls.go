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

// readTLS reads once: at most what is left of one record, which is what Read of
// crypto/tls returns. Where the peer has asked for another handshake it has one
// begin, and waits for its end.
func (c *Conn) readTLS(p []byte) (int, error) {
	n, err := c.readRecord(p)
	if n == 0 && c.src.due && c.src.aside == nil && c.src.failed == nil {
		c.renegotiate()
		return 0, ErrWait
	}
	return n, err
}

func (c *Conn) readRecord(p []byte) (int, error) {
	s := c.src
	switch {
	case s.aside != nil, s.records == 0 && !c.ready: // crypto/tls would allocate to find that out
		return 0, ErrWait
	case s.failed != nil:
		return 0, s.failed
	case len(s.came) > 0:
		n := copy(p, s.came)
		s.came = s.came[n:]
		return n, nil
	case s.due:
		return 0, ErrWait // crypto/tls must not see it here
	}
	if s.owed > maxOwed {
		c.failed = errOwed
		return 0, c.failed
	}
	s.reading = true
	n, err := c.tls.Read(p)
	s.reading = false
	switch {
	case n > 0:
		if n < len(p) { // a record was read to its end
			c.src.records--
		}
		return n, nil
	case err == nil:
		return 0, ErrWait
	case errors.Is(err, errAgain):
		c.src.records = 0 // it has read on to where nothing is
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
//
// It has one user at a time: whoever makes the handshake, then the loop. While there is
// an aside its goroutine is inside crypto/tls. It reads conn, aside and within, which
// nobody changes meanwhile, and has the loop do all else.
type tlsSource struct {
	net.Conn       // of the handshake; what is set on it afterwards has no effect
	conn     *Conn // nil during the handshake; set by Adopt, and all is on its loop from then on
	fin      bool  // the socket has ended, with or without close_notify in front of it

	reading bool // crypto/tls reads: what it writes now, nobody here has asked for
	owed    int  // bytes of that, since the backlog began; 0 where there is none

	// records is the most whole records that crypto/tls may hold unread. It may be too
	// large (an alert, a session ticket), which costs a look, and never too small:
	// bytes would lie there for which no event comes.
	records int
	header  int // how many bytes of the record's header have been read; 0: between two
	rest    int // how many bytes of its content are to come; in the header, its length so far

	// See renegotiation.
	renegotiates bool          // the peer may ask for another handshake
	within       time.Duration // how long that may take; 0: no bound
	content      byte          // the type of the record under way
	before       byte          // and of the one before it
	due          bool          // the peer has asked, and the handshake is not over
	stash        []byte        // what came with the question, or behind it; crypto/tls gets it first
	// aside is the handshake under way. While there is one nobody on the loop calls
	// crypto/tls: reads wait, and what is to be sent is held.
	aside  *renegotiation
	came   []byte // plain text in front of the question, or behind the handshake; read first
	failed error  // of a handshake; all reads return it from then on
}

// follow counts the records that end in p, the next bytes that were read.
func (s *tlsSource) follow(p []byte) {
	for len(p) > 0 {
		n := 1
		if s.header < recordHeader {
			switch s.header++; {
			case s.header > recordHeader-2: // the last two are the length
				s.rest = s.rest<<8 | int(p[0])
			case s.header == 1:
				s.begins(p[0])
			}
		} else {
			n = min(s.rest, len(p))
			s.rest -= n
		}
		if p = p[n:]; s.header == recordHeader && s.rest == 0 {
			s.header = 0
			s.records++
			s.ended()
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
	if s.aside != nil {
		return s.aside.read(p)
	}
	if !s.conn.ready {
		return 0, errAgain
	}
	n, err := s.readSocket(p)
	if Waits(err) {
		return 0, errAgain
	}
	if s.due { // crypto/tls must not see it before it may wait
		s.stash = append(s.stash, p[:n]...)
		return 0, errAgain
	}
	return n, err
}

// readSocket reads once, on the loop.
func (s *tlsSource) readSocket(p []byte) (int, error) {
	n, err := s.conn.readNow(p)
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
	if s.aside != nil {
		return s.aside.write(p)
	}
	n, err := s.conn.writeSocket(p)
	if s.reading && s.conn.backlog != nil {
		s.owed += n
	}
	return n, err
}

// Secured is a connection after its TLS handshake and before a loop has adopted
// it. It has no descriptor of its own: whoever gives it up closes the socket below.
type Secured struct {
	tls *tls.Conn
	src *tlsSource
}

// Handshake makes sock a TLS connection, blocking for at most timeout (0: no
// bound). upgrade is tls.Client or tls.Server. It may run on any goroutine but a
// loop's, which would serve nobody meanwhile. The deadline is taken off at its end,
// and so ends nothing that comes later.
func Handshake(sock net.Conn, upgrade func(net.Conn, *tls.Config) *tls.Conn, conf *tls.Config, timeout time.Duration) (*Secured, error) {
	s := &Secured{src: &tlsSource{Conn: sock}}
	s.tls = upgrade(s.src, conf)
	if timeout > 0 {
		_ = sock.SetDeadline(time.Now().Add(timeout))
		defer func() { _ = sock.SetDeadline(time.Time{}) }()
	}
	err := s.handshake()
	if err == nil {
		s.src.within, s.src.renegotiates = timeout, mayRenegotiate(s.tls, conf)
	}
	return s, err
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
