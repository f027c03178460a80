package main

import "fmt"

// outcome is what the client of an exchange has seen.
type outcome struct {
	status    int    // 0: no answer
	code      string // x-apim-edge-error
	id        string // of whoever speaks: upstream's x-soak, or the edge's x-request-id
	bytes     int64  // of the body
	deviation error  // where the body is not upstream's
	err       error  // how the answer was cut; nil: it looks complete
}

// circumstances excuse some outcomes.
type circumstances struct {
	outage   bool   // upstream was down for a part of the time
	stale    bool   // an idle connection was closed by upstream at about that time
	arrivals int    // how often the request came to upstream
	wrong    string // what upstream found wrong with it
}

// expected are the codes of the edge that a fate may end in.
var expected = map[fate][]string{
	closes:   {"upstream_closed_early"},
	reset:    {"upstream_closed_early"},
	garbage:  {"upstream_invalid_response"},
	hang:     {"upstream_head_timeout"},
	cutReset: {"upstream_closed_early"}, // the reset may overtake the head
}

// inOutage are the codes that a restart of upstream may end in.
var inOutage = []string{"upstream_connect_failed", "upstream_closed_early", "upstream_tls_failed", "upstream_connect_timeout"}

// stalledReader is the kind whose client takes no byte for too long.
const stalledReader = "stalled-reader"

// cutFates end after the head.
var cutFates = map[fate]bool{cut: true, cutReset: true, hangBody: true}

// judge says in a word how an exchange ended, and what must not be so, if anything.
func judge(p *plan, id string, o outcome, c circumstances) (ending, fault string) {
	switch {
	case o.deviation != nil:
		return "wrong body", o.deviation.Error()
	case c.wrong != "":
		return "wrong request", "upstream says: " + c.wrong
	case c.arrivals > 1:
		return "sent twice", fmt.Sprintf("it came to upstream %d times", c.arrivals)
	case o.status == 0:
		return "no answer", fmt.Sprintf("no answer: %v", o.err)
	case o.id != id:
		return "another's answer", fmt.Sprintf("it gets the answer %d %s of %q", o.status, o.code, o.id)
	case o.code != "":
		return judgeError(p, o, c)
	case o.status/100 != 2 && o.status != 101:
		return "wrong status", fmt.Sprintf("status %d", o.status)
	case o.err != nil:
		return judgeCut(p, o, c)
	case p.fate != good && p.fate != slow:
		return "looks complete", fmt.Sprintf("a broken answer looks complete after %d bytes", o.bytes)
	case p.kind == stalledReader:
		return "not cut", fmt.Sprintf("its client took no byte for %s and was not cut off", p.pause)
	case c.arrivals == 0:
		return "from nowhere", "it was answered, but never came to upstream"
	}
	return "complete", ""
}

// judgeError judges an error that the edge has made.
func judgeError(p *plan, o outcome, c circumstances) (ending, fault string) {
	isOneOf := func(codes []string) bool {
		for _, code := range codes {
			if code == o.code {
				return true
			}
		}
		return false
	}
	switch {
	case isOneOf(expected[p.fate]):
		return o.code, ""
	case c.outage && isOneOf(inOutage):
		return "restart: " + o.code, ""
	case c.stale && c.arrivals == 0 && o.code == "upstream_closed_early":
		return "stale: " + o.code, "" // HTTP/1.1 cannot tell whether it was begun
	}
	return o.code, fmt.Sprintf("status %d %s, upstream saw it %d times", o.status, o.code, c.arrivals)
}

// judgeCut judges an answer that ended early.
func judgeCut(p *plan, o outcome, c circumstances) (ending, fault string) {
	switch {
	case cutFates[p.fate]:
		return "cut", ""
	case p.kind == stalledReader:
		return "client_stalled", ""
	case c.outage:
		return "restart: cut", ""
	}
	return "cut", fmt.Sprintf("cut after %d bytes: %v", o.bytes, o.err)
}
