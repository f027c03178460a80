package proxy_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// peer is a client or an upstream on a raw socket: an HTTP library would repair
// what has to be seen. What does not come in time fails the test.
type peer struct {
	net.Conn
	t   testing.TB
	tcp *finConn
	in  *bufio.Reader
}

// finConn notes that FIN has come: crypto/tls reports it as it does close_notify
// when it comes at a record boundary.
type finConn struct {
	*net.TCPConn
	fin bool
}

func (c *finConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.fin = c.fin || errors.Is(err, io.EOF)
	return n, err
}

// newPeer makes c a peer, with TLS by secure (tls.Client or tls.Server) if conf
// is not nil.
func newPeer(t testing.TB, c net.Conn, secure func(net.Conn, *tls.Config) *tls.Conn, conf *tls.Config) *peer {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T, want a TCP connection", c)
	}
	p := &peer{t: t, tcp: &finConn{TCPConn: tcp}}
	p.Conn = p.tcp
	if conf != nil {
		p.Conn = secure(p.tcp, conf)
	}
	p.in = bufio.NewReader(p.Conn)
	_ = p.SetDeadline(time.Now().Add(patience))
	return p
}

// dial opens a client's connection.
func (e *edge) dial() *peer {
	e.t.Helper()
	return dial(e.t, e.address, e.secure)
}

// dial opens a connection, with TLS if conf is not nil.
func dial(t testing.TB, address string, conf *tls.Config) *peer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return newPeer(t, c, tls.Client, conf)
}

// ask sends one request on a connection of its own and returns the answer.
func (e *edge) ask(request string) message {
	e.t.Helper()
	c := e.dial()
	defer c.Close() //nolint:errcheck // a test's end
	c.send(request)
	return c.answer(methodOf(request))
}

func methodOf(request string) string {
	method, _, _ := strings.Cut(request, " ")
	return method
}

// send writes text with its line ends made CRLF.
func (p *peer) send(text string) {
	p.t.Helper()
	p.raw(crlf(text))
}

