package proxy

import (
	"errors"
	"runtime/debug"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// ending is how an exchange ends, whatever it came to. Each step is begun once: an
// end that has panicked goes on behind the step where it did.
var ending = [...]func(x *Exchange, code edgeerr.Code, err error){
	(*Exchange).conclude,     // answer, or cut, where upstream's answer is not complete
	(*Exchange).keepUpstream, // for another exchange
	(*Exchange).dropUpstream, // or not
	(*Exchange).record,       // count, and write the access line
	(*Exchange).leave,        // give everything back
}

// end ends the exchange and leaves the client's connection ready for what follows.
func (x *Exchange) end(err error) {
	code := edgeerr.CodeOf(err)
	if code == edgeerr.ClientLeft && x.edge.stopping.Load() {
		code = edgeerr.DrainAborted
	}
	for c := x.client; c.x == x && x.ended < len(ending); { // the last step lets x go
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
	defer func() { _ = recover() }() // there is no better place to tell of it
	id := ""
	if c.x != nil {
		id = string(c.x.notes.id)
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
	c := x.client
	if x.upload != nil && (x.upload.active || x.upload.failed) {
		x.lastConn, x.unread = true, true // the rest of the body is not going to be read
	}
	switch {
	case err == nil:
	case code.Status() == 0, x.headOut:
		x.lastConn = true
		c.cut(x.resetOnAbort(), x.headOut)
	default:
		if x.notes.origin == nil && x.snap == nil {
			x.noteOrigin(c.in.Bytes())
		}
		x.answerError(err)
	}
}

// resetOnAbort tells how a response is cut so that it cannot look complete: a
// chunked one by FIN without its last chunk, any other by RST (openai-node 4
// waits for ever for the rest of a fixed-length body that ended with FIN).
func (x *Exchange) resetOnAbort() bool {
	return !x.headOut || x.down.Dechunk || !x.down.Track.IsChunked()
}

// keepUpstream keeps the upstream connection if it is at the end of a complete
// exchange and nothing more is on it.
func (x *Exchange) keepUpstream(_ edgeerr.Code, err error) {
	switch {
	case x.up == nil, err != nil:
	case x.down.Excess:
		x.route.up.Stats.Unasked.Add(1)
	case x.upstreamDone():
		x.up.Keep()
		x.up = nil
	}
}

// dropUpstream leaves what is not kept.
func (x *Exchange) dropUpstream(edgeerr.Code, error) {
	if x.counted {
		x.counted = false
		x.route.metrics.streams.Dec()
	}
	if d := x.dialing; d != nil {
		x.dialing = nil
		d.Cancel()
	}
	if up := x.up; up != nil {
		x.up = nil
		up.Discard()
	}
}

// leave gives back what the exchange has, and says what the client's connection
// does now.
func (x *Exchange) leave(edgeerr.Code, error) {
	if x.admitted {
		x.edge.inflight.Add(-1)
	}
	c, last, unread := x.client, x.lastConn, x.unread
	c.x = nil
	x.down.Close()
	x.body.up.Close()
	if !c.broken { // else nobody knows what has been given back before
		x.release()
	}
	switch {
	case c.Closing(), c.cutting:
	case !last:
		c.awaitNext()
	case unread:
		c.closeLingering()
	default:
		c.Close()
	}
}

// release gives everything back, and the exchange itself.
func (x *Exchange) release() {
	if x.req != nil {
		x.dropRequest()
	}
	if x.resp != nil {
		x.dropResponse()
	}
	x.out.Release()
	x.upIn.Release()
	s, text, up, down := x.client.store, x.notes.text[:0], x.requestTrailerF, x.responseTrailerF
	*x = Exchange{}
	x.notes.text, x.requestTrailerF, x.responseTrailerF = text, up, down
	s.exchanges.put(x, x.notes.grown())
}

// dropRequest gives back the request's head. Its bytes stay in the client's
// buffer until consumeHead.
func (x *Exchange) dropRequest() {
	x.decision = rewrite.Decision{} // it aliases the head
	x.req.clear()
	x.client.store.requests.put(x.req, x.req.grown())
	x.req = nil
}

func (x *Exchange) dropResponse() {
	x.resp.clear()
	x.client.store.responses.put(x.resp, x.resp.grown())
	x.resp = nil
}
