package proxy

import (
	"errors"
	"net/netip"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Client is one client's connection. Everything on it happens on its loop. What each wake
// looks at stands together, in front.
type Client struct {
	*wire.Conn
	x     *Exchange // nil between two exchanges, and so while lingering or cutting
	store *store    // of its loop
	edge  *Edge
	// lingering is until when what comes in behind the last answer is read, by the clock
	// of the loop; 0: not lingering.
	lingering time.Duration
	closed    func(*Client) // nil once it has been called
	// in has the bytes that were read and not yet consumed. It is nil if there are
	// none, but for the time in which it holds the head of x.req. Between two
	// exchanges what is in it is the beginning of the next request.
	in      *wire.Buf
	running bool // act is on the stack, so that nothing it does enters it again
	cutting bool // will be reset in a moment: nothing is read or sent meanwhile
	broken  bool // something has panicked: what it held goes to the collector
	tls     bool
	scan    head.Scan // of the request's head that is to come, or is coming
	age     age       // see retiring
	// address is never IPv4 in the form of IPv6: that would match no prefix of IPv4 in
	// trusted_proxies.
	address netip.Addr
	bound   upstream.Bound // connections to upstreams that are this client's alone
}

// Accept makes sock a client's connection; it must run on the loop. closed is
// called when it ends. The caller calls Wake once when it is ready for that: what
// came together with the end of a TLS handshake wakes nobody.
func (e *Edge) Accept(l *wire.Loop, sock *wire.Socket, secured *wire.Secured, closed func(*Client)) (*Client, error) {
	c := &Client{edge: e, store: e.stores[l], tls: secured != nil, closed: closed, address: sock.Peer.Addr().Unmap()}
	conf := &e.snapshot.Load().Config
	timeouts := &conf.Timeouts
	conn, err := l.Adopt(sock, secured, c, timeouts.ClientWriteStall.Duration)
	if err != nil {
		return nil, err
	}
	c.Conn = conn
	c.age = newAge(l.Now())
	c.TakeAtLeast(slowest(conf))
	c.WantAcks()
	c.ExpireAfter(timeouts.ClientHead.Duration)
	return c, nil
}

// Wake implements wire.Handler. It does not say what has happened, and one wake too many
// is harmless: each step asks for what it waits for.
func (c *Client) Wake(*wire.Conn) { c.run() }

// run goes on wherever the connection stands, until it has to wait.
func (c *Client) run() { c.act((*Client).steps) }

// act does what there is to do, and then what a closed connection leaves to do. do reports
// whether it has come to its end, and not to a panic: that ends the exchange and the
// connection, and nobody else's. breakOff may panic as well, but each time the end goes on
// behind the step that did: as many tries as there are steps, and one, come to its end.
func (c *Client) act(do func(*Client) (whole bool)) {
	if c.running {
		return // something that is done here has woken the connection
	}
	c.running = true
	whole := do(c)
	for n := 0; !whole && n <= len(ending); n++ {
		whole = c.try((*Client).breakOff)
	}
	c.running = false
	if c.closed != nil && c.Closed() {
		c.gone()
	}
}

// try reports whether do has come to its end, and not to a panic.
func (c *Client) try(do func(*Client)) (whole bool) {
	defer c.survive()
	do(c)
	return true
}

// steps takes what steps there are, and no more than its share of a turn. It is try for
// itself: it runs at each wake.
func (c *Client) steps() (whole bool) {
	defer c.survive()
	for turn := 0; !c.Closed() && c.goOn(); turn++ {
		if turn == stepsPerTurn {
			c.Loop().Again(c.Conn) // the others want to be served as well
			break
		}
	}
	return true
}

// gone does what a closed connection leaves to do. Upstream connections of the client's own
// end with it: a login on them is of use to nobody else, and a danger. A panic leaves in to
// the collector, because it may have been released already.
func (c *Client) gone() {
	closed := c.closed
	c.closed = nil
	c.bound.Close()
	if !c.broken {
		c.in.Release()
	}
	c.in = nil
	closed(c)
}

// stepsPerTurn is how many steps a connection may take before the loop looks after the
// others: two for each request that a client has pipelined.
const stepsPerTurn = 64

// goOn takes one step and reports whether another one can follow at once.
func (c *Client) goOn() bool {
	switch {
	case c.Closing(), c.cutting:
		return false
	case c.lingering > 0:
		return c.drainInput()
	case c.x == nil:
		return c.awaitRequest()
	}
	return c.x.advance()
}

// awaitRequest waits for the first byte of a request. Until it comes the
// connection holds no buffer and no exchange.
func (c *Client) awaitRequest() bool {
	switch {
	case c.Stalled(), c.Failed() != nil:
		c.Abort(true)
		return false
	case c.Backlog() > 0:
		return false // who does not read answers gets no further ones, and pipelining piles up none
	}
	for c.nothingAsked() {
		if c.in != nil {
			c.in.MakeRoom(wire.BufSize)
		}
		in, err := c.Read(c.in)
		c.in = in
		switch {
		case wire.Waits(err) && !c.Expired():
			return false
		case err != nil:
			c.Close()
			return false
		}
	}
	c.x = begin(c)
	return true
}

// nothingAsked drops the empty lines that some clients send behind a body, and
// reports whether no byte of a request has come: who sends no more than such lines
// is owed no answer.
func (c *Client) nothingAsked() bool {
	if c.in == nil {
		return true
	}
	c.in.Consume(c.scan.BlankLines(c.in.Bytes()))
	c.dropEmpty()
	return c.in.Len() == 0 || string(c.in.Bytes()) == "\r"
}

// awaitNext bounds the wait for the next request. What bounded the exchange is gone
// with that: a connection has one bound at a time.
func (c *Client) awaitNext() {
	c.ExpireAfter(c.edge.snapshot.Load().Config.Timeouts.ClientKeepAlive.Duration)
	c.HearLastCall()
}

// HearLastCall bounds the wait for a request where the edge has made its last call. Its
// client was not told that the connection ends: a request may be on its way, and is
// answered, with that word. One of which a byte has come is let finish in any case: its
// client could not tell whether it has run.
func (c *Client) HearLastCall() {
	if idle := time.Duration(c.edge.lastCall.Load()); idle > 0 && c.x == nil && c.lingering == 0 && !c.Closing() && !c.cutting {
		c.ExpireAfter(idle)
	}
}

// End aborts the exchange under way and closes the connection.
func (c *Client) End() {
	c.act(func(c *Client) bool { return c.try((*Client).leftOver) })
}

// leftOver ends what is left of the connection at the end of a drain.
func (c *Client) leftOver() {
	switch {
	case c.x == nil:
	case c.x.down.Left():
		c.x.end(nil)
	default:
		c.x.end(edgeerr.Wrap(edgeerr.ClientLeft, errDrained))
	}
	switch {
	case c.Closing(), c.cutting:
	case c.lingering > 0:
		c.Close() // its answer is complete
	default:
		c.Abort(true)
	}
}

var errDrained = errors.New("still running at the end of the drain")

// resetPause lies between the last bytes of a body and the reset that cuts it.
// openai-node 4 on Node 22 does not see a reset that it reads together with
// those bytes: of 6 answers cut at once 3 were waited for without end, of 40
// cut after 2 ms none. A busy client needs longer.
const resetPause = 20 * time.Millisecond

// cut ends the connection in the middle of a response. Nothing is read behind that, and
// where nothing of the answer is out, or the client has left, nobody needs the pause.
func (c *Client) cut(reset, headOut bool) {
	if !reset || !headOut || c.Left() {
		c.Abort(reset)
		return
	}
	c.cutting = true
	time.AfterFunc(resetPause, func() {
		c.Loop().Post(func() {
			c.Abort(true)
			c.Rouse()
		})
	})
}

// How long what a client still sends is read behind the last answer of its
// connection: in all, and without a byte. How much that is does not matter: clients
// that write everything before they read (requests, Java) get no answer before.
const (
	lingerTime  = 30 * time.Second
	lingerPause = 5 * time.Second
)

// closeLingering lets the client read the answer: closing while its bytes are
// still coming in would be a reset that takes the answer with it (RFC 9112
// section 9.6). What comes is thrown away, for a time.
func (c *Client) closeLingering() {
	c.in.Release() // nobody will read on in it
	c.in = nil
	c.lingering = c.Loop().Now() + lingerTime
	c.CloseWrite()
	c.ExpireAfter(lingerPause)
}

// drainInput throws away what comes, each buffer at once: a lingering connection holds
// none.
func (c *Client) drainInput() bool {
	in, err := c.Read(nil)
	in.Release()
	if wire.Waits(err) && !c.Expired() && !c.Stalled() {
		return false
	}
	if err != nil || c.Loop().Now() >= c.lingering {
		c.Close()
		return false
	}
	c.ExpireAfter(lingerPause)
	return true
}

// dropEmpty gives the buffer back if there is nothing in it: who waits holds none.
func (c *Client) dropEmpty() {
	if c.in.Len() == 0 {
		c.in.Release()
		c.in = nil
	}
}
