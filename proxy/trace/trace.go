package trace

import "time"

// Trace is what is told of one exchange as spans. All times are by the clock of the
// exchange's loop.
type Trace struct {
	Context
	Anew bool // the trace begins here
	// Span is that of the exchange.
	Span [8]byte
	// Route is the path_prefix of the route, Secure tells that the client's connection has
	// TLS.
	Route  string
	Secure bool
	// Start and End are those of the exchange, Now the wall clock at End.
	Start, End time.Duration
	Now        time.Time
	// Attempts are those at upstreams, in their order. The last one may be under way.
	Attempts []Attempt

	text [headerLength]byte
}

// Attempt is one at an upstream. A time that is 0 has not come.
type Attempt struct {
	Span     [8]byte
	Upstream string // its name
	Address  string // host:port
	Secure   bool
	Start    time.Duration
	// Waits is when a connection was asked for that was not there, and Connected when the
	// attempt had one: without Waits it was a kept one.
	Waits, Connected time.Duration
	FirstByte        time.Duration // when the final head was there
	End              time.Duration
	Status           int    // of the answer; 0: none came
	Error            string // why it has failed, as one word; empty: it has not
}

// Begin begins another attempt. Where the one before has not been ended, it ends now.
func (t *Trace) Begin(a Attempt) {
	if last := t.Last(); last != nil && last.End == 0 {
		last.End = a.Start
	}
	a.Span = NewSpan()
	t.Attempts = append(t.Attempts, a)
}

// Last returns the attempt under way, or the last one; nil: there was none.
func (t *Trace) Last() *Attempt {
	if len(t.Attempts) == 0 {
		return nil
	}
	return &t.Attempts[len(t.Attempts)-1]
}
