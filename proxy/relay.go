package proxy

import (
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// relay sends the response: head and first bytes in one write, then whatever
// comes, as it comes.
func (x *Exchange) relay() error {
	if !x.headOut {
		if err := x.startRelay(); err != nil {
			return err
		}
	}
	if x.tunnel != nil {
		up := x.tunnel.Up
		err := x.tunnel.Go()
		x.bytesUp += x.tunnel.Up - up
		x.down.Bytes = x.tunnel.Down
		x.unread = true // a reset would take the last bytes with it
		return err
	}
	return x.down.Go()
}

func (x *Exchange) startRelay() error {
	x.prepareRelay()
	out := x.client.Loop().GetBuf()
	out.Set(x.appendResponseHead(out.Empty()))
	x.status, x.headOut, x.relayed = x.resp.status, true, true
	x.upClose, x.stream = x.resp.close, x.resp.sse
	in := x.upIn
	in.Consume(x.respEnd)
	x.upIn = nil
	x.dropResponse()
	if x.status == 101 {
		return x.startTunnel(out, in)
	}
	if x.stream {
		x.countStream()
	}
	return x.down.Start(out, in)
}

// prepareRelay decides how the body is framed and what ends with it.
func (x *Exchange) prepareRelay() {
	r := x.resp
	d := &x.down
	d.From, d.To = x.up.Conn, x.client.Conn
	d.Idle = x.route.streamIdle
	d.DropTrailer = x.responseTrailerF
	d.Dechunk = x.http10 && r.length == chunkedBody
	x.encoded = r.encoded
	if r.sse && !r.encoded {
		d.Heartbeat = x.route.heartbeat
		d.Track.Begin(r.length, &x.events)
	} else {
		d.Track.Begin(r.length, nil)
	}
	if d.Dechunk || x.http10 {
		x.lastConn = true
	}
	if r.length == untilClose || x.edge.draining.Load() {
		x.lastConn, x.unread = true, true // who could not know may have sent more
	}
	if u := x.upload; u != nil && (u.active || u.failed) {
		x.lastConn = true // what is left of the body is not going to be read
		u.up.AnyPace()
	}
}

func (x *Exchange) countStream() {
	x.route.metrics.streams.Inc()
	x.counted = true
}

// upstreamDone reports whether the upstream connection is at the end of a complete
// exchange and nothing more is on it.
func (x *Exchange) upstreamDone() bool {
	return x.relayed && !x.upClose && x.down.Track.Done() &&
		(x.upload == nil || !x.upload.active && !x.upload.failed)
}

// startTunnel relays the handshake of a WebSocket; from then on bytes go both
// ways until one side ends. Both sides' silence beyond stream_idle ends it.
func (x *Exchange) startTunnel(out, in *wire.Buf) error {
	x.lastConn, x.upClose, x.stream = true, true, true
	x.countStream()
	x.tunnel = &relay.Tunnel{Client: x.client.Conn, Upstream: x.up.Conn, Idle: x.route.streamIdle}
	out.Add(in.Bytes())
	x.tunnel.Down = int64(in.Len())
	in.Release()
	if _, err := x.client.Send(out); err != nil {
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	early := x.client.in
	x.client.in = nil
	x.bytesUp += int64(early.Len())
	if early.Len() == 0 {
		early.Release()
		return nil
	}
	if _, err := x.up.Send(early); err != nil {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	return nil
}
