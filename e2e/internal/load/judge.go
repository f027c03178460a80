package load

import (
	"errors"
	"fmt"
	"net"
	"slices"
)

// outcome is what the client of an exchange has seen.
type outcome struct {
	word      string // of a visit that knows its ending by itself; empty: judge it
	status    int    // 0: no answer
	code      string // x-apim-edge-error
	id        string // of whoever speaks: upstream's x-nonce, or the edge's x-request-id
	bytes     int64  // of the body
	deviation error  // where the answer is not what it must be
	err       error  // how the answer was cut; nil: it looks complete
	mayFail   bool   // the edge was going
	unsent    bool   // nothing of the request was sent
	unread    bool   // the connection was refused, and the request not read
}

// seen is the outcome in a word, as the client alone knows it.
func (o *outcome) seen() string {
	switch {
	case o.word != "":
		return o.word
	case o.code != "":
		return o.code
	case o.status == 0:
		return "nothing"
	case o.err != nil:
		return "cut"
	}
	return "complete"
}

// circumstances excuse some outcomes.
type circumstances struct {
	outage   bool           // upstream was down for a part of the time
	stale    bool           // an idle connection was closed by upstream at about that time
	arrivals int            // how often the request came to upstream
	refusals int            // by how many upstreams it was refused
	wrong    string         // what upstream found wrong with it
	codes    map[string]int // errors that may come at any time, with their status; nil: none
}

// expected are the codes of the edge that a fate may end in.
var expected = map[Fate][]string{
	Closes:   {"upstream_closed_early"},
	Resets:   {"upstream_closed_early"},
	Garbage:  {"upstream_invalid_response"},
	Babble:   {"upstream_invalid_response", "upstream_closed_early"}, // no line has come to its end
	Hang:     {"upstream_head_timeout"},
	CutReset: {"upstream_closed_early"}, // the reset may overtake the head
	Truncate: {"upstream_closed_early"},
}

// inOutage are the codes that a restart of upstream may end in.
var inOutage = []string{"upstream_connect_failed", "upstream_closed_early", "upstream_tls_failed", "upstream_connect_timeout"}

// cutFates end after the head.
var cutFates = []Fate{Cut, CutReset, HangBody, Truncate, BadChunk}

// silent are the fates that end a connection without a byte of an answer.
var silent = []Fate{Closes, Resets, CutReset}

// most is how often a request may come to upstream: once more where it may run twice, has
// no body, and may have been lost.
func (c circumstances) most(p *Plan) int {
	if p.Upload == 0 && (c.outage || c.stale || slices.Contains(silent, p.Fate)) {
		return 2
	}
	return 1
}

// judge says in a word how an exchange ended, and what must not be so, if anything.
func judge(p *Plan, id string, o outcome, c circumstances) (ending, fault string) {
	switch {
	case o.deviation != nil:
		return "wrong body", o.deviation.Error()
	case c.wrong != "":
		return "wrong request", "upstream says: " + c.wrong
	case c.arrivals > c.most(p):
		return "sent twice", fmt.Sprintf("it came to upstream %d times", c.arrivals)
	case isTimeout(o.err):
		return "never ends", fmt.Sprintf("nothing came for %s, status %d, %d bytes before", Patience, o.status, o.bytes)
	case o.status == 0 && o.mayFail:
		return "no answer", ""
	case o.status/100 == 5 && o.id == "" && o.mayFail:
		return "refused in front of the edge", ""
	case o.status == 0:
		return "no answer", fmt.Sprintf("no answer: %v", o.err)
	case o.id != id:
		return "another's answer", fmt.Sprintf("it gets the answer %d %s of %q", o.status, o.code, o.id)
	case o.code != "":
		return judgeError(p, o, c)
	case isRefusal(o.status) && c.refusals > 0:
		return "refused", ""
	case o.status/100 != 2 && o.status != 101:
		return "wrong status", fmt.Sprintf("status %d", o.status)
	case c.arrivals == 0:
		return "from nowhere", "it was answered, but never came to upstream"
	case o.err != nil:
		return judgeCut(p, o, c)
	case p.Fate != Good && p.Fate != Slow:
		return "looks complete", fmt.Sprintf("a broken answer looks complete after %d bytes", o.bytes)
	case p.Kind == stalledReader:
		return "not cut", fmt.Sprintf("its client took no byte for %s and was not cut off", p.pause)
	}
	return "complete", ""
}

// judgeError judges an error that the edge has made.
func judgeError(p *Plan, o outcome, c circumstances) (ending, fault string) {
	status, excused := c.codes[o.code]
	switch {
	case excused && status == o.status:
		return o.code, ""
	case slices.Contains(expected[p.Fate], o.code):
		return o.code, ""
	case c.outage && slices.Contains(inOutage, o.code):
		return "restart: " + o.code, ""
	case c.stale && c.arrivals == 0 && o.code == "upstream_closed_early":
		return "stale: " + o.code, "" // HTTP/1.1 cannot tell whether it was begun
	}
	return o.code, fmt.Sprintf("status %d %s, upstream saw it %d times", o.status, o.code, c.arrivals)
}

// judgeCut judges an answer that ended early.
func judgeCut(p *Plan, o outcome, c circumstances) (ending, fault string) {
	switch {
	case slices.Contains(cutFates, p.Fate):
		return "cut", ""
	case p.Kind == stalledReader:
		return "client_stalled", ""
	case c.outage:
		return "restart: cut", ""
	case o.mayFail, c.codes != nil:
		return "cut", "" // its access line has the cause
	}
	return "cut", fmt.Sprintf("cut after %d bytes: %v", o.bytes, o.err)
}

// isTimeout reports whether this side has made the end.
func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}
