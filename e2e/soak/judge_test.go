package main

import (
	"errors"
	"io"
	"testing"
)

func TestJudge(t *testing.T) {
	whole := outcome{status: 200, id: "soak-1", bytes: 10}
	with := func(change func(o *outcome)) outcome {
		o := whole
		change(&o)
		return o
	}
	said := func(code string) outcome { return outcome{status: 502, id: "soak-1", code: code} }
	short := with(func(o *outcome) { o.err = io.ErrUnexpectedEOF })
	once := circumstances{arrivals: 1}
	for _, tc := range []struct {
		name string
		plan plan
		o    outcome
		c    circumstances
		want string // the ending
		ok   bool
	}{
		{"a whole answer", plan{fate: good}, whole, once, "complete", true},
		{"a slow one", plan{fate: slow}, whole, once, "complete", true},
		{"another's answer", plan{fate: good}, with(func(o *outcome) { o.id = "soak-2" }), once, "another's answer", false},
		{"another's error", plan{fate: hang}, outcome{status: 504, id: "soak-2", code: "upstream_head_timeout"}, once, "another's answer", false},
		{"a byte that is wrong", plan{fate: good}, with(func(o *outcome) { o.deviation = errors.New("at 3") }), once, "wrong body", false},
		{"a byte that is wrong, in a cut", plan{fate: cut}, with(func(o *outcome) { o.deviation = errors.New("at 3"); o.err = io.EOF }), once, "wrong body", false},
		{"the key arrives in the wrong place", plan{fate: good}, whole, circumstances{arrivals: 1, wrong: "api-key"}, "wrong request", false},
		{"sent twice", plan{fate: good}, whole, circumstances{arrivals: 2}, "sent twice", false},
		{"answered by nobody", plan{fate: good}, whole, circumstances{}, "from nowhere", false},
		{"no answer at all", plan{fate: good}, outcome{err: io.EOF}, once, "no answer", false},
		{"no answer at all, in an outage", plan{fate: good}, outcome{err: io.EOF}, circumstances{outage: true}, "no answer", false},
		{"upstream's status is 200, the client's is not", plan{fate: good}, with(func(o *outcome) { o.status = 500 }), once, "wrong status", false},
		{"a cut that shows", plan{fate: cut}, short, once, "cut", true},
		{"a cut that looks complete", plan{fate: cut}, whole, once, "looks complete", false},
		{"a hang that looks complete", plan{fate: hangBody}, whole, once, "looks complete", false},
		{"a good answer that is cut", plan{fate: good}, short, once, "cut", false},
		{"a good answer that a restart has cut", plan{fate: good}, short, circumstances{arrivals: 1, outage: true}, "restart: cut", true},
		{"a reader that stalled is cut off", plan{fate: good, kind: stalledReader}, short, once, "client_stalled", true},
		{"a reader that stalled is not cut off", plan{fate: good, kind: stalledReader}, whole, once, "not cut", false},
		{"upstream closes without an answer", plan{fate: closes}, said("upstream_closed_early"), once, "upstream_closed_early", true},
		{"upstream talks nonsense", plan{fate: garbage}, said("upstream_invalid_response"), once, "upstream_invalid_response", true},
		{"the wrong error for nonsense", plan{fate: garbage}, said("upstream_closed_early"), once, "upstream_closed_early", false},
		{"an error for a good one", plan{fate: good}, said("upstream_closed_early"), once, "upstream_closed_early", false},
		{"an error of a restart", plan{fate: good}, said("upstream_connect_failed"), circumstances{outage: true}, "restart: upstream_connect_failed", true},
		{"an error that no restart makes", plan{fate: good}, said("internal"), circumstances{outage: true}, "internal", false},
		{"a stale connection that took nothing", plan{fate: good}, said("upstream_closed_early"), circumstances{stale: true}, "stale: upstream_closed_early", true},
		{"a stale connection that took the request", plan{fate: good}, said("upstream_closed_early"), circumstances{stale: true, arrivals: 1}, "upstream_closed_early", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ending, fault := judge(&tc.plan, "soak-1", tc.o, tc.c)
			if ending != tc.want || (fault == "") != tc.ok {
				t.Errorf("got %q, fault %q\nwant %q, ok %v", ending, fault, tc.want, tc.ok)
			}
		})
	}
}
