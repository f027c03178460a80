package proxytest

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

// Peer is a client or an upstream on a raw socket: an HTTP library would repair
// what has to be seen. What does not come in time fails the test.
type Peer struct {
	net.Conn
	TCP *finConn      // below TLS, if there is any
	In  *bufio.Reader // what has come
	T   testing.TB
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
func newPeer(t testing.TB, c net.Conn, secure func(net.Conn, *tls.Config) *tls.Conn, conf *tls.Config) *Peer {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("a %T, want a TCP connection", c)
	}
	p := &Peer{T: t, TCP: &finConn{TCPConn: tcp}}
	p.Conn = p.TCP
	if conf != nil {
		p.Conn = secure(p.TCP, conf)
	}
	p.In = bufio.NewReader(p.Conn)
	_ = p.SetDeadline(time.Now().Add(Patience))
	return p
}

// Dial opens a connection, with TLS if conf is not nil.
func Dial(t testing.TB, address string, conf *tls.Config) *Peer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return newPeer(t, c, tls.Client, conf)
}

// MethodOf returns the method of a request.
func MethodOf(request string) string {
	method, _, _ := strings.Cut(request, " ")
	return method
}

// Send writes text with its line ends made CRLF.
func (p *Peer) Send(text string) {
	p.T.Helper()
	p.Raw(CRLF(text))
}

// Raw writes text as it is.
func (p *Peer) Raw(text string) {
	p.T.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.T.Fatalf("send: %v", err)
	}
}

// Head reads one head.
func (p *Peer) Head() Message {
	p.T.Helper()
	m, err := p.TryHead()
	if err != nil {
		p.T.Fatalf("read a head: %v after %q", err, m)
	}
	return m
}

// TryHead is Head for a message that may be cut.
func (p *Peer) TryHead() (m Message, err error) {
	for {
		text, err := p.In.ReadString('\n')
		if err != nil {
			return m, err
		}
		text, ok := strings.CutSuffix(text, "\r\n")
		switch name, value, colon := strings.Cut(text, ": "); {
		case !ok:
			return m, errors.New("a line without CR")
		case m.First == "":
			m.First = text
		case text == "":
			return m, nil
		case !colon:
			return m, errors.New("a line that is no field: " + text)
		default:
			m.Fields = append(m.Fields, [2]string{name, value})
		}
	}
}

// Bytes reads n bytes.
func (p *Peer) Bytes(n int) string {
	p.T.Helper()
	b := make([]byte, n)
	if n, err := io.ReadFull(p.In, b); err != nil {
		p.T.Fatalf("read %d bytes: %v after %q", len(b), err, b[:n])
	}
	return string(b)
}

// TryAsk sends a request as it is and returns the answer, which says how long its body
// is. It does not fail the test.
func (p *Peer) TryAsk(request string) (Message, error) {
	if _, err := io.WriteString(p.Conn, request); err != nil {
		return Message{}, err
	}
	m, err := p.TryHead()
	if err != nil {
		return m, err
	}
	return p.TryFinish(m, false)
}

// Request reads one request with its body.
func (p *Peer) Request() Message {
	p.T.Helper()
	return p.Finish(p.Head(), false)
}

// Each calls answer with every request that comes, its body included, until the
// connection ends, also in the middle of one.
func (p *Peer) Each(answer func(Message)) {
	for {
		m, err := p.TryHead()
		if err == nil {
			m, err = p.TryFinish(m, false)
		}
		if err != nil {
			return
		}
		answer(m)
	}
}

// Answer reads one final response with its body. Interim ones fail the test.
func (p *Peer) Answer(method string) Message {
	p.T.Helper()
	m := p.Head()
	bodiless := method == "HEAD" || m.Status() == 204 || m.Status() == 304
	if m.Status() < 200 {
		p.T.Fatalf("interim response %q, want a final one", m.First)
	}
	if !bodiless && m.Get("Content-Length") == "" && m.Get("Transfer-Encoding") == "" {
		var end string
		m.Body, end = p.Rest()
		if end != Orderly {
			p.T.Fatalf("a body that the connection delimits ended with %s", end)
		}
		return m
	}
	return p.Finish(m, bodiless)
}

