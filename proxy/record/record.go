// Package record is what is told of an exchange: one value, filled once, at its
// end. The access line, the metrics and whoever else wants to know of exchanges
// observe it; nothing else of an exchange is told anywhere.
package record

import (
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/trace"
	"github.com/apim-edge/apim-edge/proxy/usage"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Record is what is told of one exchange. It holds no value of a field, of a query
// key or of a body, save those that are named here. An observer keeps nothing of
// it: the texts lie in a buffer of the exchange.
type Record struct {
	ID, Method, Path []byte
	// Origin is the page's that asked, nil for none.
	Origin []byte
	// APIMRequestID is upstream's own id of the exchange, nil for none.
	APIMRequestID []byte
	Client        Family
	// Version is that of the client.
	Version Version
	// Who has called: nobody, where nobody counts them.
	Who who.ID
	// Needs are what the caller would miss without the edge.
	Needs Needs
	// Loop is the number of the loop that tells: one exchange after the other.
	Loop int

	// Route is nil where the exchange ended before it was known.
	Route *Route
	// Upstream is the name of the one that was asked, empty for none; of several the one
	// that was asked last.
	Upstream string
	// Moved are the attempts before that, each at another upstream.
	Moved []Attempt

	Reason rewrite.Reason
	Notes  rewrite.Notes
	// Hint is what a refusal of the upstream is known as.
	Hint hint.Hint
	// Caller is the client whose key of the edge it was, or the id of the application
	// that has got the token; empty: not asked for, or not known.
	Caller string
	// Holder is the client of the configuration whose key of the edge it was; empty: it was
	// none.
	Holder string
	// Check is what has failed of a token or key that the route asks for.
	Check string
	// CORSRefused is what CORS refused: origin, method or header; empty for nothing.
	CORSRefused string
	// CORSAsked is the method, or the names of fields, that were refused.
	CORSAsked []byte

	// Model is the name of the model in the table of the route's bridge, or in its list of
	// models, and Stray what was repaired in the path; empty: none.
	Model, Stray string
	// Tokens are those that the answer tells of; nil: nobody has looked. NoTokens says why
	// none are known where they should be.
	Tokens   *usage.Tokens
	NoTokens NoTokens

	Status         int // sent to the client; 0: nothing was
	UpstreamStatus int // 0: no answer came
	Up, Down       int64
	Events         int64
	Retries        int

	// Trace is what is told as spans; nil: the exchange is none of those. It is done with,
	// and aliases nothing, so that an observer may keep it.
	Trace *trace.Trace

	// FirstByte is the time to upstream's response head, Duration that to the end.
	FirstByte, Duration time.Duration
	// Now is the loop's clock.
	Now time.Duration

	Ending Ending
	// Stream tells of an event stream or a tunnel.
	Stream bool
	// Limit is the kind of limit of the route that has refused it: requests, concurrent or
	// store; empty: none has.
	Limit string
	// Cut tells that upstream's answer was aborted after its head.
	Cut bool
	// Code and Err say why the exchange has failed: edgeerr.None and nil if it has not.
	Code edgeerr.Code
	Err  error
}

// Remarkable reports whether there is more to tell than of most exchanges: something has
// failed, was refused or incomplete, or has moved, or is told as spans.
func (r *Record) Remarkable() bool {
	return r.Status >= 400 || r.Code != edgeerr.None || r.CORSRefused != "" || r.Ending == StreamIncomplete ||
		len(r.Moved) > 0 || r.Trace != nil
}

// Attempt is one at an upstream that the request has left for another one.
type Attempt struct {
	Upstream string
	Status   int          // of its answer; 0: none came
	Code     edgeerr.Code // of why there is none, with Err
	Err      error
}

// String returns the name with the status, or with the code.
func (a Attempt) String() string {
	if a.Status != 0 {
		return a.Upstream + "=" + strconv.Itoa(a.Status)
	}
	return a.Upstream + "=" + a.Code.String()
}

// Ending is how an exchange that has not failed has ended.
type Ending uint8

// The endings.
const (
	Complete Ending = iota
	// Preflight: the edge has answered a browser's question.
	Preflight
	// StreamIncomplete: an event stream ended in order, but without its final event.
	StreamIncomplete
)

var endings = [...]string{Complete: "complete", Preflight: "preflight", StreamIncomplete: "stream_incomplete"}

// Cause returns the stable text of how the exchange has ended.
func (r *Record) Cause() string {
	if r.Code != edgeerr.None {
		return r.Code.String()
	}
	return endings[r.Ending]
}

// An Observer is told of every exchange, on the loop of its client: it must not
// block.
type Observer interface{ Observe(r *Record) }
