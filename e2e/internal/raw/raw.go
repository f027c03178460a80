// Package raw speaks on sockets, plain or with TLS, as clients and upstreams do
// that no library helps: it leaves in every way there is, and tells how the other
// side has left.
package raw

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// End says how a connection ended, seen from one side.
type End string

// The ends. Cut is an end of TLS without close_notify. Local means that this
// side closed it.
const (
	Open   End = "open"
	Closed End = "closed"
	Reset  End = "reset"
	Cut    End = "cut"
	Local  End = "closed by this side"
)

// Conn is one connection of either side.
type Conn struct {
	net.Conn // TLS or plain
	In       *bufio.Reader

	tcp *recorder
}

// Dialer says how a client connects.
type Dialer struct {
	TLS    *tls.Config // nil: plain
	Within time.Duration
	// Client is the number of one of many clients. They have addresses of their
	// own, since the ports of connections that have ended stay taken for a minute.
	Client int
	// Buffer is how much the socket takes of what nobody reads. It is set from the
	// beginning: the kernel goes on at a crawl after a large window was made small.
	Buffer int
}

// Dial connects.
func Dial(address string, d Dialer) (*Conn, error) {
	dialer := net.Dialer{Timeout: d.Within}
	if d.Client > 0 {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+d.Client%200))}
	}
	if d.Buffer > 0 {
		dialer.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, d.Buffer)
			})
		}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := wrap(conn)
	if d.TLS != nil {
		c.secure(tls.Client(c.tcp, d.TLS))
	}
	return c, nil
}

// Accepted is a connection of a listener.
func Accepted(conn net.Conn, secure *tls.Config) *Conn {
	c := wrap(conn)
	if secure != nil {
		c.secure(tls.Server(c.tcp, secure))
	}
	return c
}

func wrap(conn net.Conn) *Conn {
	tcp := &recorder{TCPConn: conn.(*net.TCPConn)}
	return &Conn{Conn: tcp.TCPConn, tcp: tcp, In: bufio.NewReaderSize(tcp.TCPConn, 16<<10)}
}

func (c *Conn) secure(conn *tls.Conn) {
	c.Conn = conn
	c.In = bufio.NewReaderSize(conn, 16<<10)
}

// TCP returns the connection below TLS.
func (c *Conn) TCP() *net.TCPConn { return c.tcp.TCPConn }

// EndOf says what an error of Read means.
func (c *Conn) EndOf(err error) End {
	switch {
	case errors.Is(err, net.ErrClosed):
		return Local
	case errors.Is(err, syscall.ECONNRESET):
		return Reset
	case errors.Is(err, io.EOF):
		if _, secure := c.Conn.(*tls.Conn); secure && !c.tcp.alerted() {
			return Cut
		}
		return Closed
	}
	return Cut
}

// Leaving is a way to end a connection.
type Leaving string

// The ways. With TLS, close_notify alone is no departure: FIN is.
const (
	ByClose     Leaving = "close"        // FIN, over TLS with close_notify
	ByReset     Leaving = "reset"        // RST
	ByHalf      Leaving = "half-close"   // of the sending side only
	ByCut       Leaving = "cut"          // FIN, without close_notify
	CloseNotify Leaving = "close-notify" // without FIN
)

// Leave ends the connection.
func (c *Conn) Leave(how Leaving) {
	switch how {
	case ByHalf, CloseNotify:
		if t, secure := c.Conn.(*tls.Conn); secure {
			_ = t.CloseWrite()
		}
		if how == ByHalf {
			_ = c.tcp.CloseWrite()
		}
	case ByReset:
		_ = c.tcp.SetLinger(0)
		_ = c.tcp.Close()
	case ByCut:
		_ = c.tcp.Close()
	default:
		_ = c.Close()
	}
}

// recorder is the TCP connection under TLS. It notes the type of the last record,
// because crypto/tls takes an end at a record's boundary for a proper one, with
// and without close_notify.
type recorder struct {
	*net.TCPConn
	mu     sync.Mutex
	last   byte
	header []byte
	left   int
}

const recordAlert = 21

func (c *recorder) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	for b := p[:n]; len(b) > 0; {
		if c.left > 0 {
			skip := min(c.left, len(b))
			c.left, b = c.left-skip, b[skip:]
			continue
		}
		c.header, b = append(c.header, b[0]), b[1:]
		if len(c.header) == 5 {
			c.last, c.left = c.header[0], int(c.header[3])<<8|int(c.header[4])
			c.header = c.header[:0]
		}
	}
	return n, err
}

func (c *recorder) alerted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last == recordAlert
}

// Fetch sends a request on a connection of its own, and returns all that comes until
// it ends, or until nothing has come to its end within the bound. seen, which may be
// nil, is called with what has come so far.
func Fetch(address string, request []byte, bound time.Duration, seen func(all []byte)) (all []byte, end End, err error) {
	c, err := Dial(address, Dialer{})
	if err != nil {
		return nil, Open, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(bound))
	go func() { _, _ = c.Write(request) }() // beside the reading: it may be more than sockets hold
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		all = append(all, buffer[:n]...)
		if seen != nil {
			seen(all)
		}
		if err != nil {
			return all, c.EndOf(err), nil
		}
	}
}

// Chunk is data as one chunk.
func Chunk(data []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data) }
