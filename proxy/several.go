package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/relay"
	"github.com/apim-edge/apim-edge/proxy/upstream"
)

// A route may have several upstreams. A request is tried at each once at most, nothing
// is waited for in between, and it moves on only where nothing of it ran: no connection
// was there, or the upstream itself has said so (429, 503). A route with one upstream has
// no Group, and none of this.

// several is where a request goes whose route has several upstreams. An exchange has room
// for it only then: all of an exchange is cleared each time.
type several struct {
	upstream.Choice
	target   *upstream.Target // where the attempt goes; nil until that is chosen
	straight bool             // it is sent what the client sends
	before   []record.Attempt // each at another upstream
	failure  error            // of the attempt, behind which the rest of the body is looked at
	// soonest is when one of them can be asked again, where none can now; 0: what the
	// upstream says of that passes.
	soonest time.Duration
}

// noteCaller notes what the choice of several depends on. It comes before the gate, which may put
// another key in the place of the caller's.
func (x *Exchange) noteCaller() {
	g, d := x.route.Group, &x.req.decision
	credential := d.Key
	if credential == nil {
		credential = d.BearerToken()
	}
	x.several = x.client.store.several.take()
	x.several.Choice = upstream.Choice{Caller: g.CallerOf(credential), Stays: head.NamesResource(x.req.Path), Peek: x.client.store.explains != nil}
	if head.LogsIn(d, &x.req.Request) { // over several requests, each with another credential
		x.several.AtKey(x.client.address.AsSlice())
		x.several.Stays = true
	}
}

// pick chooses where the attempt goes.
func (a *attempt) pick(x *Exchange) (err error) {
	if a.target == nil {
		if a.target, err = x.choose(); err == nil {
			x.req.sent = a.target.Decision(x.route.Credential, &x.req.decision)
			if x.trace != nil {
				x.traceAttempt(a)
			}
		}
	}
	return err
}

// choose returns where the request goes first, and then again, until it moves on.
func (x *Exchange) choose() (*upstream.Target, error) {
	s := x.several
	switch {
	case s == nil:
		return x.route.Target, nil
	case s.target == nil:
		s.Stays = s.Stays || head.NamesID(x.bodyHead())
		m := x.route.Group.Next(&s.Choice)
		if m == nil {
			return nil, x.allThrottled()
		}
		s.target, s.straight = m.Target, m.Straight
	}
	return s.target, nil
}

// allThrottled is the answer where every upstream has said when to come again.
func (x *Exchange) allThrottled() error {
	g := x.route.Group
	return &edgeerr.Error{
		Code: edgeerr.UpstreamsThrottled, After: max(g.Soonest(&x.several.Choice), time.Millisecond),
		Err: errors.New("all of them have asked to be left alone: " + strings.Join(g.Serving(&x.several.Choice), ", ")),
	}
}

// errMoved tells that nothing ran at the upstream, and that target is another one.
var errMoved = errors.New("another upstream is asked")

// heard takes note of the answer of one of several, and moves the request if that is an answer
// of one who has done nothing.
func (x *Exchange) heard() error {
	g, r, moves := x.route.Group, x.attempt.resp, false
	switch {
	case r.Status == 429:
		moves = g.OnStatus429
		g.Throttled(&x.several.Choice, upstream.Told(r.Fields(), time.Now()))
	case r.Status == 503:
		moves = g.OnStatus503
		g.Failed(&x.several.Choice, upstream.CauseServerError, upstream.Told(r.Fields(), time.Now()))
	case r.Status >= 500:
		g.Failed(&x.several.Choice, upstream.CauseServerError, 0)
	case r.Status == 408: // whose fault that is nobody knows
		g.Undecided(&x.several.Choice)
	default:
		g.Succeeded(&x.several.Choice)
	}
	if r.Status != 429 && r.Status != 503 {
		return nil
	}
	if moves && x.sendable() && !head.NamesID(x.wholeBody()) && x.moveOn(record.Attempt{Status: r.Status}) {
		return errMoved
	}
	if !x.several.Stays {
		x.several.soonest = g.Soonest(&x.several.Choice)
	}
	return nil
}

