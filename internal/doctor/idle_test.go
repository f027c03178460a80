package doctor

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// TestIdle: who ends an idle connection in order is told from who forgets it.
func TestIdle(t *testing.T) {
	idle := func(o *Options) { o.Idle = 400 * time.Millisecond }
	e := ask(t, legacy(t, lookalike.Options{PrimaryKey: testKey}), idle)
	if got := e.finding(OK, "idle"); !strings.Contains(got, "still served") || len(e.held(Connection)) != steps {
		t.Errorf("kept: %q; all: %+v", got, e.Idle)
	}
	e = ask(t, legacy(t, lookalike.Options{PrimaryKey: testKey, IdleTimeout: 20 * time.Millisecond}), func(o *Options) { o.Idle = 4 * time.Second })
	if got := e.finding(Note, "idle"); got == "" {
		t.Errorf("ended in order: %+v, all: %+v", e.Findings, e.Idle)
	}
	e = ask(t, forgetful(t), func(o *Options) { o.Idle, o.Timeout = 200*time.Millisecond, 2*time.Second })
	if got := e.finding(Problem, "idle"); !strings.Contains(got, "without a word") {
		t.Errorf("forgotten: %+v, all: %+v", e.Findings, e.Idle)
	}
}

// held returns what became of those of one kind.
func (e *Examination) held(kind Held) (all []Idle) {
	for _, i := range e.Idle {
		if i.Held == kind {
			all = append(all, i)
		}
	}
	return all
}

// TestSilence: an exchange that is silent in both directions is ended by some, and lives
// with others. A second stands for the minutes of a balancer.
func TestSilence(t *testing.T) {
	api := legacy(t, lookalike.Options{PrimaryKey: testKey})
	for _, tc := range []struct {
		name, url string
		idle      time.Duration
		kind      Kind
		want      string
		last      Fate
	}{
		{"it lives", balancer(t, api, time.Hour, byForgetting), 400 * time.Millisecond, OK, "were answered in the end", Alive},
		{"a balancer resets it", balancer(t, api, time.Second, byReset), time.Minute, Problem, "was ended after", Closed},
		{"a balancer closes it", balancer(t, api, time.Second, byFIN), time.Minute, Problem, "was ended after", Closed},
		{"a balancer forgets it", balancer(t, api, time.Second, byForgetting), 4 * time.Second, Problem, "without a word", Lost},
		{"a timer for bodies", impatient(t, http.StatusRequestTimeout), 4 * time.Second, Note, "was answered with 408 after", Answered},
		{"a gateway gives up", impatient(t, http.StatusGatewayTimeout), 4 * time.Second, Problem, "was answered with 504 after", Answered},
		{"no body is waited for", hasty(t), 400 * time.Millisecond, Note, "answers with 400 before it has the body", Answered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := ask(t, tc.url, func(o *Options) { o.Idle, o.Timeout = tc.idle, 3*time.Second })
			all := e.held(Exchange)
			if got := e.finding(tc.kind, "silence"); !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %q; all: %+v", got, tc.want, e.Findings)
			}
			if len(all) != steps || all[steps-1].Fate != tc.last {
				t.Errorf("all: %+v", all)
			}
		})
	}
}

// TestSilenceNeedsACredential: without one the API answers before it has the body.
func TestSilenceNeedsACredential(t *testing.T) {
	e := ask(t, legacy(t, lookalike.Options{PrimaryKey: testKey}), func(o *Options) { o.Key, o.Idle = secret.Value{}, 100*time.Millisecond })
	if got := e.finding(Note, "silence"); !strings.HasPrefix(got, "no request could be held half-sent") || len(e.held(Exchange)) != 0 {
		t.Errorf("%q; all: %+v", got, e.Idle)
	}
}
