//go:build !linux || portable

package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// poller runs what the connections' goroutines hand in: each reads ahead, by a
// few buffers, and posts what it has read. Correct everywhere, but not as frugal
// as loop_linux.go.
type poller struct{ roused chan struct{} }

// readAhead is how many buffers a connection reads before somebody takes them: a
// peer that leaves is seen behind as many bytes.
const readAhead = 2

type socket struct {
	sock   *net.TCPConn
	seat   seat
	inbox  [][]byte      // what the loop knows of; none of it is empty
	inErr  error         // how reading has ended, behind inbox
	tokens chan struct{} // one in it for each buffer that is read ahead and not taken
	gone   chan struct{} // closed with the connection: ends the goroutine that reads

	mu   sync.Mutex // guards came
	came []arrival  // what has been read and the loop does not know of yet
}

// arrival is what one read of the socket has returned.
type arrival struct {
	p   []byte
	err error
}

// ParkAlways changes nothing here: these loops always park.
func ParkAlways(*Loop) {}

func (l *Loop) start() error {
	l.roused = make(chan struct{}, 1)
	return nil
}

// rouse ends the wait of the loop.
func (l *Loop) rouse() {
	select {
	case l.roused <- struct{}{}:
	default:
	}
}

func (l *Loop) run() {
	for !l.isEnded() {
		if len(l.again) == 0 {
			<-l.roused
		}
		l.now = 0
		l.countRound(0, true)
		l.runPosted()
		l.runAgain()
	}
	l.finish()
	close(l.done)
}

// Processors returns how many processors the program has been given.
func Processors() int { return runtime.GOMAXPROCS(0) }

// Adopt takes the socket over. It belongs to the loop's goroutine. A write may
// stall for at most stall (0: for ever). secured is nil for plain TCP.
func (l *Loop) Adopt(sock *Socket, secured *Secured, handler Handler, stall time.Duration) (*Conn, error) {
	c := &Conn{loop: l, handler: handler, stall: stall}
	c.sock, c.tokens, c.gone = sock.tcp, make(chan struct{}, readAhead), make(chan struct{})
	if secured != nil {
		c.tls, c.src = secured.tls, secured.src
		c.src.conn = c
	}
	l.sit(c)
	go c.readOn()
	return c, nil
}

// BoundUnacked bounds nothing here: only Linux has it for every socket.
func (c *Conn) BoundUnacked(time.Duration) {}

// readOn reads until the peer has left.
func (c *Conn) readOn() {
	for {
		select {
		case c.tokens <- struct{}{}:
		case <-c.gone:
			return
		}
		p := make([]byte, BufSize)
		n, err := c.sock.Read(p)
		c.mu.Lock()
		c.came = append(c.came, arrival{p[:n], err})
		c.mu.Unlock()
		if !c.loop.Post(c.arrived) || err != nil {
			return
		}
	}
}

// settle gives the goroutine that reads a moment to notice what has come, and takes
// it: its word may be on the way while a pooled connection is chosen.
func (c *Conn) settle() {
	time.Sleep(200 * time.Microsecond)
	c.collect()
}

// arrived runs on the loop when something has been read.
func (c *Conn) arrived() {
	if c.closed {
		return
	}
	if c.collect(); !c.closing {
		c.Rouse()
	}
}

// collect takes what has been read.
func (c *Conn) collect() {
	c.mu.Lock()
	came := c.came
	c.came = nil
	c.mu.Unlock()
	for _, a := range came {
		if len(a.p) > 0 {
			c.inbox = append(c.inbox, a.p)
		}
		if a.err != nil {
			c.inErr, c.left = a.err, true
		}
		c.heard()
	}
}

// readNow takes from the inbox. Here, too, who asks again after the end is told the
// same end.
func (c *Conn) readNow(p []byte) (int, error) {
	if len(c.inbox) == 0 {
		c.ready = c.inErr != nil
		switch {
		case c.inErr == nil:
			return 0, ErrWait
		case !errors.Is(c.inErr, io.EOF):
			c.failed = c.inErr
		}
		return 0, c.inErr
	}
	n := copy(p, c.inbox[0])
	if c.inbox[0] = c.inbox[0][n:]; len(c.inbox[0]) == 0 {
		c.inbox = c.inbox[1:]
		<-c.tokens
	}
	c.ready = len(c.inbox) > 0 || c.inErr != nil
	return n, nil
}

// writeNow sends what the kernel takes within a moment; what it does not take is
// tried again a little later.
func (c *Conn) writeNow(p []byte) (int, error) {
	_ = c.sock.SetWriteDeadline(time.Now().Add(time.Millisecond))
	n, err := c.sock.Write(p)
	c.put += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		time.AfterFunc(2*time.Millisecond, func() { c.loop.Post(c.writable) })
		err = nil
	}
	return n, err
}

// writable tries the backlog again. It comes late: by then the connection may be
// closed, or another try may have sent all.
func (c *Conn) writable() {
	if c.closed || c.backlog == nil || !c.flush() {
		return
	}
	if c.closing {
		c.closeNow()
	}
	c.Rouse()
}

// unacked returns 0: what the peer takes is seen by trying to send more. So the pace
// of one that reads (TakeAtLeast) is that of the lumps which the kernel takes.
func (c *Conn) unacked() int { return 0 }

// lastWord knows nothing here: only Linux tells for every socket.
func (c *Conn) lastWord() (underWay bool, silent time.Duration) { return false, 0 }

// AckLater does nothing here.
func (c *Conn) AckLater() {}

func (c *Conn) resetOnClose() { _ = c.sock.SetLinger(0) }

func (c *Conn) closeSocket() {
	close(c.gone)
	_ = c.sock.Close()
}

func (c *Conn) shutdownSocket() { _ = c.sock.CloseWrite() }
