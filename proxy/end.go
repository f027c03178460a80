package proxy

import (
	"errors"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// end ends the exchange, whatever it came to, and leaves the client's connection
// ready for what follows.
func (x *Exchange) end(err error) {
	code := edgeerr.CodeOf(err)
	if code == edgeerr.ClientLeft && x.edge.stopping.Load() {
		code = edgeerr.DrainAborted
	}
	c := x.client
	if x.upload.abandoned() {
		x.closing(nextLinger)
	}
	switch {
	case err == nil:
	case code.Status() == 0, x.answer != answerNone:
		x.closing(nextClose)
		c.cut(x.resetOnAbort(), x.answer != answerNone)
	default:
		x.answerError(err)
	}
	x.leaveUpstream(err)
	if x.admitted {
		x.edge.inflight.Add(-1) // before anybody is told that it is over
	}
	x.tell(code, err)
	next := x.next
	if x.req != nil && next == nextRequest {
		c.in.Consume(int(x.req.length)) // nobody was sent it; endsInBuffer has said that it is there
	}
	x.release()
	c.goOnWith(next)
}

// recoverPanic ends the exchange whose story has panicked, which is a fault of
// the edge, and leaves the others alone.
func (x *Exchange) recoverPanic(over *bool) {
	if r := recover(); r != nil {
		x.edge.log.Error().Str("request_id", string(x.kept.id)).Str("stack", stack()).Msg("panic in an exchange")
		x.end(edgeerr.Wrap(edgeerr.Internal, errPanic))
		*over = true
	}
}

var errPanic = errors.New("panic; the log has the stack")

// resetOnAbort reports how a response is cut so that it cannot look complete: a
// chunked one by FIN without its last chunk, any other by RST (openai-node 4
// waits for ever for the rest of a fixed-length body that ended with FIN).
func (x *Exchange) resetOnAbort() bool {
	return x.answer == answerNone || x.down.Dechunk || !x.down.Track.IsChunked()
}

// leaveUpstream keeps the upstream connection for another exchange if it is at the
// end of a complete one and nothing more is on it, or closes it.
func (x *Exchange) leaveUpstream(err error) {
	if x.answer == answerUpstream && x.body != bodyPlain {
		x.route.metrics.Streams.Dec()
	}
	x.attempt.leave(err == nil && x.answer == answerUpstream && !x.attempt.closes &&
		!x.down.Excess && x.down.Track.Done() && !x.upload.abandoned())
}

// tell has the observers know what became of the exchange.
func (x *Exchange) tell(code edgeerr.Code, err error) {
	k, a := &x.kept, &x.attempt
	r := &x.client.store.record
	*r = record.Record{
		ID: k.id, Method: k.method, Path: k.path, Origin: k.origin, APIMRequestID: k.apim, Client: k.family,
		Reason: x.reason, Notes: x.notes, CORSRefused: x.refused,
		Status: x.status, UpstreamStatus: a.status, Up: a.taken, Down: x.down.Bytes, Events: x.events.Count, Retries: x.retries,
		FirstByte: a.firstByte, Duration: x.client.Loop().Now() - x.start,
		Stream: x.body != bodyPlain, Sent: a.taken > 0,
		Cut: x.answer == answerUpstream && code != edgeerr.None && code.Status() == 0, Code: code, Err: err,
	}
	if x.route != nil {
		r.Route, r.Upstream = x.route.metrics, x.route.target.Name
	}
	switch {
	case x.answer == answerPreflight:
		r.Ending = record.Preflight
	case x.streamIncomplete():
		r.Ending = record.StreamIncomplete
	}
	x.edge.tell(r)
	*r = record.Record{} // what is kept must not keep texts
}

// streamIncomplete reports whether an event stream ended in order but without the
// event that ends an OpenAI stream: most SDKs take it for complete.
func (x *Exchange) streamIncomplete() bool {
	return x.body == bodyEvents && x.status == 200 && !x.traits.head && !x.events.Final
}

// release gives everything back.
func (x *Exchange) release() {
	c := x.client
	x.dropRequest()
	x.attempt.dropResponse(c.store)
	x.attempt.in.Release()
	x.down.Close()
	x.upload.Close()
	text := x.kept.text[:0]
	*x = Exchange{}
	x.kept.text = text
	c.x = nil
	c.store.exchanges.put(x, x.kept.grown())
}
