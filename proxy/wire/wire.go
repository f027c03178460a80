package wire

import (
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// The ways in which a Read ends without bytes. io.EOF is the orderly end: FIN, or
// close_notify where there is TLS; ErrCut is FIN without close_notify.
var (
	ErrWait error = waiting{}
	ErrCut        = errors.New("TLS connection ended without close_notify")
)

// Waits reports whether err is ErrWait, which nobody wraps. It is asked at each step, and
// costs a comparison, where errors.Is costs a hundred.
func Waits(err error) bool {
	_, ok := err.(waiting) //nolint:errorlint // see above
	return ok
}

type waiting struct{}

func (waiting) Error() string { return "nothing there yet" }

// A Handler is told that something has happened on its connection: bytes have
// come, room has come, the peer has left, or a bound has expired. It asks the
// Conn what it was. It runs on the loop's goroutine.
type Handler interface{ Wake(c *Conn) }

// A peer that has gone without a word is asked for one after so long without a byte,
// and then after each interval. It is given up after so many probes, or after the time
// for which a write may stall (see Adopt). With 60 s for both and no such time, a
// request hung for 246 s when the network was cut.
const (
	keepAliveIdle     = 30 * time.Second
	keepAliveInterval = 10 * time.Second
	keepAliveProbes   = 3
)

// KeepAlive is how connections that Listen has not accepted are to be watched: the
// kernel of a peer that thinks for minutes answers the probes.
func KeepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveProbes}
}

// Conn is one TCP or TLS connection. All its methods belong to the goroutine of
// its loop.
type Conn struct {
	socket
	// ready tells that a read may return something. Only an event sets it, and only
	// once for what has come (the instance is edge-triggered): it stays until a read
	// has shown that no more is there, or bytes would lie there of which nobody hears.
	ready bool
	// left tells that the peer has sent FIN or RST. It is seen before what was sent
	// in front of it has been read, and never taken back. closed implies it, so that
	// whoever waits for the peer stops waiting.
	left bool
	// closed tells that the descriptor is gone: not ready, no backlog, no seat.
	closed bool
	// closing tells that the backlog is all that keeps it open: until closed there is
	// one. What comes meanwhile wakes nobody, and only the bounds on a stall hold.
	closing bool
	saidEnd bool // CloseWrite has been called: FIN goes out behind the backlog, and no more is sent
	unasked bool // Silent has met bytes, and has taken one: never silent again
	pending bool // an event of this turn has not been handled yet; see Settled
	// wantsRoom tells that a pipe waits for the kernel to take more. There is no
	// backlog then: bodies go through a pipe behind an empty one only.
	wantsRoom bool
	// standing tells that a backlog, or what a pipe holds, must not stand still for longer
	// than stall. That begins with either, and anew whenever some has moved.
	standing  bool
	wantsAcks bool    // WantAcks has been called
	expired   bool    // until ExpireAfter is called
	stalled   bool    // never taken back: what is left can only be cut
	slow      bool    // by pace; or by takes, and then stalled as well
	one       [1]byte // what Silent reads into
	queued    int32   // bytes that the kernel had not got rid of at the last look; see hasStalled

	loop    *Loop      // for life
	handler Handler    // for life; nil only of an Unconnected one, which nobody tells
	tls     *tls.Conn  // both nil, or neither; for life
	src     *tlsSource // what tls reads from and writes to
	// backlog is what the kernel has not taken yet: nil, or not empty. While there is
	// one all writes go behind it, or they would overtake it.
	backlog *Buf
	// failed is why nothing can be sent any more; never taken back. A backlog that is
	// there goes nowhere then, and no Close waits for it. Reading may go on: an answer may
	// have come in front of what ended the sending.
	failed error

	rested   uint64        // the loop's round at the last call of Rest
	wait     bound         // of ExpireAfter. Once it has passed there is none, and expired is set
	stall    time.Duration // how long what waits may stand still; 0: for ever
	stallEnd time.Duration // where standing: when it has; 0: the loop has not looked yet
	pace     pacing        // of AtLeast, measured by got
	got      int64         // bytes that were read; under TLS of plain text
	takes    pacing        // of TakeAtLeast, measured by put; it rests where nothing is standing
	put      int64         // bytes that the kernel has taken, under TLS of records
	acks     acks          // of WantAcks, measured by put
}

// Unconnected returns a connection to nobody: nothing comes on it, and nothing can
// be sent. What an exchange does before it sends can be done on it. It must not be
// closed: it has no seat, and descriptor 0 is somebody else's.
func Unconnected() *Conn { return &Conn{loop: &Loop{begun: time.Now()}, failed: net.ErrClosed} }

