// Package admit says who may pass, before anything is sent: within the limits of the
// edge, from where a route may be called, and within its limits. Each gate gives a verdict, a value that refuses a
// request or explains to its operator why it may pass.
//
// The limits of a route count requests per time ([Rate]) and at a time ([Crowd]), by a
// [Key] that stands for a credential, a client's address or the route itself. Where
// replicas must agree, a [Lender] has shares of a store that they ask in common; nobody
// waits for that.
package admit

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// A Verdict is what one gate says of one request.
type Verdict struct {
	// Gate is what the operator calls it: the key of the configuration.
	Gate string
	// Code is edgeerr.None where the request may pass.
	Code edgeerr.Code
	// Message is shown to the client. Empty: the code's own words.
	Message string
	// After is when the same request may pass; 0: what the code says.
	After time.Duration
	// Limit is the kind of limit of the route that refuses; empty: none does.
	Limit string
	// Note explains the gate to its operator; empty: its name does.
	Note string
	// Cause is what the log says of a refusal, and no client reads; nil: nothing.
	Cause error
}

// Passes reports whether the request may go on.
func (v Verdict) Passes() bool { return v.Code == edgeerr.None }

// Err returns the error that ends the exchange, or nil.
func (v Verdict) Err() error {
	if v.Passes() {
		return nil
	}
	return &edgeerr.Error{Code: v.Code, Message: v.Message, Err: v.Cause, After: v.After}
}

// Running counts the exchanges that run, of all loops, and is the gate of
// limits.exchanges. Its zero value is open.
type Running struct {
	n     atomic.Int64
	ended atomic.Bool
}

// Enter counts an exchange in if it may pass: then Leave counts it out. most is
// limits.exchanges; 0: no limit.
func (r *Running) Enter(most int) Verdict {
	v := Verdict{Gate: "limits.exchanges"}
	switch n := r.n.Add(1); {
	case r.ended.Load():
		v.Code = edgeerr.EdgeDraining
	case most > 0 && n > int64(most):
		v.Code, v.Message = edgeerr.EdgeOverloaded, "limits.exchanges is reached; wait and repeat, or raise it"
	default:
		return v
	}
	r.n.Add(-1)
	return v
}

// Leave counts an exchange out.
func (r *Running) Leave() { r.n.Add(-1) }

// Count returns how many exchanges run.
func (r *Running) Count() int64 { return r.n.Load() }

// End refuses whoever comes from now on: the drain is over.
func (r *Running) End() { r.ended.Store(true) }

// Ended reports whether End has been called.
func (r *Running) Ended() bool { return r.ended.Load() }

// Body is the gate of limits.request_body for a body that says how long it is; one
// that does not is counted as it comes. length is negative for that, most 0 for no
// limit.
func Body(length, most int64) Verdict {
	v := Verdict{Gate: "limits.request_body"}
	if most > 0 && length > most {
		v.Code = edgeerr.BodyTooLarge
	}
	return v
}

// String returns the verdict as explain shows it.
func (v Verdict) String() string {
	switch {
	case v.Passes() && v.Note != "":
		return v.Gate + ": passes; " + v.Note
	case v.Passes():
		return v.Gate + ": passes"
	}
	return v.Gate + ": " + strconv.Itoa(v.Code.Status()) + " " + v.Code.String()
}
