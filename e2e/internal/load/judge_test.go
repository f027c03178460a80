package load

import (
	"errors"
	"io"
	"os"
	"testing"
)

func TestJudge(t *testing.T) {
	whole := outcome{status: 200, id: "load-1", bytes: 10}
	with := func(change func(o *outcome)) outcome {
		o := whole
		change(&o)
		return o
	}
	said := func(code string) outcome { return outcome{status: 502, id: "load-1", code: code} }
	short := with(func(o *outcome) { o.err = io.ErrUnexpectedEOF })
	once := circumstances{arrivals: 1}
	meant := func(f Fate, kind string) Plan { return Plan{Part: Part{Fate: f}, Kind: kind} }
	posted := func(f Fate) Plan { return Plan{Part: Part{Fate: f, Upload: 1}} }
	for _, tc := range []struct {
		name string
		plan Plan
		o    outcome
		c    circumstances
		want string // the ending
		ok   bool
	}{
		{"a whole answer", meant(Good, ""), whole, once, "complete", true},
		{"a slow one", meant(Slow, ""), whole, once, "complete", true},
		{"another's answer", meant(Good, ""), with(func(o *outcome) { o.id = "load-2" }), once, "another's answer", false},
		{"another's error", meant(Hang, ""), outcome{status: 504, id: "load-2", code: "upstream_head_timeout"}, once, "another's answer", false},
		{"a byte that is wrong", meant(Good, ""), with(func(o *outcome) { o.deviation = errors.New("at 3") }), once, "wrong body", false},
		{"a byte that is wrong, in a cut", meant(Cut, ""), with(func(o *outcome) { o.deviation = errors.New("at 3"); o.err = io.EOF }), once, "wrong body", false},
		{"the key arrives in the wrong place", meant(Good, ""), whole, circumstances{arrivals: 1, wrong: "api-key"}, "wrong request", false},
		{"sent twice", meant(Good, ""), whole, circumstances{arrivals: 2}, "sent twice", false},
		{"a GET that was lost and sent twice", meant(Closes, ""), said("upstream_closed_early"), circumstances{arrivals: 2}, "upstream_closed_early", true},
		{"a GET that a restart has lost", meant(Good, ""), whole, circumstances{arrivals: 2, outage: true}, "complete", true},
		{"a GET that was sent a third time", meant(Resets, ""), said("upstream_closed_early"), circumstances{arrivals: 3}, "sent twice", false},
		{"a POST that was lost and sent twice", posted(Closes), said("upstream_closed_early"), circumstances{arrivals: 2}, "sent twice", false},
		{"a POST that a restart has doubled", posted(Good), whole, circumstances{arrivals: 2, outage: true}, "sent twice", false},
		{"answered by nobody", meant(Good, ""), whole, circumstances{}, "from nowhere", false},
		{"no answer at all", meant(Good, ""), outcome{err: io.EOF}, once, "no answer", false},
		{"no answer at all, in an outage", meant(Good, ""), outcome{err: io.EOF}, circumstances{outage: true}, "no answer", false},
		{"upstream's status is 200, the client's is not", meant(Good, ""), with(func(o *outcome) { o.status = 500 }), once, "wrong status", false},
		{"a cut that shows", meant(Cut, ""), short, once, "cut", true},
		{"a cut that looks complete", meant(Cut, ""), whole, once, "looks complete", false},
		{"a hang that looks complete", meant(HangBody, ""), whole, once, "looks complete", false},
		{"a good answer that is cut", meant(Good, ""), short, once, "cut", false},
		{"a good answer that a restart has cut", meant(Good, ""), short, circumstances{arrivals: 1, outage: true}, "restart: cut", true},
		{"a reader that stalled is cut off", meant(Good, stalledReader), short, once, "client_stalled", true},
		{"a reader that stalled is not cut off", meant(Good, stalledReader), whole, once, "not cut", false},
		{"upstream closes without an answer", meant(Closes, ""), said("upstream_closed_early"), once, "upstream_closed_early", true},
		{"upstream talks nonsense", meant(Garbage, ""), said("upstream_invalid_response"), once, "upstream_invalid_response", true},
		{"the wrong error for nonsense", meant(Garbage, ""), said("upstream_closed_early"), once, "upstream_closed_early", false},
		{"an error for a good one", meant(Good, ""), said("upstream_closed_early"), once, "upstream_closed_early", false},
		{"an error of a restart", meant(Good, ""), said("upstream_connect_failed"), circumstances{outage: true}, "restart: upstream_connect_failed", true},
		{"an error that no restart makes", meant(Good, ""), said("internal"), circumstances{outage: true}, "internal", false},
		{"an error that may come at any time", meant(Good, ""), said("edge_overloaded"), circumstances{codes: map[string]int{"edge_overloaded": 502}}, "edge_overloaded", true},
		{"the same with another status", meant(Good, ""), said("edge_overloaded"), circumstances{codes: map[string]int{"edge_overloaded": 503}}, "edge_overloaded", false},
		{"no answer at all from an edge that goes", meant(Good, ""), outcome{err: io.EOF, mayFail: true}, circumstances{}, "no answer", true},
		{"a balancer's error for an edge that goes", meant(Good, ""), outcome{status: 502, mayFail: true}, circumstances{}, "refused in front of the edge", true},
		{"a balancer's error for an edge that stays", meant(Good, ""), outcome{status: 502}, circumstances{}, "another's answer", false},
		{"a balancer's error for what was sent twice", posted(Good), outcome{status: 502, mayFail: true}, circumstances{arrivals: 2}, "sent twice", false},
		{"nothing for ever", meant(Good, ""), outcome{err: os.ErrDeadlineExceeded, mayFail: true}, circumstances{}, "never ends", false},
		{"a stale connection that took nothing", meant(Good, ""), said("upstream_closed_early"), circumstances{stale: true}, "stale: upstream_closed_early", true},
		{"a stale connection that took the request", meant(Good, ""), said("upstream_closed_early"), circumstances{stale: true, arrivals: 1}, "upstream_closed_early", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ending, fault := judge(&tc.plan, "load-1", tc.o, tc.c)
			if ending != tc.want || (fault == "") != tc.ok {
				t.Errorf("got %q, fault %q\nwant %q, ok %v", ending, fault, tc.want, tc.ok)
			}
		})
	}
}
