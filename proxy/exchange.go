package proxy

import (
	"bytes"
	"time"

	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/trace"
	"github.com/apim-edge/apim-edge/proxy/usage"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// An Exchange is one request with its responses. begin takes it from the store of
// the loop, end gives it back, each exactly once.
type Exchange struct {
	edge   *Edge
	client *Client         // client.x is this exchange, until leave
	snap   *route.Snapshot // from findRoute on, the same to the end whatever is reloaded
	route  *route.Route    // of snap; nil until it is known, and where there is none
	start  time.Duration   // by the clock of the loop

	// req dies as soon as an upstream has taken it, so that a silent stream needs
	// no head; traits and kept are what outlives it. Once parsed it aliases the bytes
	// that client.in holds, and goes before they may be overwritten.
	req  *request
	kept kept // copies: it aliases no buffer

	// What takes a byte or two stands together: of a stream that is silent the exchange is
	// most of what is held.
	traits   head.Traits    // from note on; of a head that was refused Head alone
	step     uint8          // of the story; only ever raised
	ended    uint8          // steps of its end that have been begun; only ever raised
	overlong bool           // the request line is beyond limits.head; what is read now is for its Origin
	admitted bool           // counted among those that run: uncount counts it out
	reason   rewrite.Reason // reason and notes are what outlives its decision
	notes    rewrite.Notes
	needs    record.Needs
	keyTried bool         // the upstream has refused a key
	stray    bridge.Stray // what was repaired in the path
	noTokens record.NoTokens
	next     next
	answer   answer
	body     head.Body // of the upstream's answer; of no meaning before answer is set
	status   uint16    // sent to the client; 0 exactly while answer is none
	retries  uint16    // how many attempts were before the one under way

	passedOver uint32 // steps of the story, as route.Route has it

	caller *caller // nil until the route has asked who that is
	who    who.ID  // where callers are counted
	pass   admit.Pass
	// limited is the kind of limit that has refused it; empty: none has.
	limited string

	several *several // upstreams of the route; nil where there is one, and before it is decided

	attempt  attempt   // the one under way; those before it have taken nothing
	held     held      // where req was sent, and may have to be sent once more
	crossing *crossing // nil where the route has no bridge, and once req is gone
	model    string    // of the bridge's table; empty: none is known
	upload   upload
	down     relay.Down    // from prepareRelay on
	tunnel   *relay.Tunnel // after 101, and then instead of down
	events   relay.Events  // fed by down, where body is head.Events
	sight    hint.Sight    // of a refusal of the upstream, fed by down
	tap      *usage.Tap    // of the tokens of the answer, fed by down; nil: nobody reads them
	trace    *trace.Trace  // nil: the exchange is not told as spans
	reply    *wire.Buf     // of the edge itself: composed and not yet sent, else nil
	refused  string        // what CORS refused: origin, method or header
}

// next says how the client's connection goes on behind the exchange. It is only
// ever raised.
type next uint8

const (
	nextRequest next = iota // another exchange may follow
	nextClose               // the connection ends
	nextLinger              // it ends, but the client may still be sending: it reads first
)

func (n next) String() string { return [...]string{"request", "close", "linger"}[n] }

// closing has the connection end behind this exchange, at least.
func (x *Exchange) closing(n next) { x.next = max(x.next, n) }

// answer says whose answer the client gets. It is set in front of the first write, so
// that from then on, whatever fails or panics in that write, nobody puts a second
// answer behind a part of the first: all that an error can do is to abort it.
type answer uint8

const (
	answerNone answer = iota
	answerPreflight
	answerOptions // which may be forwarded no further
	answerModels  // of the bridge's table
	answerProbe   // of the edge's health: no exchange to whoever counts them
	answerError
	answerUpstream
)

func (a answer) String() string {
	return [...]string{"none", "preflight", "options", "models", "probe", "error", "upstream"}[a]
}

// begin takes an exchange, and the room for its head, from the store of the loop. What
// was left there is empty but for its room.
func begin(c *Client) *Exchange {
	x := c.store.exchanges.take()
	x.edge, x.client, x.start = c.edge, c, c.Loop().Now()
	x.req = c.store.requests.take()
	x.req.Parser = c.store.parser
	c.ExpireAfter(0) // the wait for its first byte is over
	return x
}

// note keeps what the record and the answer need of the request's head, which is
// given back before the upstream answers.
func (x *Exchange) note() {
	r, k := x.req, &x.kept
	k.path = x.keepTarget(r)
	k.method = k.keepMethod(r.Method)
	k.family, k.version = x.client.store.agents.Look(r.UserAgent)
	if len(r.ID) == 0 {
		k.makeID(&x.client.store.random)
	} else {
		k.id = k.keep(r.ID, record.IDBytes)
	}
	if r.Origin != nil {
		k.origin = k.keep(r.Origin, maxOrigin)
	}
	x.traits = r.Traits
	x.traits.Twice = r.Length == 0 && head.Idempotent(r.Method)
	if r.Close {
		x.closing(nextClose)
	}
}

// noteRefused keeps what is known of a head that was refused.
func (x *Exchange) noteRefused() {
	r, k := x.req, &x.kept
	if t := r.Target; len(t) > 0 && t[0] == '/' { // an absolute target can hold userinfo
		if end := bytes.IndexAny(t, "?#"); end >= 0 {
			t = t[:end]
		}
		k.path = x.keepShown(t, nil)
	}
	k.method = k.keepMethod(r.Method)
	x.traits.Head = r.Head
}

// noteOrigin looks for the Origin of a head that could not be parsed, so that a
// page sees the error and not a CORS failure. What it finds decides about CORS
// fields alone.
func (x *Exchange) noteOrigin(part []byte) {
	if origin := head.OriginOf(part); origin != nil {
		x.kept.origin = x.kept.keep(origin, maxOrigin)
	}
}

func (x *Exchange) policy() *rewrite.Policy {
	if x.route == nil {
		return nil
	}
	return x.route.Credential
}

// WakeUpstream implements upstream.Owner: what happens on the upstream's connection is
// looked at from the client's, as everything of an exchange is.
func (x *Exchange) WakeUpstream() { x.client.run() }

// fill fills in the head of the request for the upstream of the attempt. It is made anew for
// each attempt: host, prefix and credentials belong to the upstream.
func (x *Exchange) fill(f *head.Forwarded) {
	a, rt := &x.attempt, x.route
	f.Request, f.Policy, f.Decision = &x.req.Request, rt.Credential, &x.req.sent
	f.Own, f.Replaces = a.own(), a.target.Replaces
	f.Strip, f.Prefix, f.Host = rt.Strip, a.target.Prefix, a.target.Host
	f.ID, f.Name = x.kept.of(x.kept.id), x.edge.name
	f.Client, f.Secure, f.Trusted = x.client.address, x.client.tls, x.snap.Trusts(x.client.address)
	f.Sender = x.client.store.sender.of(x.client.address, x.client.tls)
	f.WithholdOrigin, f.Parameters, f.Claims = rt.WithholdOrigin, rt.Parameters, rt.Claims
	if c := x.caller; c != nil && c.passed != nil {
		f.Says = c.passed
	}
	if t := x.trace; t != nil {
		f.Traceparent, f.TraceAnew = t.Traceparent(), t.Anew
	}
	if c := x.overBridge(); c != nil {
		f.Path, f.Grown = c.target[:c.path], c.grows()
		if len(c.target) > c.path {
			f.Query = c.target[c.path:]
		}
	}
}

// relayed returns the head of upstream's answer for the client.
func (x *Exchange) relayed() head.Relayed {
	r := head.Relayed{
		Response: x.attempt.resp, CORS: x.route.CORS, Method: x.kept.of(x.kept.method), Origin: x.kept.of(x.kept.origin),
		Dechunk: x.down.Dechunk, Close: x.next != nextRequest,
	}
	if s := x.several; s != nil {
		r.Wait = s.soonest
	}
	if !x.attempt.resp.Dated {
		r.Date = x.client.store.date.at(x.client.Loop().Now())
	}
	debug := &x.snap.Config.Debug
	if debug.DecisionHeader {
		r.Decision = x.reason.String()
	}
	if h := x.sight.Hint(); debug.HintHeader && h != hint.Unknown {
		r.Hint = h.String()
	}
	if debug.ServerTiming {
		r.UpstreamTime = x.attempt.firstByte
	}
	return r
}
