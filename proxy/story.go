package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/admit"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/route"
	"github.com/apim-edge/apim-edge/proxy/wire"
	"github.com/apim-edge/apim-edge/rewrite"
)

// story is one exchange, in the order of the wire. Each step runs once, or until
// it no longer returns wire.ErrWait; any other error ends the exchange: end then
// answers, or aborts if the head of an answer is out.
var story = [...]step{
	{(*Exchange).readHead, always},                // from the client; refuse what two parsers could read differently
	{(*Exchange).answerHealth, always},            // to balancers that probe this port
	{(*Exchange).findRoute, always},               // by host and path, in the snapshot that holds to the end
	{(*Exchange).answerPreflight, withCORS},       // at the edge; the upstream is never asked
	{(*Exchange).answerLastHop, always},           // which asks nobody else, either
	{(*Exchange).checkUpgrade, withCheckUpgrades}, // of a page: CORS does not cover WebSockets
	{(*Exchange).beginTrace, withTraces},          // where the exchange is one that is told as spans
	{(*Exchange).admit, always},                   // from where the route may be called, by which front, within limits
	{(*Exchange).decide, always},                  // what becomes of the credentials
	{(*Exchange).authenticate, withGate},          // who may pass with them, where the route asks for that
	{(*Exchange).limit, withLimit},                // how much they may ask for, where the route says that
	{(*Exchange).cross, withBridge},               // to the shape that the upstream speaks, where that is another
	{(*Exchange).beginBody, always},               // take what has come along of it
	{(*Exchange).findModel, withBridge},           // in the body, where the crossing needs it
	{(*Exchange).ask, always},                     // one attempt at one upstream after another, until one answers
	{(*Exchange).relay, always},                   // head and body to the client, as they come
}

// explained is how many steps of the story only judge: explain runs them too. Behind them
// the body is needed, or sent.
const explained = len(story) - 3

// A step is one of the story. It is passed over on a route that has nothing for it to do: to
// go there and see that would cost an exchange more than most steps do. So it does not ask
// again for what on holds.
type step struct {
	take func(*Exchange) error
	on   func(*route.Snapshot, *route.Route) bool
}

func always(*route.Snapshot, *route.Route) bool                { return true }
func withCORS(_ *route.Snapshot, r *route.Route) bool          { return r.CORS != nil }
func withCheckUpgrades(_ *route.Snapshot, r *route.Route) bool { return r.CheckUpgrades }
func withTraces(s *route.Snapshot, _ *route.Route) bool        { return s.Sampler.On() }
func withGate(_ *route.Snapshot, r *route.Route) bool          { return r.Gate != nil }
func withLimit(_ *route.Snapshot, r *route.Route) bool         { return r.Limit != nil }
func withBridge(_ *route.Snapshot, r *route.Route) bool        { return r.Bridge != nil }

// passOver notes in each route of s which steps it has nothing for.
func passOver(s *route.Snapshot) {
	for _, r := range s.Routes {
		steps := uint32(0)
		for i := range story {
			if !story[i].on(s, r) {
				steps |= 1 << i
			}
		}
		r.PassedOver = steps
	}
}

// advance goes on with the story until it has to wait. It reports whether the
// exchange is over, and the client's connection free for what follows.
func (x *Exchange) advance() (over bool) {
	err := x.interruption()
	if err == nil {
		err = x.take(len(story))
	}
	if wire.Waits(err) {
		return false
	}
	if err == errAnswered { // nobody wraps it
		err = x.sendReply()
	}
	x.end(err)
	return true
}

// take goes on with the steps in front of the end-th, but for those that are passed over.
func (x *Exchange) take(end int) (err error) {
	for err == nil && int(x.step) < end {
		if x.passedOver>>x.step&1 == 0 {
			err = story[x.step].take(x)
		}
		if err == nil {
			x.step++
		}
	}
	return err
}

// errAnswered ends the story early and well: reply is the answer.
var errAnswered = errors.New("answered at the edge")

// interruption returns what has happened to the exchange while it waited, whatever step
// it is in. Before it is admitted nothing runs for the client that could be cancelled,
// and one that has ended its side behind a request that is refused still reads why.
// The upload goes on here, beside the answer. A tunnel sees for itself whether a
// departure is in order.
func (x *Exchange) interruption() error {
	if x.admitted && x.client.Left() && x.tunnel == nil && !x.down.Leave() {
		return edgeerr.Wrap(edgeerr.ClientLeft, errLeft)
	}
	if x.upload.state == uploadActive && x.upload.To != nil && !x.down.Left() {
		return x.goOnUploading()
	}
	return nil
}

var errLeft = errors.New("the client closed its connection")

