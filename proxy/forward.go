package proxy

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// forward sends the head, and as much of the body as has come along with it, in
// one write; the rest of a longer body goes on its way beside the answer.
//
// The request is sent again only if the connection has not taken one byte of it:
// a POST never runs twice.
func (x *Exchange) forward() error {
	out, err := x.buildRequest()
	if err != nil {
		out.Release()
		return err
	}
	defer func() { out.Release() }()
	for {
		if err := x.acquire(); err != nil {
			return err
		}
		n, err := x.up.Write(out.Bytes())
		x.sent = x.sent || n > 0
		x.bytesUp = int64(n)
		if err == nil || n > 0 && !errors.Is(err, wire.ErrCanceled) {
			break // a broken pipe: the upstream may have answered before it closed
		}
		if x.client.Left() {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
		if !x.up.Used {
			return &edgeerr.Error{Code: edgeerr.UpstreamClosedEarly, Err: err}
		}
		x.metricsOf().retries.Inc()
		x.client.OnHup(nil)
		x.up.Discard()
		x.up = nil
	}
	x.afterSending()
	return nil
}

// buildRequest makes the head and takes what is there of the body.
func (x *Exchange) buildRequest() (*wire.Buf, error) {
	c, r := x.client, x.req
	out := wire.GetBuf()
	out.Set(x.appendRequestHead(out.Empty()))
	if r.length == 0 {
		return out, nil
	}
	body := &x.body
	body.up.Track.Begin(r.length, nil)
	body.up.Limit, body.up.Idle = x.route.bodyLimit, x.snap.config.Timeouts.RequestBodyIdle.Duration
	body.up.DropTrailer = x.requestTrailerF
	if c.in.Len() == c.headEnd && !r.expect {
		c.TryFill(c.in) // many clients write the body right behind the head
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

// acquire takes a connection to the upstream, and arranges that the client's
// departure cancels it.
func (x *Exchange) acquire() error {
	if up := x.route.up.Pooled(x.client.number); up != nil {
		x.up = up
		x.client.OnHup(x.leaveF)
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	x.client.OnHup(func() { x.client.Cancel(); cancel() })
	up, err := x.route.up.Dial(ctx, x.snap.config.Timeouts.RequestBodyIdle.Duration)
	x.client.OnHup(nil)
	if err != nil {
		return err
	}
	x.up = up
	x.client.OnHup(x.leaveF)
	return nil
}

// afterSending gives back the head and starts what is left of the body.
func (x *Exchange) afterSending() {
	u := x.upload
	if u == nil {
		x.client.consumeHead()
		x.dropRequest()
		return
	}
	x.client.headEnd += u.taken
	x.client.consumeHead()
	x.dropRequest()
	if u.up.Track.Done() {
		x.upload = nil
		return
	}
	u.start(x)
}

// upload is a request body that outlasts its head.
type upload struct {
	up    relay.Up
	taken int // bytes that went along with the head
	done  chan struct{}
	rest  *wire.Buf // what came behind the body, once done
	err   error     // once done
	ended time.Time
}

func (u *upload) start(x *Exchange) {
	u.done = make(chan struct{})
	u.up.From, u.up.To = x.client.Conn, x.up.Conn
	in := x.client.in
	x.client.in = nil
	go func() {
		defer close(u.done)
		u.rest, u.err = u.up.Run(in)
		u.ended = time.Now()
		if u.err != nil && !errors.Is(u.err, relay.ErrUpstreamWrite) {
			u.up.To.Cancel() // the answer to half a request is of no use
		}
	}()
}

// finished tells whether the upload has ended.
func (u *upload) finished() bool {
	select {
	case <-u.done:
		return true
	default:
		return false
	}
}

// stopUpload ends an upload whose answer is complete, or will never be. Where the
// client is still sending, its connection cannot carry another exchange.
func (x *Exchange) stopUpload() {
	u := x.upload
	if u.done == nil {
		return // never begun
	}
	if !u.finished() {
		x.client.Rouse()
		if x.up != nil {
			x.up.Cancel()
		}
		<-u.done
	}
	x.bytesUp += u.up.Bytes - int64(u.taken)
	x.client.restoreBuf(u.rest)
	u.rest = nil
	if u.err != nil {
		x.lastConn, x.unread = true, true
	}
}

// awaitHead reads the response head, relaying interim responses on the way.
func (x *Exchange) awaitHead() error {
	x.resp = take[response](&responses)
	for interim := 0; interim < 100; interim++ {
		n, err := x.readResponseHead()
		if err != nil {
			return err
		}
		if err := x.resp.parse(x.upIn.Bytes()[:n]); err != nil {
			return x.invalid(err)
		}
		x.respEnd = n
		switch status := x.resp.status; {
		case status == 101 && !x.websocket:
			return x.invalid(errSwitch)
		case status >= 200 || status == 101:
			x.firstByte = time.Since(x.start)
			x.upstreamStatus = status
			x.notes.apim = x.notes.keep(x.resp.apimID)
			x.resp.settle(x.head)
			return nil
		}
		if err := x.relayInterim(); err != nil {
			return err
		}
	}
	return x.invalid(errManyHeads)
}

const maxResponseHead = 256 << 10

// readResponseHead returns the length of the complete head at the start of upIn.
func (x *Exchange) readResponseHead() (int, error) {
	for {
		if n := headEnd(x.upIn.Bytes()); n > 0 {
			return n, nil
		}
		if x.upIn != nil && !x.upIn.MakeRoom(maxResponseHead) {
			return 0, x.invalid(errHeadSize)
		}
		in, err := x.up.Fill(x.upIn, x.route.responseHead)
		if x.upIn = in; err == nil {
			continue
		}
		if errors.Is(err, wire.ErrTimeout) && x.stillSending() {
			x.up.Calm()
			continue
		}
		return 0, x.headFailed(err)
	}
}

// stillSending tells whether the request body has been on its way within the
// last response_head: the upstream's time begins with the last byte.
func (x *Exchange) stillSending() bool {
	return x.upload != nil && (!x.upload.finished() || time.Since(x.upload.ended) < x.route.responseHead)
}

// headFailed says why there is no response head.
func (x *Exchange) headFailed(err error) error {
	if x.upload != nil && x.upload.finished() && x.upload.err != nil && !errors.Is(x.upload.err, relay.ErrUpstreamWrite) {
		return x.upload.err
	}
	code := edgeerr.UpstreamClosedEarly
	switch {
	case x.client.Left(), errors.Is(err, wire.ErrCanceled):
		code = edgeerr.ClientLeft
	case errors.Is(err, wire.ErrTimeout):
		code = edgeerr.UpstreamHeadTimeout
	case errors.Is(err, io.EOF) && x.upIn.Len() > 0:
		code = edgeerr.UpstreamClosedEarly
	}
	return &edgeerr.Error{Code: code, Sent: x.sent, Err: err}
}

func (x *Exchange) invalid(err error) error {
	return &edgeerr.Error{Code: edgeerr.UpstreamInvalidResponse, Sent: true, Err: err}
}

// relayInterim passes a 1xx response on (RFC 9110 section 15.2), but for those
// that the client cannot expect.
func (x *Exchange) relayInterim() error {
	status := x.resp.status
	if !x.http10 && (status != 100 || x.expect) {
		out := wire.GetBuf()
		out.Set(x.appendInterimHead(out.Empty()))
		_, err := x.client.Write(out.Bytes())
		out.Release()
		if err != nil {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
	}
	x.upIn.Consume(x.respEnd)
	if x.upIn.Len() == 0 {
		x.upIn.Release()
		x.upIn = nil
	}
	return nil
}
