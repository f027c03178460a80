package proxy

import (
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/trace"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// An exchange that is traced has a value that it fills with times. All others have none,
// and each of the functions here ends at once.

// beginTrace decides whether the exchange is traced.
func (x *Exchange) beginTrace() error {
	if x.client.store.explains != nil {
		return nil
	}
	if c, anew, traced := x.snap.Sampler.Begin(x.req.Traceparent); traced {
		x.trace = &trace.Trace{
			Context: c, Anew: anew, Span: trace.NewSpan(), Start: x.start,
			Route: x.snap.Config.Routes[x.route.Name].PathPrefix, Secure: x.client.tls,
		}
	}
	return nil
}

// What follows is called where there is a trace: few exchanges have one, and all others
// should not pay for a call.

// traceAttempt begins another attempt.
func (x *Exchange) traceAttempt(a *attempt) {
	x.trace.Begin(trace.Attempt{
		Upstream: a.target.Name, Address: a.target.Address, Secure: a.target.TLS != nil, Start: x.client.Loop().Now(),
	})
}

// traceWait tells that the attempt waits for a connection.
func (x *Exchange) traceWait() { x.trace.Last().Waits = x.client.Loop().Now() }

// traceConnected tells that the attempt has a connection.
func (x *Exchange) traceConnected() { x.trace.Last().Connected = x.client.Loop().Now() }

// traceHead tells that the final head is there.
func (x *Exchange) traceHead(status int) {
	last := x.trace.Last()
	last.FirstByte, last.Status = x.client.Loop().Now(), status
}

// traceFailed tells that an attempt has come to nothing: err is why.
func (x *Exchange) traceFailed(err error) {
	if err == nil || wire.Waits(err) {
		return
	}
	last := x.trace.Last()
	if last == nil || last.End != 0 {
		return
	}
	last.End = x.client.Loop().Now()
	switch {
	case last.Status != 0: // that says it
	case err == errUntaken || err == errLost:
		last.Error = "connection_lost"
	default:
		last.Error = edgeerr.CodeOf(err).String()
	}
}

// tellTrace ends what is traced, and hands it to whoever tells of it.
func (x *Exchange) tellTrace(r *record.Record) {
	t := x.trace
	t.End, t.Now = x.client.Loop().Now(), time.Now()
	if last := t.Last(); last != nil && last.End == 0 {
		last.End = t.End
		if r.Code != edgeerr.None {
			last.Error = r.Code.String()
		}
	}
	r.Trace = t
}
