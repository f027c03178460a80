package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestMain holds that no test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; nothing takes that long unless it never
// comes.
const patience = 20 * time.Second

// startLoop returns a loop with the shortest tick.
func startLoop(t testing.TB) *Loop {
	t.Helper()
	l, err := NewLoop(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// startFrozenLoop returns a loop whose clock stands still until the test sweeps.
func startFrozenLoop(t testing.TB) *Loop {
	t.Helper()
	l, err := newLoop(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// tcpPair returns both ends of a connection.
func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test's end
	far = testkit.Dial(t, l.Addr().String()).(*net.TCPConn)
	if near, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() }) // where no loop has it
	return near, far
}

// side is a connection on a loop and its handler.
type side struct {
	t     testing.TB
	loop  *Loop
	conn  *Conn
	woken chan struct{} // holds one: it was woken since the test has looked
	wakes atomic.Int64
	on    func(*Conn) // what it does when it is woken; nil: nothing
}

// adopt puts near under the loop. Before that, change may prepare the handler.
func adopt(t testing.TB, l *Loop, near *net.TCPConn, secured *Secured, stall time.Duration) *side {
	t.Helper()
	s := &side{t: t, loop: l, woken: make(chan struct{}, 1)}
	var err error
	l.Do(func() { s.conn, err = l.Adopt(SocketOf(near), secured, s, stall) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Wake implements Handler.
func (s *side) Wake(c *Conn) {
	s.wakes.Add(1)
	if s.on != nil {
		s.on(c)
	}
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// pair returns a connection on the loop and the far end of it.
func pair(t testing.TB, l *Loop) (*side, *net.TCPConn) {
	t.Helper()
	near, far := tcpPair(t)
	return adopt(t, l, near, nil, 0), far
}

// narrowPair is pair with room for so many bytes in the kernel on the near side,
// and little on the far one, so that a backlog comes soon and stays.
func narrowPair(t testing.TB, l *Loop, room int, stall time.Duration) (*side, *net.TCPConn) {
	t.Helper()
	near, far := tcpPair(t)
	// With less than one segment (64 KiB on loopback) TCP would wait for its timers.
	err := far.SetReadBuffer(128 << 10)
	if room != wide {
		err = errors.Join(err, near.SetWriteBuffer(room))
	}
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, l, near, nil, stall), far
}

// narrow leaves nearly no room, wide as much as the kernel likes (4 MiB on Linux).
const narrow, wide = 4 << 10, 0

// securePair is pair with TLS; near is the server.
func securePair(t testing.TB, l *Loop) (*side, *tls.Conn) {
	t.Helper()
	near, tcp := tcpPair(t)
	far := tls.Client(tcp, clientConfig())
	return adopt(t, l, near, shake(t, near, tls.Server, far), 0), far
}

// shake does the handshake of both ends.
func shake(t testing.TB, near net.Conn, upgrade func(net.Conn, *tls.Config) *tls.Conn, far *tls.Conn) *Secured {
	t.Helper()
	shaken := make(chan error, 1)
	go func() { shaken <- far.Handshake() }()
	conf := clientConfig()
	conf.Certificates = serverConfig().Certificates
	conf.ClientSessionCache = tls.NewLRUClientSessionCache(1) // or a server sends no tickets
	secured, err := Handshake(near, upgrade, conf, patience)
	testkit.Must(t, errors.Join(err, <-shaken))
	return secured
}

func clientConfig() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // it is ours
}

var serverConfig = sync.OnceValue(func() *tls.Config {
	dir, err := os.MkdirTemp("", "apim-edge-wire")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a test's end
	certificate, err := testcert.New(dir, "wire.test")
	if err != nil {
		panic(err)
	}
	return certificate.Server()
})

// whenWoken has f done on the loop.
func (s *side) whenWoken(f func(*Conn)) { s.do(func(*Conn) { s.on = f }) }

// do runs f on the loop, where t.Fatal would end the loop instead of the test.
func (s *side) do(f func(c *Conn)) { s.loop.Do(func() { f(s.conn) }) }

// until asks on the loop, at first and whenever the connection was woken, until
// ok. It never asks for another reason: a wake that does not come is a fault.
func (s *side) until(what string, ok func(c *Conn) bool) {
	s.t.Helper()
	late := time.After(patience)
	for {
		var done bool
		s.do(func(c *Conn) { done = ok(c) })
		if done {
			return
		}
		select {
		case <-s.woken:
		case <-late:
			s.t.Fatalf("never: %s", what)
		}
	}
}

// awake waits until the connection was woken.
func (s *side) awake() {
	s.t.Helper()
	testkit.Receive(s.t, s.woken, "woken")
}

// read returns what the next Read returns that does not have to wait.
func (s *side) read() (text string, err error) {
	s.t.Helper()
	s.until("something to read", func(c *Conn) bool {
		var b *Buf
		b, err = c.Read(nil)
		text = string(b.Bytes())
		b.Release()
		return !errors.Is(err, ErrWait)
	})
	return text, err
}

// readAll reads to the end and returns what the end was.
func (s *side) readAll() (text string, end error) {
	s.t.Helper()
	for {
		part, err := s.read()
		text += part
		if err != nil {
			return text, err
		}
	}
}

// left waits until the peer has left.
func (s *side) left() {
	s.t.Helper()
	s.until("the peer leaves", (*Conn).Left)
}

// write writes on the loop.
func (s *side) write(p []byte) {
	s.t.Helper()
	var err error
	s.do(func(c *Conn) { _, err = c.Write(p) })
	if err != nil {
		s.t.Fatal(err)
	}
}

// fill writes until a backlog of at least n bytes is left, and returns how much
// was written.
func (s *side) fill(n int) (written []byte) {
	s.t.Helper()
	all, end := pattern(n+8<<20), 0
	s.do(func(c *Conn) {
		for ; c.Backlog() < n; end += BufSize {
			if _, err := c.Write(all[end : end+BufSize]); err != nil {
				s.t.Error(err)
				return
			}
		}
	})
	return slices.Clip(all[:end])
}

// hold stops the loop until the returned function is called: what happens
// meanwhile meets the loop all at once.
func hold(l *Loop) (release func()) {
	held, free := make(chan struct{}), make(chan struct{})
	l.Post(func() { close(held); <-free })
	<-held
	return func() { close(free) }
}

// pattern returns n bytes of which no two neighbourhoods are alike. They are not
// to be changed.
func pattern(n int) []byte { return slices.Clip(allBytes()[:n]) }

var allBytes = sync.OnceValue(func() []byte {
	p := make([]byte, 32<<20)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
})

// drain reads far to its end.
func drain(t testing.TB, far io.Reader) ([]byte, error) {
	t.Helper()
	got, err := io.ReadAll(far)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("after %d bytes the peer waited for ever", len(got))
	}
	return got, err
}

// The types of a TLS record, which TLS 1.2 shows.
const (
	recordAlert = 21
	recordData  = 23
)

func oldConfig() *tls.Config {
	conf := clientConfig()
	conf.MaxVersion = tls.VersionTLS12
	return conf
}

// tap sees the records that a TLS connection reads, however it reads them.
type tap struct {
	net.Conn
	last byte   // the type of the last record
	part []byte // what has come of the record's header
	body int    // what is missing of the record
}

func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for p := p[:n]; len(p) > 0; {
		if c.body > 0 {
			skip := min(c.body, len(p))
			c.body, p = c.body-skip, p[skip:]
			continue
		}
		c.part, p = append(c.part, p[0]), p[1:]
		if len(c.part) == 5 {
			c.last, c.body, c.part = c.part[0], int(c.part[3])<<8|int(c.part[4]), nil
		}
	}
	return n, err
}