// readHead reads on until the head is complete, and parses it. What has come is judged
// before more is read: an end that is never coming is not waited for, and the buffer
// grows no further than limits.head. The limits are those of the moment, because the
// snapshot of the exchange is chosen with its route. From Hold on the head stays where
// it is until dropRequest.
func (x *Exchange) readHead() error {
	c := x.client
	conf := &x.edge.snapshot.Load().Config
	limit := int(conf.Limits.Head.Bytes)
	for {
		if x.parseFirst(limit) {
			return nil
		}
		n := c.scan.End(c.in.Bytes())
		switch {
		case n > 0 && x.overlong:
			return x.refusePart(errOverlong)
		case n > 0 && n <= limit:
			c.ExpireAfter(0)
			text := c.in.Hold(n)
			err := x.req.Parse(text)
			if err != nil {
				x.noteRefused()
				x.noteOrigin(text)
			}
			return err
		}
		if err := head.CheckPrefix(&c.scan, c.in.Bytes()); err != nil && !x.overlong {
			return x.refusePart(err)
		}
		if c.in.Len() > 0 && !c.in.MakeRoom(limit) {
			if err := x.tooLarge(limit); err != nil {
				return err
			}
		}
		in, err := c.Read(c.in)
		c.in = in
		if wire.Waits(err) {
			return x.awaitRestOfHead()
		}
		if errors.Is(err, io.EOF) {
			return edgeerr.Wrap(edgeerr.ClientLeft, errHeadEndsEarly)
		}
		if err != nil {
			return edgeerr.Wrap(edgeerr.ClientLeft, err)
		}
	}
}

// parseFirst reports whether a head has come as a whole that nothing is wrong with, as most
// do, and parses it.
func (x *Exchange) parseFirst(limit int) bool {
	c := x.client
	if c.scan.Begun() || x.overlong {
		return false
	}
	p := c.in.Bytes()
	n := x.req.ParseFirst(p[:min(len(p), limit)])
	if n == 0 {
		return false
	}
	c.scan = head.Scan{}
	c.ExpireAfter(0)
	c.in.Hold(n)
	return true
}

// refusePart refuses a head that is not complete, and notes what a page needs to be
// shown why.
func (x *Exchange) refusePart(err error) error {
	x.noteOrigin(x.client.in.Bytes())
	return err
}

// tooLarge refuses a head beyond limits.head. Where that is the request line's fault,
// the Origin that a page needs to be shown why is still to come: nil has it looked
// for in as much again, for a moment.
func (x *Exchange) tooLarge(limit int) error {
	c := x.client
	whole, err := head.TooLarge(c.in.Bytes(), limit)
	switch {
	case x.overlong:
		return x.refusePart(errOverlong)
	case whole:
		return x.refusePart(err)
	}
	x.overlong = true
	c.in.Consume(c.in.Len())
	c.scan = head.Scan{}
	c.ExpireAfter(overlongTime)
	return nil
}

// overlongTime is how long the rest of a head is awaited whose request line is too
// long: clients send a head as a whole.
const overlongTime = 500 * time.Millisecond

var errOverlong = edgeerr.New(edgeerr.URITooLong, "")

// awaitRestOfHead bounds the wait for a whole head from its first byte, so that
// a client that sends byte by byte gains nothing.
func (x *Exchange) awaitRestOfHead() error {
	if x.client.Expired() && x.overlong {
		return x.refusePart(errOverlong)
	}
	if x.client.Expired() {
		return x.refusePart(edgeerr.New(edgeerr.RequestTimeout, "the request head did not arrive within timeouts.client_head"))
	}
	if !x.client.Armed() {
		x.client.ExpireAfter(x.edge.snapshot.Load().Config.Timeouts.ClientHead.Duration)
	}
	return wire.ErrWait
}

var errHeadEndsEarly = errors.New("the client ended the request head early")

// findRoute loads the snapshot, once, and keeps what outlives the head. It keeps it also
// where there is no route: the record tells what was asked for.
func (x *Exchange) findRoute() (err error) {
	x.snap = x.edge.snapshot.Load()
	if x.route, err = x.snap.Match(&x.req.Request); err == nil {
		x.passedOver = x.route.PassedOver
	}
	x.note()
	return err
}

// admit asks each gate, and counts the exchange among those that run. It is counted
// once it is in, also where a later gate refuses it: uncount goes by admitted.
func (x *Exchange) admit() error {
	if x.route.Addresses != nil {
		if err := x.checkAddress(); err != nil {
			return err
		}
	}
	if len(x.route.Headers) > 0 {
		if err := x.checkHeaders(); err != nil {
			return err
		}
	}
	if err := x.heed(x.edge.running.Enter(x.snap.Config.Limits.Exchanges)); err != nil {
		return err
	}
	x.admitted = true
	if x.req.HasBeenAt(x.edge.name) {
		return x.loopDetected()
	}
	return x.heed(admit.Body(x.req.Length, x.route.BodyLimit))
}

// heed returns the error of a gate's verdict, or nil, and tells explain of both.
func (x *Exchange) heed(v admit.Verdict) error {
	if told := x.client.store.explains; told != nil {
		told.Gates = append(told.Gates, v)
	}
	return v.Err()
}

// decide applies the credential rules and refuses what they refuse.
func (x *Exchange) decide() error {
	d := &x.req.decision
	*d = x.route.Credential.Decide(x.req.Fields, x.req.Query)
	x.reason, x.notes = d.Reason, d.Notes
	if !d.Rejected() {
		if x.route.Group != nil {
			x.noteCaller()
		}
		if x.client.store.callers != nil {
			x.meet()
		}
		return nil
	}
	return edgeerr.New(codeOf(d.Reason), d.Problem.String())
}

// codeOf returns the error for a reason that refuses the request.
func codeOf(r rewrite.Reason) edgeerr.Code {
	switch r {
	case rewrite.ReasonMalformed:
		return edgeerr.MalformedCredential
	case rewrite.ReasonMissing:
		return edgeerr.CredentialMissing
	}
	return edgeerr.AmbiguousCredential
}
