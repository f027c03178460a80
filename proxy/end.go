package proxy

import (
	"errors"
	"runtime/debug"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// ending is how an exchange ends, whatever it came to. Each step is begun once: an
// end that has panicked goes on behind the step where it did. The order matters: what
// is kept is not dropped, who is told of the end finds room for another exchange, and
// texts are given back when everybody has read them.
var ending = [...]func(x *Exchange, code edgeerr.Code, err error){
	(*Exchange).conclude,     // answer, or cut, where upstream's answer is not complete
	(*Exchange).keepUpstream, // for another exchange
	(*Exchange).dropUpstream, // or not
	(*Exchange).uncount,      // among those that run
	(*Exchange).tell,         // whoever observes exchanges
	(*Exchange).leave,        // give everything back
}

// end ends the exchange and leaves the client's connection ready for what follows. x is
// not to be touched behind it: the next exchange may be in it.
func (x *Exchange) end(err error) {
	code := edgeerr.CodeOf(err)
	if code == edgeerr.ClientLeft && x.edge.running.Ended() {
		code = edgeerr.DrainAborted
	}
	for c := x.client; c.x == x && int(x.ended) < len(ending); { // the last step lets x go
		x.ended++
		ending[x.ended-1](x, code, err)
	}
}

// survive, deferred, keeps a panic, which is a fault of the edge, from the others.
func (c *Client) survive() {
	if recover() == nil {
		return
	}
	c.broken = true
	c.store.record = record.Record{} // the next one must not tell what this one was about to
	defer func() { _ = recover() }() // there is no better place to tell of it
	id := ""
	if c.x != nil {
		id = string(c.x.kept.of(c.x.kept.id))
	}
	c.edge.log.Error().Str("request_id", id).Str("stack", string(debug.Stack())).Msg("panic in an exchange")
}

// breakOff ends what has panicked. An exchange whose end had not begun is answered.
func (c *Client) breakOff() {
	if c.x == nil || c.x.ended > 0 {
		c.Abort(true) // a part of the answer may be out
	}
	if c.x != nil {
		c.x.end(edgeerr.Wrap(edgeerr.Internal, errPanic))
	}
}

var errPanic = errors.New("panic; the log has the stack")

// conclude sends what the client still has to get: nothing, the edge's own answer,
// or a cut.
func (x *Exchange) conclude(code edgeerr.Code, err error) {
	if x.upload.abandoned() {
		x.closing(nextLinger) // the rest of the body is not going to be read
	}
	switch {
	case err == nil:
	case x.tunnel != nil && x.tunnel.Ended: // without a Close frame, which its end shows as it is
	case code.Status() == 0, x.answer != answerNone:
		x.closing(nextClose)
		x.client.cut(x.resetOnAbort(), x.answer != answerNone)
	default:
		x.answerError(err)
	}
}

// resetOnAbort reports how a response is cut so that it cannot look complete: a
// chunked one by FIN without its last chunk, any other by RST (openai-node 4
// waits for ever for the rest of a fixed-length body that ended with FIN).
func (x *Exchange) resetOnAbort() bool {
	return x.answer == answerNone || x.down.Dechunk || !x.down.Track.IsChunked()
}

// keepUpstream keeps the upstream connection if it is at the end of a complete
// exchange and nothing more is on it, in either direction: bytes of an answer that are
// left there would be the next client's, and an upstream that still waits for the rest
// of a body would take the next request for it.
func (x *Exchange) keepUpstream(_ edgeerr.Code, err error) {
	a := &x.attempt
	switch {
	case a.conn == nil, err != nil:
	case x.down.Excess:
		a.target.Stats.Unasked.Add(1)
	case x.answer == answerUpstream && !a.closes && x.down.Track.Done() && !x.upload.abandoned():
		a.keep()
	}
}

// dropUpstream leaves what is not kept.
func (x *Exchange) dropUpstream(edgeerr.Code, error) {
	if x.answer == answerUpstream && x.body != head.Plain {
		x.route.Metrics.StreamEnded()
	}
	if x.upload.abandoned() && x.upload.Unsent() {
		x.attempt.cancel()
	}
	x.attempt.drop()
	x.undecided()
}

// uncount makes room for another exchange, before anybody is told that this one is
// over: whoever reads that an exchange has ended may begin one in its place.
func (x *Exchange) uncount(edgeerr.Code, error) {
	x.pass.Leave()
	if x.admitted {
		x.edge.running.Leave()
	}
}

// tell has the observers know what became of the exchange. The record is that of the
// loop, since one exchange ends at a time, and its texts are those of kept. It is filled
// where it is: it has 500 bytes, and a value of its own would be written twice.
func (x *Exchange) tell(code edgeerr.Code, err error) {
	if x.answer == answerProbe {
		return
	}
	r := &x.client.store.record
	x.tellWho(r)
	x.tellWhat(r, code, err)
	if x.route != nil {
		r.Route, r.Upstream, r.Moved = x.route.Metrics, x.asked(), x.moved()
		if x.route.Usage != nil {
			x.tellTokens(r)
		}
	}
	if x.trace != nil {
		x.tellTrace(r)
	}
	x.edge.tell(r)
	*r = record.Record{} // what is kept must not keep texts
}

// tellWho tells who has asked, and for what.
func (x *Exchange) tellWho(r *record.Record) {
	k := &x.kept
	r.ID, r.Method, r.Path, r.Origin, r.APIMRequestID = k.of(k.id), k.of(k.method), k.of(k.path), k.of(k.origin), k.of(k.apim)
	r.Client, r.Version, r.Loop = k.family, k.version, x.client.store.number
	r.Who, r.Needs = x.who, x.needed()
	r.Reason, r.Notes = x.reason, x.notes
	if c := x.caller; c != nil {
		r.Caller, r.Holder, r.Check = c.name, c.holder, c.check
	}
	r.Model = x.model
	if x.stray != bridge.NoStray {
		r.Stray = x.stray.String()
	}
}

// tellWhat tells what has come of it.
func (x *Exchange) tellWhat(r *record.Record, code edgeerr.Code, err error) {
	a, upstreams := &x.attempt, x.answer == answerUpstream
	r.Status, r.UpstreamStatus, r.Hint = int(x.status), int(a.status), x.sight.Hint()
	r.Up, r.Down, r.Events, r.Retries = a.taken, x.down.Bytes, x.events.Count, int(x.retries)
	r.Now = x.client.Loop().Now()
	r.FirstByte, r.Duration = a.firstByte, r.Now-x.start
	r.Limit, r.CORSRefused, r.CORSAsked = x.limited, x.refused, x.kept.of(x.kept.asked)
	r.Stream, r.Cut = upstreams && x.body != head.Plain, upstreams && code != edgeerr.None
	r.Code, r.Err = code, err
	switch {
	case x.answer == answerPreflight:
		r.Ending = record.Preflight
	case x.streamIncomplete():
		r.Ending = record.StreamIncomplete
	}
}

// streamIncomplete reports whether an event stream ended in order but without the
// event that ends a stream of its API: most SDKs take it for complete.
func (x *Exchange) streamIncomplete() bool {
	return x.body == head.Events && x.status == 200 && !x.traits.Head && x.events.Incomplete()
}

// leave gives back what the exchange has, and says what the client's connection
// does now. c.x goes first: whatever panics behind it, the exchange is over. The pipes
// hold descriptors and are closed whether or not something is broken.
func (x *Exchange) leave(edgeerr.Code, error) {
	c, next := x.client, x.next
	c.x = nil
	x.stopJudging()
	x.down.Close()
	x.upload.Close()
	if !c.broken { // else nobody knows what has been given back before
		x.release()
	}
	switch {
	case c.Closing(), c.cutting:
	case next == nextRequest:
		c.awaitNext()
	case next == nextLinger:
		c.closeLingering()
	default:
		c.Close()
	}
}

// release gives everything back, and the exchange itself. All but its one array of text
// is cleared: what is kept on a shelf keeps nothing else alive, and begins as new.
func (x *Exchange) release() {
	c := x.client
	if x.req != nil && x.held.in == nil && x.next == nextRequest {
		c.in.Consume(int(x.req.Length)) // nobody was sent it; endsInBuffer has said that it is there
	}
	x.dropRequest()
	x.attempt.dropResponse(c.store)
	x.attempt.in.Release()
	x.upload.Forget()
	x.dropTap()
	if s := x.several; s != nil {
		*s = several{}
		c.store.several.put(s, false)
	}
	if k := x.caller; k != nil {
		*k = caller{}
		c.store.known.put(k, false)
	}
	array := x.kept.array[:0]
	*x = Exchange{}
	x.kept.array = array
	c.store.exchanges.put(x, x.kept.grown())
}

// dropRequest gives back the request's head, and the room of its bytes. Everything that
// aliases them goes first: behind Let the next read may write over them. It is done
// as soon as the request is sent, so that a stream that is silent holds no buffer.
func (x *Exchange) dropRequest() {
	if x.req == nil {
		return
	}
	x.dropCrossing()
	x.req.Clear()
	x.client.store.requests.put(x.req, x.req.Grown())
	x.req = nil
	if x.held.in != nil {
		x.held.in.Release()
		x.held = held{}
		x.upload.Forget()
		return
	}
	x.client.in.Let()
	x.client.dropEmpty()
}