// Finish reads the rest of a message whose head has come.
func (p *Peer) Finish(m Message, bodiless bool) Message {
	p.T.Helper()
	m, err := p.TryFinish(m, bodiless)
	if err != nil {
		p.T.Fatalf("read the body of %q: %v after %d bytes", m.First, err, len(m.Body))
	}
	return m
}

// TryFinish is Finish for a message that may be cut.
func (p *Peer) TryFinish(m Message, bodiless bool) (Message, error) {
	switch {
	case bodiless:
	case m.Get("Transfer-Encoding") != "":
		b, err := io.ReadAll(httputil.NewChunkedReader(p.In))
		if m.Body = string(b); err != nil {
			return m, err
		}
		m.Trailer, err = p.trailer()
		return m, err
	case m.Get("Content-Length") != "":
		n, err := strconv.Atoi(m.Get("Content-Length"))
		if err != nil {
			return m, err
		}
		b := make([]byte, n)
		n, err = io.ReadFull(p.In, b)
		m.Body = string(b[:n])
		return m, err
	}
	return m, nil
}

// trailer reads the trailer section.
func (p *Peer) trailer() (all []string, err error) {
	for {
		text, err := p.In.ReadString('\n')
		if err != nil || text == "\r\n" {
			return all, err
		}
		all = append(all, strings.TrimSuffix(text, "\r\n"))
	}
}

// The ways in which a connection ends.
const (
	Orderly = "FIN"                  // after close_notify where there is TLS
	Cut     = "FIN and no more"      // without close_notify
	Reset   = "RST"                  // and what was on its way is lost
	Open    = "nothing: it is open " // nothing came in time
)

// Rest reads to the end of the connection and says how it ended.
func (p *Peer) Rest() (text, end string) {
	p.T.Helper()
	b, err := io.ReadAll(p.In)
	return string(b), p.endOf(err)
}

func (p *Peer) endOf(err error) string {
	_, secure := p.Conn.(*tls.Conn)
	var timeout net.Error
	switch {
	case secure && p.TCP.fin && (err == nil || errors.Is(err, io.ErrUnexpectedEOF)):
		return Cut
	case err == nil:
		return Orderly
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.As(err, &timeout) && timeout.Timeout():
		return Open
	}
	return err.Error()
}

// WantEnd holds that nothing more comes but this end.
func (p *Peer) WantEnd(want string) {
	p.T.Helper()
	if text, end := p.Rest(); text != "" || end != want {
		p.T.Errorf("the connection ended with %q and then %s, want %s alone", text, end, want)
	}
}

// Gone waits until the other side has closed the connection, whatever comes
// before.
func (p *Peer) Gone() {
	p.T.Helper()
	if _, end := p.Rest(); end == Open {
		p.T.Error("the connection is still open")
	}
}

// Fin ends the connection with FIN, without close_notify; orderly by Close.
func (p *Peer) Fin() { _ = p.TCP.Close() }

// Reset ends the connection with RST.
func (p *Peer) Reset() {
	_ = p.TCP.SetLinger(0)
	_ = p.TCP.Close()
}

// Chunk reads one chunk of a chunked body.
func (p *Peer) Chunk() string {
	p.T.Helper()
	line, err := p.In.ReadString('\n')
	if err != nil {
		p.T.Fatalf("read a chunk: %v after %q", err, line)
	}
	size := 0
	for _, c := range strings.TrimSuffix(line, "\r\n") {
		size = size*16 + strings.IndexRune("0123456789abcdef", c)
	}
	text := p.Bytes(size)
	p.Bytes(2)
	return text
}
