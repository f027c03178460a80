package proxy

import (
	"errors"
	"slices"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// forward sends the head, and as much of the body as has come along with it, in
// one write; the rest of a longer body goes on its way beside the answer.
//
// The request is sent again only if the connection has not taken one byte of it:
// a POST never runs twice.
func (x *Exchange) forward() error {
	if x.client.Left() {
		return edgeerr.Wrap(edgeerr.ClientLeft, errLeft)
	}
	if x.out == nil {
		out, err := x.buildRequest()
		if x.out = out; err != nil {
			return err
		}
	}
	for {
		if err := x.acquire(); err != nil {
			return err
		}
		n, err := x.up.Write(x.out.Bytes())
		x.sent = x.sent || n > 0
		x.bytesUp = int64(n)
		if err == nil || n > 0 {
			break // a broken pipe: the upstream may have answered before it closed
		}
		if !x.up.Used {
			return &edgeerr.Error{Code: edgeerr.UpstreamClosedEarly, Err: err}
		}
		x.metricsOf().retries.Inc()
		x.up.Discard()
		x.up = nil
	}
	x.out.Release()
	x.out = nil
	return x.afterSending()
}

// slowest is limits.slowest, over so long that whoever passes through a tunnel is
// silent for a while and not slow.
func slowest(c *config.Config) wire.Pace {
	const seconds = 30
	return wire.Pace{Least: seconds * c.Limits.Slowest.Bytes, Span: seconds * time.Second}
}

// headRoom is for what the edge adds to a head.
const headRoom = 1 << 10

// buildRequest makes the head and takes what is there of the body.
func (x *Exchange) buildRequest() (*wire.Buf, error) {
	c, r := x.client, x.req
	out := c.Loop().GetBuf()
	// A head larger than that of known clients gets room at once: growing would
	// leave a quarter of it unused, and its smaller selves to the collector.
	out.Set(x.appendRequestHead(slices.Grow(out.Empty(), c.headEnd+headRoom)))
	if r.length == 0 {
		return out, nil
	}
	body := &x.body
	body.up.Track.Begin(r.length, nil)
	body.up.Track.Strict()
	body.up.Limit, body.up.Idle = x.route.bodyLimit, x.snap.config.Timeouts.RequestBodyIdle.Duration
	body.up.Slowest = slowest(&x.snap.config)
	body.up.DropTrailer = x.requestTrailerF
	if c.in.Len() == c.headEnd && len(c.in.Free()) > 0 {
		c.in, _ = c.Read(c.in) // many clients write the body right behind the head
	}
	rest := c.in.Bytes()[c.headEnd:]
	pass, err := body.up.Take(rest)
	if err != nil {
		return out, err
	}
	out.Set(append(out.Bytes(), rest[:pass]...))
	body.taken = pass
	x.upload = body
	return out, nil
}

// acquire takes a connection to the upstream from the pool, or waits for a new one.
func (x *Exchange) acquire() (err error) {
	if x.up != nil {
		return nil
	}
	if x.dialing == nil {
		up, wait := x.route.up.Pooled(x.client.Loop(), &x.client.bound, x, x.waited)
		if up != nil {
			x.take(up)
			return nil
		}
		if wait {
			x.waited++
			x.client.Loop().Again(x.client.Conn)
			return wire.ErrWait
		}
		if x.dialing, err = x.route.up.Dial(x.client.Loop(), x); err != nil {
			return err
		}
	}
	up, err, done := x.dialing.Result()
	if !done {
		return wire.ErrWait
	}
	if x.dialing = nil; err == nil {
		x.take(up)
	}
	return err
}

// take makes up the connection of the exchange: from now on the client's alone, if
// what it is about to carry belongs to whoever is on it.
func (x *Exchange) take(up *upstream.Conn) {
	x.up = up
	if x.login || x.route.up.OneClient {
		up.Bind(&x.client.bound)
	}
}

// afterSending gives back the head and starts what is left of the body.
func (x *Exchange) afterSending() error {
	u := x.upload
	if u == nil {
		x.client.consumeHead()
		x.dropRequest()
		return nil
	}
	x.client.headEnd += u.taken
	x.client.consumeHead()
	x.dropRequest()
	if u.up.Track.Done() {
		return nil
	}
	u.active = true
	u.up.From, u.up.To = x.client.Conn, x.up.Conn
	return x.goOnUploading()
}

// upload is a request body that may outlast its head.
type upload struct {
	up     relay.Up
	taken  int  // bytes that went along with the head
	active bool // more is to come
	failed bool // the upstream took no more of it
}

// goOnUploading forwards what is there of the body. Only the client's own faults
// are errors: an upstream that takes no more may have answered.
func (x *Exchange) goOnUploading() error {
	u := x.upload
	before := u.up.Bytes
	err := u.up.Go(&x.client.in)
	x.bytesUp += u.up.Bytes - before
	switch {
	case err == nil:
		u.active = false
	case errors.Is(err, wire.ErrWait):
	case errors.Is(err, relay.ErrUpstreamWrite):
		u.active, u.failed = false, true
	default:
		return err
	}
	return nil
}

// awaitHead reads the response head, relaying interim responses on the way.
func (x *Exchange) awaitHead() error {
	if x.resp == nil {
		x.resp = x.client.store.responses.take()
	}
	for {
		if err := x.awaitRoom(); err != nil {
			return err
		}
		if n := x.scan.end(x.upIn.Bytes()); n > 0 {
			if final, err := x.takeHead(n); final || err != nil {
				return err
			}
			continue
		}
		if err := x.scan.fault(); err != nil {
			return x.invalid(err)
		}
		if x.upIn != nil && !x.upIn.MakeRoom(maxResponseHead) {
			return x.invalid(errHeadSize)
		}
		in, err := x.up.Read(x.upIn)
		x.upIn = in
		if errors.Is(err, wire.ErrWait) {
			return x.awaitUpstream()
		}
		if err != nil {
			return &edgeerr.Error{Code: edgeerr.UpstreamClosedEarly, Sent: x.sent, Err: err}
		}
	}
}

// awaitRoom waits until the client has taken the interim responses so far: each may
// be as large as a response head, and there may be a hundred. Meanwhile nobody
// waits for the upstream.
func (x *Exchange) awaitRoom() error {
	c := x.client
	switch {
	case c.Stalled():
		return relay.Stalled(c.Conn)
	case c.Failed() != nil:
		return edgeerr.Wrap(edgeerr.ClientLeft, c.Failed())
	case c.Backlog() == 0:
		return nil
	}
	x.armed = false
	x.up.Within(0)
	return wire.ErrWait
}

// awaitUpstream bounds the wait for the response head from the last byte of the
// request on.
func (x *Exchange) awaitUpstream() error {
	switch {
	case x.up.Expired(), x.up.Stalled():
		return &edgeerr.Error{Code: edgeerr.UpstreamHeadTimeout, Sent: x.sent, Err: errNoHead}
	case !x.armed && (x.upload == nil || !x.upload.active):
		x.armed = true
		x.up.Within(x.route.responseHead)
	}
	return wire.ErrWait
}

var errNoHead = errors.New("no response head within response_head")

// takeHead takes the head of n bytes at the start of upIn. final tells that it is
// not an interim one.
func (x *Exchange) takeHead(n int) (final bool, err error) {
	if err := x.resp.parse(x.upIn.Bytes()[:n]); err != nil {
		return false, x.invalid(err)
	}
	x.respEnd = n
	if x.resp.login {
		x.up.Bind(&x.client.bound)
	}
	switch status := x.resp.status; {
	case status == 101 && !x.websocket:
		return false, x.invalid(errSwitch)
	case status >= 200 || status == 101:
		x.firstByte = x.client.Loop().Now() - x.start
		x.upstreamStatus = status
		x.notes.apim = x.notes.keep(x.resp.apimID, idBytes)
		x.resp.settle(x.head)
		x.up.Within(0)
		return true, nil
	}
	if x.interim++; x.interim > 100 {
		return false, x.invalid(errManyHeads)
	}
	return false, x.relayInterim()
}

const maxResponseHead = 256 << 10

func (x *Exchange) invalid(err error) error {
	return &edgeerr.Error{Code: edgeerr.UpstreamInvalidResponse, Sent: true, Err: err}
}

// relayInterim passes a 1xx response on (RFC 9110 section 15.2), but for those
// that the client cannot expect.
func (x *Exchange) relayInterim() error {
	status := x.resp.status
	if !x.http10 && (status != 100 || x.expect) {
		out := x.client.Loop().GetBuf()
		out.Set(x.appendInterimHead(out.Empty()))
		if _, err := x.client.Send(out); err != nil {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
	}
	x.resp.clear()
	x.upIn.Consume(x.respEnd)
	if x.upIn.Len() == 0 {
		x.upIn.Release()
		x.upIn = nil
	}
	return nil
}
