package proxy

import (
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// relay sends the response: head and first bytes in one write, then whatever
// comes, as it comes.
func (x *Exchange) relay() error {
	if x.answer != answerUpstream {
		if err := x.startRelay(); err != nil {
			return err
		}
	}
	if x.tunnel != nil {
		up := x.tunnel.Up
		err := x.tunnel.Go()
		x.attempt.taken += x.tunnel.Up - up
		x.down.Bytes = x.tunnel.Down
		return err
	}
	return x.down.Go()
}

// startRelay sends the head, and what has come of the body with it. answer is set before
// a byte goes out, and a stream counted before anything can fail: dropUpstream counts
// out by the same condition.
func (x *Exchange) startRelay() error {
	x.prepareRelay()
	if hint.Told(x.attempt.resp.Status) {
		x.beginSight()
	}
	out := x.client.Loop().GetBuf()
	answer := x.relayed()
	first, allowed := answer.Append(out.Empty())
	out.Set(first)
	if !allowed {
		x.refused = x.refusedOfPage()
	}
	x.status, x.answer = uint16(x.attempt.resp.Status), answerUpstream
	if x.body != head.Plain {
		x.route.Metrics.StreamBegun()
	}
	in := x.attempt.takeBody(x.client.store)
	if x.body == head.Tunnel {
		return x.startTunnel(out, in)
	}
	return x.down.Start(out, in)
}

// prepareRelay decides how the body is framed and what ends with it. It comes before the
// head is written, which says whether the client's connection goes on.
func (x *Exchange) prepareRelay() {
	r, d := x.attempt.resp, &x.down
	d.From, d.To = x.attempt.conn.Conn, x.client.Conn
	d.Idle = x.route.StreamIdle
	d.DropTrailer = x.route.DropResponseTrailer
	d.Dechunk = x.traits.HTTP10 && r.Length == head.Chunked
	x.body, x.attempt.closes = r.Body(), r.Close
	if x.body == head.Events {
		d.Heartbeat = x.route.Heartbeat
		d.Track.Begin(r.Length, &x.events)
	} else {
		d.Track.Begin(r.Length, nil)
	}
	if x.route.Usage != nil {
		x.beginUsage()
	}
	if x.traits.HTTP10 {
		x.closing(nextClose)
	}
	if r.Length == head.UntilClose || x.client.retiring() {
		x.closing(nextLinger) // who could not know may have sent more
	}
	if x.upload.abandoned() {
		x.closing(nextClose) // what is left of the body is not going to be read
		x.upload.AnyPace()
	}
}

// relayInterim passes a 1xx response on (RFC 9110 section 15.2), but for those
// that the client cannot expect.
func (a *attempt) relayInterim(x *Exchange) error {
	if !x.traits.HTTP10 && (a.resp.Status != 100 || x.traits.Expect) {
		out := x.client.Loop().GetBuf()
		answer := x.relayed()
		out.Set(answer.AppendInterim(out.Empty()))
		if _, err := x.client.Send(out); err != nil {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
	}
	a.resp.Clear()
	if a.in.Let(); a.in.Len() == 0 {
		a.in.Release()
		a.in = nil
	}
	return nil
}

// beginSight looks at a refusal of the upstream, to tell what it means: at its head and
// what has come of its body, and later at what comes next.
func (x *Exchange) beginSight() {
	r := x.attempt.resp
	reason, field := x.reason, x.route.KeyField
	if own := x.attempt.target.Credential; own != nil { // then that is what the upstream has refused
		reason, field = rewrite.ReasonExplicitKey, own.Field
		if head.EqualFold([]byte(field), "authorization") {
			reason = rewrite.ReasonToken
		}
	}
	var room [4][]byte
	x.sight.Begin(hint.Answer{
		Status: r.Status, Reason: reason.String(), Field: field,
		Challenges: r.Challenges(room[:0]), ContentType: r.ContentType(), FromService: len(r.APIMID) > 0,
	}.Head())
	if r.Readable() {
		x.sight.Look(x.attempt.in.Bytes())
		x.down.Sight = &x.sight
	}
}

// startTunnel relays the handshake of a WebSocket; from then on bytes go both
// ways until one side ends. Both sides' silence beyond stream_idle ends it.
func (x *Exchange) startTunnel(out, in *wire.Buf) error {
	x.closing(nextLinger) // a reset would take the last bytes with it
	x.attempt.closes = true
	x.tunnel = &relay.Tunnel{Client: x.client.Conn, Upstream: x.attempt.conn.Conn, Idle: x.route.StreamIdle}
	out.Add(in.Bytes())
	x.tunnel.Begin(x.client.in.Bytes(), in.Bytes())
	in.Release()
	if _, err := x.client.Send(out); err != nil {
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	early := x.client.in // what the client has sent behind its handshake is the tunnel's
	x.client.in = nil
	x.attempt.taken += int64(early.Len())
	if early.Len() == 0 {
		early.Release()
		return nil
	}
	if _, err := x.attempt.conn.Send(early); err != nil {
		return edgeerr.Wrap(edgeerr.UpstreamAborted, err)
	}
	return nil
}