// Plain reports whether bytes on the socket are the bytes of the message.
func (c *Conn) Plain() bool { return c.tls == nil }

// Loop returns the loop that the connection belongs to.
func (c *Conn) Loop() *Loop { return c.loop }

// Left reports whether the peer has sent FIN or RST. What it has sent before can
// still be read.
func (c *Conn) Left() bool { return c.left }

// Closed reports whether Close or Abort has been called.
func (c *Conn) Closed() bool { return c.closed }

// Closing reports whether the connection closes as soon as its backlog is sent.
func (c *Conn) Closing() bool { return c.closing || c.closed }

// ExpireAfter bounds the wait from now on: after d the handler is woken and Expired
// is true. 0 takes the bound away.
// There is one such bound: whoever sets it takes the place of whoever did before.
func (c *Conn) ExpireAfter(d time.Duration) {
	c.wait, c.expired = bound{within: d}, false
}

// Armed reports whether ExpireAfter bounds the wait under way: a bound that has passed,
// or has been taken away, is none.
func (c *Conn) Armed() bool { return c.wait.within > 0 }

// Expired reports whether the bound set by ExpireAfter has passed.
func (c *Conn) Expired() bool { return c.expired }

// Stalled reports whether the peer has taken no byte of the backlog for the time that
// was given to Adopt.
func (c *Conn) Stalled() bool { return c.stalled }

// Silent reports whether an idle connection is open and nothing has come on it, as
// far as the loop knows. It takes a byte where there is one: a connection that was
// not silent is not to be used again. A backlog is no silence either: the peer has
// not taken all of the exchange before, and would find the next one behind it.
func (c *Conn) Silent() bool {
	if c.settle(); c.left || c.closed || c.failed != nil || c.backlog != nil || c.unasked {
		return false
	}
	var err error
	switch {
	case c.tls != nil:
		// crypto/tls may hold bytes that it has decrypted along with others, or
		// the beginning of a record, or the question for another handshake.
		if _, err = c.readRecord(c.one[:]); c.src.header > 0 || c.src.due || c.src.aside != nil {
			err = nil
		}
	case c.ready:
		_, err = c.readNow(c.one[:])
	default:
		return true
	}
	silent := Waits(err)
	c.unasked = err == nil
	c.left = !c.unasked && !silent
	return silent
}

// Unasked reports whether Silent has met bytes.
func (c *Conn) Unasked() bool { return c.unasked }

// Read appends what one read returns to b; with b nil it takes a buffer only
// when there is something to put into it, so that who waits holds none. b must have
// room (MakeRoom). The buffer that is returned takes its place, and is nil if it
// would be empty and nothing in it is held. The error is ErrWait, io.EOF, ErrCut,
// net.ErrClosed or the socket's; there is one only where nothing was read.
func (c *Conn) Read(b *Buf) (*Buf, error) {
	switch {
	case c.closed:
		return b, net.ErrClosed
	case c.tls == nil && !c.ready:
		return b, ErrWait
	}
	if b == nil {
		b = c.loop.GetBuf()
	}
	var n int
	var err error
	if c.tls == nil {
		n, err = c.readNow(b.Free())
	} else {
		n, err = c.readTLS(b.Free())
	}
	b.w += n
	c.got += int64(n)
	if n > 0 {
		return b, nil
	}
	return b.dropEmpty(), err
}

// Send sends b and releases it, whatever comes of it. What the kernel does not take
// at once is kept, and the handler woken when it is gone. It returns how many bytes
// were taken of what was plain text: what is kept counts, because nobody knows how
// much of it will go out. So 0 with an error means that the peer cannot have seen any
// of them, and only then may a request be sent again. Under TLS a record that went
// out in part counts as nothing: nobody can read it. An error means that the
// connection is of no further use.
func (c *Conn) Send(b *Buf) (int, error) {
	n, err := c.Write(b.Bytes())
	b.Release() // what was not taken has been copied into the backlog
	return n, err
}

// Write is Send for bytes that the caller keeps.
func (c *Conn) Write(p []byte) (int, error) {
	switch {
	case c.Closing(), c.saidEnd: // behind close_notify or FIN nobody expects bytes
		return 0, net.ErrClosed
	case c.tls != nil:
		if r := c.src.aside; r != nil {
			r.hold(p)
			return len(p), nil
		}
		return c.tls.Write(p)
	}
	return c.writeSocket(p)
}

