package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Stream is how a streamed answer has come.
type Stream struct {
	Edge   bool `json:"through_edge,omitempty"`
	Status int  `json:"status,omitempty"`
	// Events are those with data, Pieces the reads in which they came.
	Events int `json:"events"`
	Pieces int `json:"pieces"`
	// FirstMs and LastMs are the times from the request to the first and the last
	// event, LongestGapMs the longest between two pieces.
	FirstMs      int64 `json:"first_ms"`
	LastMs       int64 `json:"last_ms"`
	LongestGapMs int64 `json:"longest_gap_ms"`
	// Complete tells that the event has come that ends a stream.
	Complete bool   `json:"complete"`
	Said     string `json:"said,omitempty"`
	Failed   string `json:"failed,omitempty"`
}

// streamTokens is the most that a streamed answer may cost.
const streamTokens = 64

// streams asks for one streamed answer directly, and one through the edge.
func (p *prober) streams(ctx context.Context, f *facts) (all []Stream) {
	if p.opt.Deployment == "" || f.at == nil || f.at.bare.Failed != "" {
		return nil
	}
	p.opt.Progress(fmt.Sprintf("asking for a streamed answer of at most %d tokens, which costs them", streamTokens))
	all = append(all, p.stream(ctx, f, false))
	if p.target.Edge != nil {
		all = append(all, p.stream(ctx, f, true))
	}
	return all
}

// streamPlace is where chat completions are asked for, in the first shape that is there.
func (f *facts) streamPlace() *place {
	for i := range f.places {
		pl := &f.places[i]
		answer := pl.bare
		if pl.with != nil {
			answer = *pl.with
		}
		if r := answer.reach(); pl.method == http.MethodPost && r != noOperation && r != unanswered {
			return pl
		}
	}
	return nil
}

func (p *prober) stream(ctx context.Context, f *facts, edge bool) Stream {
	s := Stream{Edge: edge}
	pl := f.streamPlace()
	if pl == nil {
		s.Failed = "the import has no chat completions"
		return s
	}
	body, err := json.Marshal(map[string]any{
		"model": p.opt.Deployment, "stream": true, "max_completion_tokens": streamTokens,
		"messages": []any{map[string]any{"role": "user", "content": "Count from one to thirty, in words."}},
	})
	if err != nil {
		panic("BUG: " + err.Error()) // strings and numbers
	}
	ctx, cancel := context.WithTimeout(ctx, 4*p.opt.Timeout)
	defer cancel()
	start := time.Now()
	resp, err := p.send(ctx, request{method: http.MethodPost, path: pl.path, body: string(body), fields: f.winner, edge: edge})
	if err != nil {
		s.Failed = p.scrub.clean(reasonOf(err))
		return s
	}
	defer resp.Body.Close() //nolint:errcheck // what has come has been read
	if s.Status = resp.StatusCode; s.Status != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		s.Said = p.scrub.clean(messageOf(text))
		return s
	}
	if err := s.follow(resp.Body, start); err != nil {
		s.Failed = p.scrub.clean(reasonOf(err))
	}
	return s
}

// follow reads the events and notes when they come.
func (s *Stream) follow(body io.Reader, start time.Time) error {
	buf := make([]byte, 32<<10)
	var line []byte // of which the end has not come
	var last time.Time
	for {
		n, err := body.Read(buf)
		line = append(line, buf[:n]...)
		before := s.Events
		for {
			one, rest, whole := bytes.Cut(line, []byte("\n"))
			if !whole {
				break
			}
			line = rest
			if data, ok := bytes.CutPrefix(one, []byte("data:")); ok {
				s.Events++
				s.Complete = s.Complete || strings.TrimSpace(string(data)) == "[DONE]"
			}
		}
		if now := time.Now(); s.Events > before {
			s.Pieces++
			if s.LastMs = now.Sub(start).Milliseconds(); before == 0 {
				s.FirstMs = s.LastMs
			} else {
				s.LongestGapMs = max(s.LongestGapMs, now.Sub(last).Milliseconds())
			}
			last = now
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// judgeStreams says whether events came as they were made. The number of pieces tells,
// and not the times: a fast model is no buffer.
func (v *verdict) judgeStreams(all []Stream) {
	if v.opt.Stream && v.opt.Deployment == "" {
		v.note("stream", "no stream was asked for: no model is named", "give --model NAME (v1: a model, legacy: a deployment)")
	}
	for _, s := range all {
		about, how := "stream", fmt.Sprintf("%d events in %d pieces, the first after %d ms, the last after %d ms, silent for at most %d ms between", s.Events, s.Pieces, s.FirstMs, s.LastMs, s.LongestGapMs)
		if s.Edge {
			about = "stream through the edge"
		}
		switch {
		case s.Failed != "":
			v.problem(about, "it broke: "+s.Failed, "look who cuts it: the edge's log has the cause, if there is one")
		case s.Status != http.StatusOK:
			v.problem(about, fmt.Sprintf("it was refused: %d %s", s.Status, s.Said), "give a --model that the API has, and credentials that it accepts")
		case s.Events > 3 && s.Pieces*4 <= s.Events:
			v.problem(about, "it is buffered on the way: "+how, "set buffer-response=\"false\" in forward-request, and look for policies that read or log the body, and for a proxy that collects")
		case !s.Complete:
			v.problem(about, "it ended without its final event: "+how, "look who ends it early")
		default:
			v.ok(about, "it is not buffered: "+how)
		}
	}
}
