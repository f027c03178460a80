package proxy

import (
	"bytes"
	"errors"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// An Exchange is one request with its responses. begin takes it from the store of
// the loop, end gives it back, each exactly once.
type Exchange struct {
	edge   *Edge
	client *Client
	snap   *Snapshot
	route  *route

	// req and resp are kept apart: a stream that is silent needs neither.
	req      *request
	resp     *response
	decision rewrite.Decision
	reason   rewrite.Reason

	step    int      // of the story
	scan    headScan // of the head under way: the request's, then the upstream's
	dialing *upstream.Dialing
	up      *upstream.Conn
	out     *wire.Buf // the request, while it waits for a connection
	upload  *upload   // the request body, if there is one
	body    upload    // what upload points to
	upIn    *wire.Buf // what the upstream has sent and is not relayed
	respEnd int       // length of the response head at the start of upIn
	interim int       // interim responses so far
	down    relay.Down
	tunnel  *relay.Tunnel // after 101
	events  relay.Events
	// Methods as values, made once: a method value allocates.
	requestTrailerF  func([]byte) bool
	responseTrailerF func([]byte) bool

	notes          notes
	start          time.Duration // by the clock of the loop
	firstByte      time.Duration // from start to the upstream's response head
	status         int           // sent to the client
	upstreamStatus int
	bytesUp        int64
	lastConn       bool // the client's connection ends with this exchange
	stream         bool
	encoded        bool // the body is compressed: its events cannot be counted
	admitted       bool
	sent           bool // a byte of the request went upstream
	headOut        bool // a byte of the response head went to the client
	http10         bool
	head           bool // the method is HEAD
	expect         bool // the client waits for 100 Continue
	websocket      bool
	upClose        bool // the upstream closes its connection after this exchange
	preflight      bool
	unread         bool // the client may still be sending: closing lets it read first
	relayed        bool // the upstream's head went out: an error from now on is a cut
	decided        bool // reason is set
	notesSeen      rewrite.Notes
	refusal        string // why CORS refused: origin, method or header
	waiting        bool   // for the rest of the request's head
	armed          bool   // the wait for the response head is bounded
}

// notes are the texts of an exchange that outlive the buffer of its head. They
// stand in one array, kept with the exchange.
type notes struct {
	text                           []byte
	id, method, path, origin, apim []byte
	family                         family
}

func begin(c *Client) *Exchange {
	x := c.store.exchanges.take()
	if x.requestTrailerF == nil {
		x.requestTrailerF, x.responseTrailerF = x.dropRequestTrailer, x.dropResponseTrailer
	}
	x.edge, x.client, x.start = c.edge, c, c.Loop().Now()
	x.req = c.store.requests.take()
	x.req.parser = c.store.parser
	return x
}

// makeID gives the exchange an id of its own.
func (n *notes) makeID() {
	at := len(n.text)
	n.text = appendID(n.text)
	n.id = n.text[at:len(n.text):len(n.text)]
}

// note keeps what the log and the answer need of the request's head, which is
// given back before the upstream answers.
func (x *Exchange) note() {
	r, n := x.req, &x.notes
	n.path = x.keepShown(r.path, r.query)
	n.method = n.keep(r.method, methodBytes)
	n.family = familyOf(r.userAgent)
	if len(r.id) == 0 {
		n.makeID()
	} else {
		n.id = n.keep(r.id, idBytes)
	}
	if r.origin != nil {
		n.origin = n.keep(r.origin, maxOrigin)
	}
	x.head, x.http10, x.expect, x.websocket = r.isHead(), r.http10, r.expect, r.websocket
	x.lastConn = x.lastConn || r.close
}

// noteRefused keeps what is known of a head that was refused.
func (x *Exchange) noteRefused() {
	r, n := x.req, &x.notes
	if t := r.target; len(t) > 0 && t[0] == '/' { // an absolute target can hold userinfo
		if end := bytes.IndexAny(t, "?#"); end >= 0 {
			t = t[:end]
		}
		n.path = x.keepShown(t, nil)
	}
	n.method = n.keep(r.method, methodBytes)
	x.head = r.isHead()
}

// keepShown keeps path and query as the log may show them. It comes first, because
// only the first of the notes gives back what it was cut from.
func (x *Exchange) keepShown(path, query []byte) []byte {
	n := &x.notes
	at := len(n.text)
	n.text = x.appendShown(n.text, path, query)
	return n.since(at, pathBytes)
}

// appendShown appends path and query (nil: none) as people may see them: the only
// way in which either is shown.
func (x *Exchange) appendShown(dst, path, query []byte) []byte {
	dst = x.policy().AppendRedactedPath(dst, path)
	if query == nil {
		return dst
	}
	return x.policy().AppendRedactedQuery(append(dst, '?'), query)
}

// noteOrigin looks for the Origin of a head that could not be parsed, so that a
// page sees the error and not a CORS failure. What it finds decides about CORS
// fields alone.
func (x *Exchange) noteOrigin(head []byte) {
	for line := range bytes.Lines(head) {
		if len(line) > 7 && equalFold(line[:7], "origin:") {
			x.notes.origin = x.notes.keep(trimOWS(bytes.TrimRight(line[7:], "\r\n")), maxOrigin)
			return
		}
	}
}

func (x *Exchange) policy() *rewrite.Policy {
	if x.route == nil {
		return nil
	}
	return x.route.credential
}

// WakeUpstream implements upstream.Owner.
func (x *Exchange) WakeUpstream() { x.client.run() }

// end ends the exchange, whatever it came to, and leaves the client's connection
// ready for what follows.
func (x *Exchange) end(err error) {
	code := edgeerr.CodeOf(err)
	if code == edgeerr.ClientLeft && x.edge.stopping.Load() {
		code = edgeerr.DrainAborted
	}
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
	x.leaveUpstream(err)
	x.record(code, err)
	if x.admitted {
		x.edge.inflight.Add(-1)
	}
	last, unread := x.lastConn, x.unread
	x.release()
	c.x = nil
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

// recoverPanic ends the exchange whose story has panicked, which is a fault of
// the edge, and leaves the others alone.
func (x *Exchange) recoverPanic(over *bool) {
	if r := recover(); r != nil {
		x.edge.log.Error().Str("request_id", string(x.notes.id)).Str("stack", stack()).Msg("panic in an exchange")
		x.end(edgeerr.Wrap(edgeerr.Internal, errPanic))
		*over = true
	}
}

var errPanic = errors.New("panic; the log has the stack")

// resetOnAbort tells how a response is cut so that it cannot look complete: a
// chunked one by FIN without its last chunk, any other by RST (openai-node 4
// waits for ever for the rest of a fixed-length body that ended with FIN).
func (x *Exchange) resetOnAbort() bool {
	return !x.headOut || x.down.Dechunk || !x.down.Track.IsChunked()
}

// leaveUpstream keeps the upstream connection for another exchange, or closes it.
func (x *Exchange) leaveUpstream(err error) {
	if x.dialing != nil {
		x.dialing.Cancel()
		x.dialing = nil
	}
	if x.stream && x.relayed {
		x.route.metrics.streams.Dec()
	}
	up := x.up
	if up == nil {
		return
	}
	x.up = nil
	if err == nil && x.keepUpstream() {
		up.Keep()
		return
	}
	up.Discard()
}

func (x *Exchange) release() {
	if x.req != nil {
		x.dropRequest()
	}
	if x.resp != nil {
		x.dropResponse()
	}
	x.out.Release()
	x.upIn.Release()
	x.down.Close()
	x.body.up.Close()
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
