// Package doctor examines an API behind API Management from outside, by a small fixed
// set of harmless requests, and says in plain words what it wants, what stands in the
// way, and which configuration of apim-edge fits. It also says what an error text means
// that somebody has pasted.
//
// What is asked and what is concluded are apart: a prober collects answers, judge reads
// them and asks nobody.
//
// Nothing that it returns holds a secret: keys and tokens are values of package secret,
// revealed where a request is made, and whatever comes from outside is scrubbed of them.
package doctor

import (
	"context"
	"time"

	"github.com/apim-edge/apim-edge/internal/secret"
)

// Options say what to ask, and with what.
type Options struct {
	// Key and Token are credentials to try; empty ones are not tried.
	Key, Token secret.Value
	// Deployment is the model (v1) or deployment (legacy) to ask for. Empty: a name
	// that no resource has, which costs nothing and shows as much.
	Deployment string
	// APIVersion is that of legacy paths.
	APIVersion string
	// Origin is that of the page whose preflight is asked.
	Origin string
	// Timeout bounds each request.
	Timeout time.Duration
	// Stream asks for one streamed answer, which costs a few tokens.
	Stream bool
	// Idle is how long connections are held idle, to see who cuts them; 0: not.
	Idle time.Duration
	// Agent is what the requests say in User-Agent.
	Agent string
	// Progress is told of what takes long; it may come from any goroutine.
	Progress func(text string)
}

// Report is what was found.
type Report struct {
	Examined []Examination `json:"examined"`
}

// Healthy reports whether nothing has to be changed.
func (r *Report) Healthy() bool {
	for _, e := range r.Examined {
		for _, f := range e.Findings {
			if f.Kind == Problem {
				return false
			}
		}
	}
	return true
}

// Examination is what was found at one API.
type Examination struct {
	Route    string    `json:"route,omitempty"` // of the configuration
	URL      string    `json:"url"`
	Edge     string    `json:"edge,omitempty"`
	Network  Network   `json:"network"`
	Answers  []Answer  `json:"answers"`
	Models   []Model   `json:"models,omitempty"`
	Streams  []Stream  `json:"streams,omitempty"`
	Idle     []Idle    `json:"idle,omitempty"`
	Findings []Finding `json:"findings"`
	Way      Way       `json:"way"`
	KeyField string    `json:"key_field,omitempty"`
	// Configuration is the one to use, WhyNone why there is none.
	Configuration string `json:"configuration,omitempty"`
	WhyNone       string `json:"why_none,omitempty"`
}

// Kind is how grave a finding is.
type Kind string

// The kinds.
const (
	OK      Kind = "ok"
	Note    Kind = "note"
	Problem Kind = "problem"
)

// Finding is one thing that was found.
type Finding struct {
	Kind  Kind   `json:"kind"`
	About string `json:"about"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"`
}

// Way is how the mismatch between clients and the API is bridged today (docs/migration.md).
type Way string

// The ways.
const (
	Unclear Way = "unclear"
	// ByClients: the API looks into a field of its own, so clients that also fill
	// that one get through, and no others.
	ByClients Way = "clients"
	// Renamed: the API looks into Authorization.
	Renamed Way = "renamed"
	// Front: something in front of the API moves the key.
	Front Way = "front"
	// Tokens: no subscription key is asked for, a token is.
	Tokens Way = "tokens"
	// Open: nothing is asked for.
	Open Way = "open"
)

// Examine examines each of the targets.
func Examine(ctx context.Context, targets []Target, opt Options) Report {
	var r Report
	for i := range targets {
		r.Examined = append(r.Examined, examine(ctx, &targets[i], &opt))
	}
	return r
}

func examine(ctx context.Context, t *Target, opt *Options) Examination {
	e := Examination{Route: t.Name, URL: t.shown(t.URL), Way: Unclear}
	if t.Edge != nil {
		e.Edge = t.shown(t.Edge)
	}
	p := newProber(t, opt)
	defer p.close()
	e.Network = p.network(ctx)
	f := facts{target: t, opt: opt, network: &e.Network}
	if e.Network.Fault == "" {
		p.paths(ctx, &f)
		p.credentials(ctx, &f)
		p.pages(ctx, &f)
		p.throughEdge(ctx, &f)
		e.Models = p.models(ctx, &f)
		if opt.Stream {
			e.Streams = p.streams(ctx, &f)
		}
		if opt.Idle > 0 {
			e.Idle = p.idle(ctx, &f)
		}
	}
	if e.Network.TLS == nil && p.seen != nil { // through a forward proxy it shows only now
		e.Network.TLS = p.tlsFacts(p.seen)
	}
	e.Answers = p.answers
	v := judge(&f)
	v.judgeModels(e.Models)
	v.judgeStreams(e.Streams)
	v.judgeIdle(e.Idle)
	e.Findings, e.Way, e.KeyField, e.Configuration, e.WhyNone = v.findings, v.way, v.keyField, v.configuration, v.whyNone
	return e
}
