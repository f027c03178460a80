package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func handshakes() Workload {
	return Workload{
		Name: "handshakes", Unit: "handshake", SkipDirect: true, Legs: []Leg{TLSBoth},
		About: "1,000 TLS handshakes at a time, each on a new connection that then closes, beside 50 SSE streams with 1,000 events/s in all: " +
			"what the events feel of it, one way. The same streams without a proxy, meanwhile, tell what the machine adds",
		Figures: []Figure{
			{Key: "p99_ms", Title: "event p99 ms in the storm", Decimals: 1},
			{Key: "p50_ms", Title: "p50 ms", Decimals: 2},
			{Key: "max_ms", Title: "max ms"},
			{Key: "calm_p99_ms", Title: "p99 ms before it", Decimals: 2},
			{Key: "beside_p99_ms", Title: "p99 ms in it without the proxy", Decimals: 2},
			{Key: "per_second", Title: "handshakes/s"},
			{Key: "cpu_us", Title: "CPU µs/handshake"},
		},
		Run: runHandshakes,
	}
}

// stormEvents is the share of the paced events that the streams carry here.
const stormEvents = 10

func runHandshakes(ctx context.Context, c *Cell) (*Sample, error) {
	through, beside := c.paced(c.Target), c.paced(c.Direct)
	both := both{through, beside}
	both.Start()
	defer both.Stop()
	for _, l := range []*client.Crowd{through, beside} {
		if err := flowing(ctx, l, c.Size.PacedStreams, 20*time.Second); err != nil {
			return nil, err
		}
	}
	calm := *c
	calm.Size.Window = c.Size.Long / 2
	s, quiet, err := calm.measure(ctx, through.Meter)
	if err != nil {
		return nil, err
	}
	clear(s.Figures)
	s.addMilliseconds("calm_", through.Meter)

	through.Meter.Switch(true)
	beside.Meter.Switch(true)
	before := c.read(through.Meter)
	blown, err := c.storm(ctx)
	if err != nil {
		return nil, err
	}
	w := c.between(before, c.read(through.Meter))
	s.addMilliseconds("", through.Meter)
	s.addMilliseconds("beside_", beside.Meter)
	s.Figures["per_second"] = float64(blown.Handshakes) / blown.Seconds
	events := quiet.cpu.Seconds() / quiet.seconds * w.seconds // what they cost is no part of it
	s.Figures["cpu_us"] = max(0, w.cpu.Seconds()-events) * 1e6 / float64(blown.Handshakes)
	s.Errors = 0
	s.count(through.Meter)
	s.Errors += blown.Errors
	if blown.Errors > 0 {
		s.Kinds["handshake: "+blown.FirstError] += blown.Errors
	}
	return s, nil
}

func (c *Cell) paced(target client.Target) *client.Crowd {
	rate := max(1, c.Size.PacedEvents/stormEvents/c.Size.PacedStreams)
	return &client.Crowd{
		Target: target, Request: target.Request(client.Streamed, fmt.Sprintf("events:%d:0", rate)),
		Streams: c.Size.PacedStreams, Meter: client.NewMeter(), Clock: c.Clock,
	}
}

// addMilliseconds adds what the events took, and lets the meter begin anew.
func (s *Sample) addMilliseconds(prefix string, meter *client.Meter) {
	h := meter.Latency.Take()
	s.Figures[prefix+"p50_ms"] = float64(h.ValueAtQuantile(50)) / 1e6
	s.Figures[prefix+"p99_ms"] = float64(h.ValueAtQuantile(99)) / 1e6
	s.Figures[prefix+"max_ms"] = float64(h.Max()) / 1e6
}

// blown is what the storm prints when it ends.
type blown struct {
	Handshakes int64   `json:"handshakes"`
	Errors     int64   `json:"errors"`
	FirstError string  `json:"first_error"`
	Seconds    float64 `json:"seconds"`
}

// stormEnds is how long the storm may take to end: it waits for its first handshake.
const stormEnds = 30 * time.Second

// storm blows for the long window.
func (c *Cell) storm(ctx context.Context) (b blown, err error) {
	p, err := c.Storm(c.Size.Storm)
	if err != nil {
		return b, err
	}
	err = sleep(ctx, c.Size.Long)
	p.End(stormEnds)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal([]byte(p.Output()), &b); err != nil {
		return b, fmt.Errorf("the storm said %q: %w", p.Output(), err)
	}
	if b.Handshakes == 0 {
		return b, fmt.Errorf("no handshake in the storm: %s", b.FirstError)
	}
	return b, nil
}