// writeSocket sends what the kernel takes and keeps the rest.
func (c *Conn) writeSocket(p []byte) (int, error) {
	if c.failed != nil {
		return 0, c.failed
	}
	n := 0
	if c.backlog == nil { // else p would overtake it
		var err error
		if n, err = c.writeNow(p); err != nil {
			c.failed = err
			return n, err
		}
	}
	if n < len(p) {
		c.keep(p[n:])
	}
	return len(p), nil
}

// keep puts p behind the backlog, or begins one, and with it the bound of the stall.
// It grows without a limit: who sends looks at Backlog first, and waits.
func (c *Conn) keep(p []byte) {
	if c.backlog == nil {
		c.backlog = c.loop.GetBuf()
		c.beginStall()
	}
	c.backlog.Add(p)
}

// Backlog returns how many bytes wait to be sent.
func (c *Conn) Backlog() int {
	if c.tls != nil && c.src.aside != nil {
		return c.backlog.Len() + c.src.aside.held.Len()
	}
	return c.backlog.Len()
}

// flush sends of the backlog what the kernel takes, and reports whether it is gone:
// also where sending has failed, which the handler then has to hear of. A FIN that was
// asked for meanwhile goes out behind the last byte.
func (c *Conn) flush() bool {
	if c.backlog == nil {
		return true
	}
	n, err := c.writeNow(c.backlog.Bytes())
	if err != nil {
		c.failed = err
		c.drop()
		return true
	}
	if n > 0 {
		c.beginStall()
	}
	c.backlog.Consume(n)
	if c.backlog.Len() > 0 {
		return false
	}
	c.drop()
	if c.saidEnd {
		c.shutdownSocket()
	}
	return true
}

// drop lets go of the backlog. Who drops what was not sent has to see to a reset: FIN
// would make what the kernel still holds look like all.
func (c *Conn) drop() {
	c.backlog.Release()
	c.backlog = nil
	c.endStall()
	if c.src != nil {
		c.src.owed = 0
	}
}

// Failed returns the error by which sending has ended, or nil. A reset that a read
// has met ends sending as well.
func (c *Conn) Failed() error { return c.failed }

// Close ends the connection with FIN, and with close_notify where there is TLS,
// after the backlog: the end of a complete message.
func (c *Conn) Close() {
	if c.closed || c.closing {
		return
	}
	if c.failed == nil {
		c.notifyClose() // through the backlog, if there is one, and so behind it
	}
	c.closeAfterBacklog()
}

// Abort ends the connection so that no message on it can look complete: with
// reset, by RST; without, by FIN and without close_notify, behind the bytes that
// are on their way.
func (c *Conn) Abort(reset bool) {
	if c.closed {
		return
	}
	if reset {
		c.resetOnClose() // what waits is thrown away: the kernel's, and the backlog
		c.closeNow()
		return
	}
	c.closeAfterBacklog()
}

// closeAfterBacklog closes behind the backlog. The bound of ExpireAfter goes, because
// nobody waits for anything any more; that of the stall stays and is the only one.
func (c *Conn) closeAfterBacklog() {
	if c.backlog != nil && c.failed == nil && !c.stalled {
		c.closing, c.wait = true, bound{}
		return
	}
	c.closeNow()
}

// closeNow closes, once. The seat is given up in front of the descriptor: what the
// kernel has still to tell of this one must find nobody (see seated).
func (c *Conn) closeNow() {
	if c.closed {
		return
	}
	c.closed, c.ready, c.left = true, false, true
	if c.tls != nil && c.src.aside != nil {
		c.src.aside.end()
	}
	if c.backlog != nil {
		c.resetOnClose() // FIN would make what the kernel still holds look like all
		c.drop()
	}
	c.loop.remove(c)
	c.closeSocket()
}

// notifyClose sends close_notify where there is TLS that can.
func (c *Conn) notifyClose() {
	if c.tls != nil && c.src.aside == nil {
		_ = c.tls.CloseWrite()
	}
}

// heard takes note of an event that may mean bytes, or their end.
func (c *Conn) heard() {
	c.ready = true
	if c.tls != nil && c.src.aside != nil {
		c.src.aside.heard()
	}
}

// CloseWrite says, behind the backlog, that nothing more will be sent; reading
// goes on.
func (c *Conn) CloseWrite() {
	if c.Closing() || c.saidEnd {
		return
	}
	c.notifyClose()
	if c.saidEnd = true; c.backlog == nil {
		c.shutdownSocket()
	}
}