// wholeBody returns what there is of the body beyond what was looked at for the first choice,
// without its framing.
func (x *Exchange) wholeBody() []byte {
	front, rest := x.bodyHead(), x.upload.Copy.Bytes()
	switch {
	case x.req.Length < 0:
		return relay.Content(front, rest)
	case len(rest) == 0:
		return front
	}
	return slices.Concat(front, rest)
}

// failed takes note of an attempt that has come to an error, and reports whether the
// request may move on.
func (x *Exchange) failed(err error) bool {
	g := x.route.Group
	code := edgeerr.CodeOf(err)
	nothing := x.attempt.taken == 0 && x.attempt.resp == nil // was taken of the request
	switch code {
	case edgeerr.UpstreamUnresolved, edgeerr.UpstreamConnectFailed, edgeerr.UpstreamConnectTimeout, edgeerr.UpstreamTLSFailed:
		g.Failed(&x.several.Choice, upstream.CauseConnect, 0)
	case edgeerr.UpstreamClosedEarly, edgeerr.UpstreamHeadTimeout, edgeerr.UpstreamInvalidResponse, edgeerr.UpstreamStalled:
		cause := upstream.CauseNoAnswer
		if nothing {
			cause = upstream.CauseConnect
		}
		g.Failed(&x.several.Choice, cause, 0)
	case edgeerr.UpstreamUnavailable, edgeerr.NoUpstreamCredential: // no fault of the upstream
		g.Undecided(&x.several.Choice)
	default:
		return false
	}
	return nothing && g.OnConnect && x.req != nil
}

// moveOn chooses another upstream, and reports whether there is one.
func (x *Exchange) moveOn(was record.Attempt) bool {
	s := x.several
	next := x.route.Group.Next(&s.Choice)
	if next == nil {
		return false
	}
	was.Upstream = s.target.Name
	s.before = append(s.before, was)
	s.target.Health.Moved.Add(1)
	s.target, s.straight, x.keyTried = next.Target, next.Straight, false
	return true
}

// undecided tells that the attempt has ended without showing how the upstream is.
func (x *Exchange) undecided() {
	if s := x.several; s != nil {
		x.route.Group.Undecided(&s.Choice)
	}
}

// asked returns the name of the upstream that was asked, for people.
func (x *Exchange) asked() string {
	if up := x.askedLast(); up != nil {
		return up.Name
	}
	return ""
}

// askedLast returns the upstream that was asked, and where there is one that might have
// been; nil: none of several.
func (x *Exchange) askedLast() *upstream.Target {
	switch {
	case x.route.Group == nil:
		return x.route.Target
	case x.several == nil:
		return nil
	}
	return x.several.target
}

// moved returns the attempts at other upstreams, before that.
func (x *Exchange) moved() []record.Attempt {
	if x.several == nil {
		return nil
	}
	return x.several.before
}

// A Candidate is one of several upstreams that a request would try, and Line the request
// line that it would receive.
type Candidate struct{ Upstream, URL, Why, Line string }

// candidates returns them in their order, as it is now.
func (x *Exchange) candidates() (all []Candidate) {
	g := x.route.Group
	if g == nil {
		return nil
	}
	c := x.several.Choice
	for m := g.Next(&c); m != nil; m = g.Next(&c) {
		x.attempt, x.req.sent = attempt{target: m.Target}, m.Decision(x.route.Credential, &x.req.decision)
		x.several.straight = m.Straight
		var forwarded head.Forwarded
		x.fill(&forwarded)
		line, _, _ := strings.Cut(string(forwarded.Append(nil)), "\r\n")
		all = append(all, Candidate{m.Name, x.snap.Config.Upstreams[m.Name].URL, x.why(m, &c), x.maskLine(line)})
	}
	x.attempt = attempt{}
	return all
}

func (x *Exchange) why(m *upstream.Member, c *upstream.Choice) string {
	g := x.route.Group
	why := fmt.Sprintf("priority %d, weight %d", m.Priority, m.Weight)
	switch {
	case c.Named():
		why = "this caller is in callers"
	case g.Sticky && x.several.Known():
		why += ", by the hash of the credential"
	default:
		why += ", by chance"
	}
	if m.Straight {
		why += ", is sent what the client sends"
	}
	if x.several.Stays {
		why += "; the request names what is on one resource, and goes nowhere else"
	}
	return why
}
