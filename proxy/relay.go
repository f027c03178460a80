package proxy

import (
	"errors"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// relay sends the response: head and first bytes in one write, then whatever
// comes, as it comes.
func (x *Exchange) relay() error {
	x.prepareRelay()
	out := wire.GetBuf()
	out.Set(x.appendResponseHead(out.Empty()))
	x.status, x.headOut, x.relayed = x.resp.status, true, true
	x.upClose, x.stream = x.resp.close, x.resp.sse
	in := x.upIn
	in.Consume(x.respEnd)
	x.upIn = nil
	responses.Put(x.resp)
	x.resp = nil
	if x.stream {
		x.route.metrics.streams.Inc()
		defer x.route.metrics.streams.Dec()
	}
	err := x.down.Run(out, in)
	if cause := x.uploadError(); err != nil && cause != nil {
		return cause
	}
	return err
}

// prepareRelay decides how the body is framed and what ends with it.
func (x *Exchange) prepareRelay() {
	r := x.resp
	d := &x.down
	d.From, d.To = x.up.Conn, x.client.Conn
	d.Idle = x.route.streamIdle
	d.DropTrailer = x.responseTrailerF
	d.Dechunk = x.http10 && r.length == chunkedBody
	if r.sse {
		d.Heartbeat = x.route.heartbeat
		d.Track.Begin(r.length, &x.events)
	} else {
		d.Track.Begin(r.length, nil)
	}
	if r.length == untilClose || d.Dechunk || x.http10 || x.edge.draining.Load() {
		x.lastConn = true
	}
	if x.upload != nil && !x.upload.finished() {
		x.lastConn = true // what is left of the body is not going to be read
	}
}

// uploadError returns why the request body ended early, if that was the client's
// doing.
func (x *Exchange) uploadError() error {
	u := x.upload
	if u == nil || !u.finished() || errors.Is(u.err, relay.ErrUpstreamWrite) {
		return nil
	}
	return u.err
}

// keepUpstream tells whether the upstream connection is at the end of a complete
// exchange and nothing more is on it.
func (x *Exchange) keepUpstream() bool {
	return x.headOut && !x.upClose && !x.down.Excess && x.down.Track.Done() &&
		(x.upload == nil || x.upload.err == nil && x.upload.up.Track.Done())
}

// tunnel relays the handshake of a WebSocket and then bytes, both ways, until
// one side ends. Either side's silence beyond stream_idle ends it.
func (x *Exchange) tunnel() error {
	out := wire.GetBuf()
	out.Set(x.appendResponseHead(out.Empty()))
	x.status, x.headOut, x.lastConn, x.upClose, x.stream = 101, true, true, true, true
	x.relayed = true
	_, err := x.client.Write(out.Bytes())
	out.Release()
	if err != nil {
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	x.route.metrics.streams.Inc()
	defer x.route.metrics.streams.Dec()
	x.upIn.Consume(x.respEnd)
	t := relay.Tunnel{Client: x.client.Conn, Upstream: x.up.Conn, Idle: x.route.streamIdle}
	err = t.Run(x.client.in, x.upIn)
	x.client.in, x.upIn = nil, nil
	x.down.Bytes, x.bytesUp = t.Down, x.bytesUp+t.Up
	x.unread = true // a reset would take the last bytes with it
	return err
}
