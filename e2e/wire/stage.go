//go:build e2e

package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// patience bounds a story. It decides nothing: a story that is told right
// never gets there.
const patience = 15 * time.Second

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

// stage holds what happens in one story. Everything on it is guarded by mu;
// changed is told of each byte, so that whoever waits looks again.
type stage struct {
	mu      sync.Mutex
	changed *sync.Cond
	expired bool
	clients []*client
	arrived []*arrival
	conns   []*socket // of the upstream
	faults  []string

	patience time.Duration
	timer    *time.Timer
}

func newStage(patience time.Duration) *stage {
	s := &stage{patience: patience}
	s.changed = sync.NewCond(&s.mu)
	s.timer = time.AfterFunc(patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.expired = true
		s.changed.Broadcast()
	})
	return s
}

// await blocks until ready, which is called with mu held.
func (s *stage) await(what string, ready func() bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !ready() {
		if s.expired {
			return fmt.Errorf("waited %s for %s", s.patience, what)
		}
		s.changed.Wait()
	}
	return nil
}

func (s *stage) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.changed.Broadcast()
}

func (s *stage) fault(format string, args ...any) {
	s.update(func() { s.faults = append(s.faults, fmt.Sprintf(format, args...)) })
}

// allEnded tells whether every connection to the upstream is over. The caller
// holds mu.
func (s *stage) allEnded() bool {
	for _, c := range s.conns {
		if c.end == Open {
			return false
		}
	}
	return true
}

// atUpstream and atClients count what has arrived at the far sides so far. The
// caller holds mu.
func (s *stage) atUpstream() (p progress) {
	for _, a := range s.arrived {
		p.add(a.message())
	}
	return p
}

func (s *stage) atClients() (p progress) {
	for _, c := range s.clients {
		p = p.plus(c.progress())
	}
	return p
}

// socket is one connection of either side.
type socket struct {
	conn  net.Conn // TLS or plain
	tcp   *recordConn
	stage *stage
	in    []byte
	sent  []byte
	end   End
}

func newSocket(s *stage, conn net.Conn, tcp *recordConn) *socket {
	return &socket{conn: conn, tcp: tcp, stage: s, end: Open}
}

// read collects what comes until the connection ends. In one goroutine.
func (s *socket) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := s.conn.Read(buffer)
		s.stage.update(func() {
			s.in = append(s.in, buffer[:n]...)
			if err != nil && s.end == Open {
				s.end = s.endOf(err)
			}
		})
		if err != nil {
			return
		}
	}
}

func (s *socket) endOf(err error) End {
	switch {
	case errors.Is(err, net.ErrClosed):
		return Local
	case errors.Is(err, syscall.ECONNRESET):
		return Reset
	case errors.Is(err, io.EOF):
		if _, secure := s.conn.(*tls.Conn); secure && !s.tcp.alerted() {
			return Cut
		}
		return Closed
	}
	return Cut
}

// send writes; an error means that the edge has closed the connection, which
// the expectations of the story judge.
func (s *socket) send(data []byte) {
	s.stage.update(func() { s.sent = append(s.sent, data...) })
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.stage.patience))
	_, _ = s.conn.Write(data)
}

// finish ends the connection in the way that verb says.
func (s *socket) finish(verb string) {
	if verb == "close-notify" || verb == "half-close" {
		if t, secure := s.conn.(*tls.Conn); secure {
			_ = t.CloseWrite()
		}
		if verb == "half-close" {
			_ = s.tcp.TCPConn.CloseWrite()
		}
		return
	}
	s.stage.update(func() {
		if s.end == Open {
			s.end = Local
		}
	})
	switch verb {
	case "reset":
		_ = s.tcp.SetLinger(0)
		_ = s.tcp.Close()
	case "cut":
		_ = s.tcp.Close()
	default:
		_ = s.conn.Close()
	}
}

// recordConn is the TCP connection under TLS. It notes the type of the last
// record, because crypto/tls takes an end at a record's boundary for a proper
// one, with and without close_notify.
type recordConn struct {
	*net.TCPConn
	mu     sync.Mutex
	last   byte
	header []byte
	left   int
}

const recordAlert = 21

func (c *recordConn) Read(p []byte) (int, error) {
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

func (c *recordConn) alerted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last == recordAlert
}
