package proxy

import (
	"errors"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// An attempt is one try at one upstream: what was picked, what it has taken of the
// request, and what has come back. Its zero value has not begun.
type attempt struct {
	target *upstream.Target
	shown  *upstream.Shown // of the edge's own credential there; nil: it has none
	wait   upstream.Wait   // for a connection; over wherever there is conn
	conn   *upstream.Conn  // nil until there is one, and once it is kept or dropped
	taken  int64           // bytes of the request that the connection took; above 0 no POST is sent again

	scan head.Scan // of the head under way
	// in is what has come and is not relayed: nil, or not empty, but for the time in
	// which it holds the head of resp. From takeBody on it is nil.
	in *wire.Buf
	// resp is there from the moment the request is sent until the answer goes on, and
	// says by that which of the two halves of the attempt it is in. It aliases in.
	resp      *head.Response
	firstByte time.Duration // from the start of the exchange to the final head
	status    uint16        // of the final response; 0: none yet
	interim   uint8         // interim responses so far
	again     bool          // the one before was lost on a connection from the pool: this one is made on a new one
	closes    bool          // the upstream closes the connection behind this exchange
}

// errUntaken tells that a connection from the pool was found dead before it had
// taken one byte: the request has not begun to run anywhere.
var errUntaken = errors.New("the connection took no byte of the request")

// errLost tells that a connection from the pool has ended without one byte of an answer
// to a request that may run twice.
var errLost = errors.New("the connection ended where an answer was due")

// ask makes one attempt at one upstream. Another one may follow only where nothing
// ran, or where what ran may run twice: a POST of which one byte was taken is never sent
// again, unless the upstream itself says that nothing ran. It comes to an end: each repeat
// uses up a connection of the pool, and on a new one nothing is repeated; another key is
// tried once, and each of several upstreams.
func (x *Exchange) ask() error {
	for {
		err, again := x.try(), false
		if err == nil || wire.Waits(err) {
			return err
		}
		switch err { // none is ever wrapped
		case errUntaken:
			x.retries++
		case errLost:
			x.retries++
			again = true
		case errRefusedKey, errMoved: // which are counted elsewhere
		default:
			if err = x.onward(err); err != nil {
				return err
			}
		}
		x.abandon()
		x.attempt.again = again
	}
}

// run goes on with the attempt until the upstream's final head has come. An error
// other than wire.ErrWait and errUntaken ends the exchange.
func (a *attempt) run(x *Exchange) error {
	if a.resp == nil {
		if err := a.send(x); err != nil {
			return err
		}
	}
	return a.awaitHead(x)
}

// send sends the head, and as much of the body as has come along with it, in as few
// writes as can be; the rest of a longer body goes on its way beside the answer. The client may
// have left together with its request: advance has looked before it was admitted, and
// an upstream that is not asked need not be cancelled.
func (a *attempt) send(x *Exchange) error {
	if x.client.Left() {
		return edgeerr.Wrap(edgeerr.ClientLeft, errLeft)
	}
	if err := a.pick(x); err != nil {
		return err
	}
	if a.target.Credential != nil {
		if err := a.show(); err != nil {
			return err
		}
	}
	if err := a.connect(x); err != nil {
		return err
	}
	n, err := x.transmit()
	a.taken = int64(n)
	switch {
	case err == nil, n > 0: // a broken pipe: the upstream may have answered before it closed
	case !a.conn.Used && !a.conn.Plain(): // or its alert says why it has
	case a.conn.Used: // closed while it was idle; a new one would fail again
		return errUntaken
	default:
		return edgeerr.Wrap(edgeerr.UpstreamClosedEarly, err)
	}
	a.resp = x.client.store.responses.take()
	return x.forwardRest()
}

// headRoom is for what the edge adds to a head.
const headRoom = 1 << 10

// connect takes an idle connection to the target, or waits for one that becomes free or
// is made. The wait is bounded on the client's connection, of which nothing else is
// awaited meanwhile.
func (a *attempt) connect(x *Exchange) error {
	if a.conn != nil {
		return nil
	}
	loop := x.client.Loop()
	if !a.wait.Waits() {
		if conn, soon := a.idle(x); conn != nil {
			a.take(conn, x)
			return nil
		} else if soon {
			loop.Again(x.client.Conn) // no event tells that it has settled
			return wire.ErrWait
		}
		if x.trace != nil {
			x.traceWait()
		}
		a.target.Await(&a.wait, loop, x, a.again)
		x.client.ExpireAfter(a.target.Connect)
	}
	conn, err, done := a.wait.Result()
	switch {
	case done && err == nil:
		a.take(conn, x)
	case !done && !x.client.Expired():
		return wire.ErrWait
	case !done:
		var more time.Duration
		if more, err = a.wait.Late(); err == nil {
			x.client.ExpireAfter(more)
			return wire.ErrWait
		}
	}
	x.client.ExpireAfter(0)
	return err
}

// idle returns an idle connection, if one will do.
func (a *attempt) idle(x *Exchange) (conn *upstream.Conn, soon bool) {
	if a.again {
		return nil, false
	}
	return a.target.Take(x.client.Loop(), &x.client.bound, x)
}

// take makes conn the attempt's: from now on the client's alone, if what it is about
// to carry belongs to whoever is on it.
func (a *attempt) take(conn *upstream.Conn, x *Exchange) {
	a.conn = conn
	if x.trace != nil {
		x.traceConnected()
	}
	switch {
	case head.LogsIn(&x.req.sent, &x.req.Request):
		conn.LogIn(&x.client.bound)
	case a.target.OneClient:
		conn.Bind(&x.client.bound)
	}
}

// awaitHead reads the response head, relaying interim responses on the way. A head is
// looked through once: scan goes on where the read before has stopped, and begins anew
// behind each head that it finds.
func (a *attempt) awaitHead(x *Exchange) error {
	for {
		if err := a.awaitRoom(x.client); err != nil {
			return err
		}
		whole, err := a.parseHead()
		if err != nil {
			return a.invalid(err)
		}
		if whole {
			if final, err := a.takeHead(x); final || err != nil {
				return err
			}
			continue
		}
		if a.in != nil {
			if err := a.scan.ResponseFault(a.in.Bytes()); err != nil {
				return a.invalid(err)
			}
			if !a.in.MakeRoom(head.MaxResponse) {
				return a.invalid(head.ErrSize)
			}
		}
		in, err := a.conn.Read(a.in)
		a.in = in
		if wire.Waits(err) {
			return a.awaitMore(x)
		}
		if err != nil {
			return a.ended(x, err)
		}
	}
}

// ended says what the end of the connection means where a head was due.
func (a *attempt) ended(x *Exchange, err error) error {
	switch {
	case a.interim > 0, a.in.Len() > 0:
		return edgeerr.Wrap(edgeerr.UpstreamClosedEarly, err) // somebody is at work
	case a.mayRepeat(x) && !errors.Is(err, wire.ErrRenegotiation):
		return errLost
	}
	return a.conn.Unanswered(err)
}

// awaitRoom waits until the client has taken the interim responses so far: each may
// be as large as a response head, and there may be a hundred. Meanwhile nobody
// waits for the upstream.
func (a *attempt) awaitRoom(c *Client) error {
	switch {
	case c.Stalled():
		return relay.Stalled(c.Conn)
	case c.Failed() != nil:
		return edgeerr.Wrap(edgeerr.ClientLeft, c.Failed())
	case c.Backlog() == 0:
		return nil
	}
	a.conn.ExpireAfter(0)
	return wire.ErrWait
}

// awaitMore bounds the wait for the response head from the last byte of the
// request on: an upload that takes minutes is no fault of the upstream, and has bounds
// of its own. The bound begins where the upload ends, or where an interim response has
// taken it off while the client was waited for.
func (a *attempt) awaitMore(x *Exchange) error {
	switch {
	case a.conn.Stalled():
		return edgeerr.Wrap(edgeerr.UpstreamStalled, errNotTaken)
	case a.conn.Expired():
		return edgeerr.Wrap(edgeerr.UpstreamHeadTimeout, errNoHead)
	case x.upload.state != uploadActive && !a.conn.Armed():
		a.conn.ExpireAfter(x.route.ResponseHead)
	}
	return wire.ErrWait
}

var (
	errNoHead   = errors.New("no response head within response_head")
	errNotTaken = errors.New("no byte of the request body taken within timeouts.request_body_idle")
)

// parseHead reports whether a whole head has come, and parses it.
func (a *attempt) parseHead() (whole bool, err error) {
	p := a.in.Bytes()
	if len(p) == 0 {
		return false, nil
	}
	if !a.scan.Begun() {
		if n := a.resp.ParseFirst(p); n > 0 {
			a.in.Hold(n)
			return true, nil
		}
	}
	n := a.scan.End(p)
	if n == 0 {
		return false, nil
	}
	return true, a.resp.Parse(a.in.Hold(n))
}

// takeHead takes the head that has come. final reports whether it is not an interim one.
func (a *attempt) takeHead(x *Exchange) (final bool, err error) {
	if a.resp.Login { // from its first message on: the next one is the client's answer to it
		a.conn.LogIn(&x.client.bound)
	}
	switch status := a.resp.Status; {
	case status == 101 && !(x.traits.Websocket && a.resp.Switch): // bytes of another protocol, to a client of HTTP
		return false, a.invalid(head.ErrSwitch)
	case status >= 200 || status == 101:
		a.firstByte = x.client.Loop().Now() - x.start
		a.status = uint16(status)
		if x.trace != nil {
			x.traceHead(status)
		}
		x.kept.apim = x.kept.instead(x.kept.apim, a.resp.APIMID, record.IDBytes)
		a.resp.Settle(x.traits.Head)
		if a.resp.Idle >= 0 {
			a.conn.MayIdle(time.Duration(a.resp.Idle) * time.Second)
		}
		a.conn.ExpireAfter(0)
		if a.shown != nil && x.otherKey() {
			return false, errRefusedKey
		}
		if x.several != nil {
			if err := x.heard(); err != nil {
				return false, err
			}
		}
		x.dropRequest() // whatever becomes of the exchange, it is not sent again
		return true, nil
	}
	if a.interim++; a.interim > 100 {
		return false, a.invalid(head.ErrManyInterim)
	}
	return false, a.relayInterim(x)
}

func (a *attempt) invalid(err error) error {
	return edgeerr.Wrap(edgeerr.UpstreamInvalidResponse, err)
}

// takeBody returns what has come of the body behind the head, which is done with:
// a stream that is silent needs neither. The caller has it from then on. The head's
// aliases go before Let gives up its bytes.
func (a *attempt) takeBody(s *store) *wire.Buf {
	in := a.in
	a.in = nil
	a.dropResponse(s)
	in.Let()
	return in
}

// dropResponse gives the head back, without what it points to: kept as it is it would
// keep its buffer, up to 256 KiB.
func (a *attempt) dropResponse(s *store) {
	if a.resp == nil {
		return
	}
	a.resp.Clear()
	s.responses.put(a.resp, a.resp.Grown())
	a.resp = nil
}

// abandon ends the attempt, which has come to nothing, so that another can begin. Of an
// answer that refuses the key nothing is needed. An upload goes on with the next one.
func (x *Exchange) abandon() {
	a := &x.attempt
	x.upload.Detach()
	a.drop()
	a.dropResponse(x.client.store)
	a.in.Release()
	*a = attempt{}
}

// keep keeps the connection for another exchange. The attempt lets go of it, because
// the next step of the end drops what it still has.
func (a *attempt) keep() {
	conn := a.conn
	a.conn = nil
	conn.Keep()
}

// cancel resets the connection. FIN would stand behind what the upstream has not
// taken, and one that does not read would not see it.
func (a *attempt) cancel() {
	if a.conn != nil {
		a.conn.Abort(true)
	}
}

// drop leaves the connection, or the dial that is under way.
func (a *attempt) drop() {
	a.wait.Cancel()
	if conn := a.conn; conn != nil {
		a.conn = nil
		conn.Discard()
	}
}