// raw writes text as it is.
func (p *peer) raw(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// message is one request or response.
type message struct {
	first  string // request line or status line
	fields [][2]string
	body   string // without its framing
	// trailer has the lines of the trailer section.
	trailer []string
}

// status returns the status code of a response, or 0.
func (m message) status() int {
	if len(m.first) < 12 {
		return 0
	}
	n, _ := strconv.Atoi(m.first[9:12])
	return n
}

// all returns the values of the fields of a name, as they stand.
func (m message) all(name string) (values []string) {
	for _, f := range m.fields {
		if strings.EqualFold(f[0], name) {
			values = append(values, f[1])
		}
	}
	return values
}

// get returns the values of the fields of a name in one text.
func (m message) get(name string) string { return strings.Join(m.all(name), " | ") }

// head reads one head.
func (p *peer) head() message {
	p.t.Helper()
	m, err := p.tryHead()
	if err != nil {
		p.t.Fatalf("read a head: %v after %q", err, m)
	}
	return m
}

func (p *peer) tryHead() (m message, err error) {
	for {
		text, err := p.in.ReadString('\n')
		if err != nil {
			return m, err
		}
		text, ok := strings.CutSuffix(text, "\r\n")
		switch name, value, colon := strings.Cut(text, ": "); {
		case !ok:
			return m, errors.New("a line without CR")
		case m.first == "":
			m.first = text
		case text == "":
			return m, nil
		case !colon:
			return m, errors.New("a line that is no field: " + text)
		default:
			m.fields = append(m.fields, [2]string{name, value})
		}
	}
}

// bytes reads n bytes.
func (p *peer) bytes(n int) string {
	p.t.Helper()
	b := make([]byte, n)
	if n, err := io.ReadFull(p.in, b); err != nil {
		p.t.Fatalf("read %d bytes: %v after %q", len(b), err, b[:n])
	}
	return string(b)
}

// chunked reads a chunked body with its framing taken off, up to the last chunk.
func (p *peer) chunked() string {
	p.t.Helper()
	b, err := io.ReadAll(httputil.NewChunkedReader(p.in))
	if err != nil {
		p.t.Fatalf("read a chunked body: %v after %d bytes", err, len(b))
	}
	return string(b)
}

// request reads one request with its body.
func (p *peer) request() message {
	p.t.Helper()
	return p.finish(p.head(), false)
}

// answer reads one final response with its body. Interim ones fail the test.
func (p *peer) answer(method string) message {
	p.t.Helper()
	m := p.head()
	bodiless := method == "HEAD" || m.status() == 204 || m.status() == 304
	if m.status() < 200 {
		p.t.Fatalf("interim response %q, want a final one", m.first)
	}
	if !bodiless && m.get("Content-Length") == "" && m.get("Transfer-Encoding") == "" {
		var end string
		m.body, end = p.rest()
		if end != orderly {
			p.t.Fatalf("a body that the connection delimits ended with %s", end)
		}
		return m
	}
	return p.finish(m, bodiless)
}

// finish reads the rest of a message whose head has come.
func (p *peer) finish(m message, bodiless bool) message {
	p.t.Helper()
	m, err := p.tryFinish(m, bodiless)
	if err != nil {
		p.t.Fatalf("read the body of %q: %v after %d bytes", m.first, err, len(m.body))
	}
	return m
}

// tryFinish is finish for a message that may be cut.
func (p *peer) tryFinish(m message, bodiless bool) (message, error) {
	switch {
	case bodiless:
	case m.get("Transfer-Encoding") != "":
		b, err := io.ReadAll(httputil.NewChunkedReader(p.in))
		if m.body = string(b); err != nil {
			return m, err
		}
		m.trailer, err = p.tryTrailer()
		return m, err
	case m.get("Content-Length") != "":
		n, err := strconv.Atoi(m.get("Content-Length"))
		if err != nil {
			return m, err
		}
		b := make([]byte, n)
		n, err = io.ReadFull(p.in, b)
		m.body = string(b[:n])
		return m, err
	}
	return m, nil
}

// trailer reads the trailer section.
func (p *peer) trailer() []string {
	p.t.Helper()
	all, err := p.tryTrailer()
	if err != nil {
		p.t.Fatalf("read the trailer section: %v", err)
	}
	return all
}

func (p *peer) tryTrailer() (all []string, err error) {
	for {
		text, err := p.in.ReadString('\n')
		if err != nil || text == "\r\n" {
			return all, err
		}
		all = append(all, strings.TrimSuffix(text, "\r\n"))
	}
}

// The ways in which a connection ends.
const (
	orderly = "FIN"                  // after close_notify where there is TLS
	cut     = "FIN and no more"      // without close_notify
	reset   = "RST"                  // and what was on its way is lost
	open    = "nothing: it is open " // nothing came in time
)

// rest reads to the end of the connection and says how it ended.
func (p *peer) rest() (text, end string) {
	p.t.Helper()
	b, err := io.ReadAll(p.in)
	return string(b), p.endOf(err)
}

func (p *peer) endOf(err error) string {
	_, secure := p.Conn.(*tls.Conn)
	var timeout net.Error
	switch {
	case secure && p.tcp.fin && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return cut
	case err == nil:
		return orderly
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return reset
	case errors.As(err, &timeout) && timeout.Timeout():
		return open
	}
	return err.Error()
}

// wantEnd holds that nothing more comes but this end.
func (p *peer) wantEnd(want string) {
	p.t.Helper()
	if text, end := p.rest(); text != "" || end != want {
		p.t.Errorf("the connection ended with %q and then %s, want %s alone", text, end, want)
	}
}

// gone waits until the other side has closed the connection, whatever comes
// before.
func (p *peer) gone() {
	p.t.Helper()
	if _, end := p.rest(); end == open {
		p.t.Error("the connection is still open")
	}
}

// fin ends the connection with FIN, without close_notify; orderly by Close.
func (p *peer) fin() { _ = p.tcp.Close() }

// reset ends the connection with RST.
func (p *peer) reset() {
	_ = p.tcp.SetLinger(0)
	_ = p.tcp.Close()
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// chunk reads one chunk of a chunked body.
func (p *peer) chunk() string {
	p.t.Helper()
	line, err := p.in.ReadString('\n')
	if err != nil {
		p.t.Fatalf("read a chunk: %v after %q", err, line)
	}
	size := 0
	for _, c := range strings.TrimSuffix(line, "\r\n") {
		size = size*16 + strings.IndexRune("0123456789abcdef", c)
	}
	text := p.bytes(size)
	p.bytes(2)
	return text
}
