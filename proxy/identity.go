package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// caller is what is known of who calls, where the route has a gate. Its zero value is
// nothing.
type caller struct {
	judging *judging         // a token that is verified, or was; nil: none had to be
	passed  *identity.Passed // the token that the route has asked for, or nil
	name    string           // where it may be told
	holder  string           // of a key of the edge that lets it pass: its name in the configuration
	check   string           // of a token or key, that has failed
}

// judging is a token that is verified beside the loop for an exchange that waits.
type judging struct {
	cancel   context.CancelFunc
	verdicts []identity.Verdict
	done     bool
}

// authenticate asks the gate of the route. It stands behind the credential rules, so
// that the token which is verified is the very one that would go upstream. What has been
// seen before is judged at once; what is new is verified beside the loop, where others
// on it do not wait.
func (x *Exchange) authenticate() error {
	gate := x.route.Gate
	if x.caller == nil {
		x.caller = x.client.store.known.take()
	}
	var known []identity.Verdict
	if j := x.caller.judging; j != nil {
		if !j.done {
			return wire.ErrWait
		}
		known = j.verdicts
	}
	r := identity.Request{
		Token: x.req.decision.BearerToken(), Key: x.req.decision.Key, Fields: x.req.Fields, Query: x.req.Query,
	}
	if told := x.client.store.explains; told != nil { // nobody is waited for
		explained, outcome := gate.Explain(&r, time.Now())
		told.Tokens = explained
		return x.settle(gate, &outcome)
	}
	outcome, work := gate.Judge(x.client.store.tokens(), &r, known, time.Now())
	if work != nil {
		work.From = x.req.Sender(x.client.address, x.snap.Trusts)
		x.judge(work)
		return wire.ErrWait
	}
	return x.settle(gate, &outcome)
}

// settle takes over what the gate has said.
func (x *Exchange) settle(gate *identity.Gate, outcome *identity.Outcome) error {
	x.caller.check, x.caller.passed = outcome.Check, outcome.Passed
	c, p := outcome.Client, outcome.Passed
	if c != nil {
		x.req.decision.Key = nil // the client's own key is of no use to anybody else
	}
	switch {
	case c != nil:
		x.who = who.ID{Kind: who.Client, Name: c.Name}
	case p != nil && p.Caller.Application != "":
		x.who = who.ID{Kind: who.Application, Name: p.Caller.Application}
	}
	switch {
	case outcome.Admitted:
		x.caller.holder = c.Name
		x.caller.name, x.req.decision.Key = c.Name, gate.UpstreamKey(c, time.Now())
	case c != nil && outcome.Code != edgeerr.None:
		x.caller.name = c.Name
	case p != nil:
		x.caller.name = p.Caller.Application
	}
	return outcome.Err()
}

// judge has a token verified beside the loop. The exchange may be over when that is
// done; what has come of it is remembered all the same.
func (x *Exchange) judge(work *identity.Work) {
	c, j := x.client, &judging{}
	x.caller.judging = j
	j.cancel = wire.Beside(c.Loop(), work.Do, func(verdicts []identity.Verdict) {
		work.Remember(c.store.tokens(), verdicts, time.Now())
		if c.x != nil && c.x.caller != nil && c.x.caller.judging == j {
			j.verdicts, j.done = verdicts, true
			c.Rouse()
		}
	}, func([]identity.Verdict) {})
}

// stopJudging lets go of a token that nobody waits for any more.
func (x *Exchange) stopJudging() {
	if c := x.caller; c != nil && c.judging != nil {
		c.judging.cancel()
	}
}

// tokens returns what the loop remembers of tokens. It is made when the first route asks
// for one.
func (s *store) tokens() *identity.Cache {
	if s.seen == nil {
		s.seen = identity.NewCache()
	}
	return s.seen
}

// FollowUnreached has told be called with the issuers whose keys could not be had since
// the start, now and whenever that changes; an empty text means none.
func (e *Edge) FollowUnreached(told func(which string)) {
	e.unreached.Store(&told)
	e.tellUnreached()
}

// AwaitKeys waits until each issuer has answered or failed, but not longer than d.
func (e *Edge) AwaitKeys(d time.Duration) {
	pending := func(s issuer.State) bool { return s.Asked == 0 }
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !slices.ContainsFunc(e.registry.Guard.Sources().States(), pending) {
			return
		}
	}
}

func (e *Edge) tellUnreached() {
	e.telling.Lock()
	defer e.telling.Unlock()
	if told := e.unreached.Load(); told != nil {
		(*told)(e.registry.Guard.Sources().Unreached())
	}
}

// keysChanged tells the operator of an issuer.
func (e *Edge) keysChanged(s *issuer.Source, what issuer.Event) {
	state := s.State()
	var line *zerolog.Event
	text := ""
	switch what {
	case issuer.Reached:
		line, text = e.log.Info(), "keys of an issuer are there"
	case issuer.Changed:
		line, text = e.log.Info(), "an issuer has other keys"
	case issuer.Restored:
		line, text = e.log.Info(), "an issuer can be asked again"
	case issuer.Failing:
		line, text = e.log.Warn().Err(state.Err), "an issuer cannot be asked; the keys that were had last stay in use"
		if state.Keys == 0 {
			text = "an issuer cannot be asked, and has not been reached since the start"
		}
	}
	line.Str("issuer", s.Place.Ref).Int("keys", state.Keys).Strs("skipped", state.Skipped).Msg(text)
	e.tellUnreached()
}
