package workload

import (
	"context"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func mixed() Workload {
	return Workload{
		Name: "mixed-departures", Unit: "second",
		About: "100 streams of 50 events/s whose clients leave after 0.2 to 1 s and come back, and small exchanges at 1,000/s beside them",
		Figures: []Figure{
			{Key: "cpu_ms_s", Title: "CPU ms/s", Decimals: 1},
			{Key: "p50_us", Title: "added exchange p50 µs", Decimals: 1, Added: true},
			{Key: "p99_us", Title: "added exchange p99 µs", Decimals: 1, Added: true},
			{Key: "event_p50_us", Title: "added event p50 µs", Decimals: 1, Added: true},
			{Key: "event_p99_us", Title: "added event p99 µs", Decimals: 1, Added: true},
			{Key: "departures_s", Title: "departures/s", Decimals: 1},
			{Key: "left_behind", Title: "streams left behind"},
		},
		Run: runMixed,
	}
}

// both runs two loads as one.
type both struct{ first, second load }

func (b both) Start() { b.first.Start(); b.second.Start() }
func (b both) Stop()  { b.first.Stop(); b.second.Stop() }

// leftBehindAfter is how long after the last departure an upstream stream may
// still be open before it counts as left behind.
const leftBehindAfter = 250 * time.Millisecond

func runMixed(ctx context.Context, c *Cell) (*Sample, error) {
	exchanges, events := client.NewMeter(), client.NewMeter()
	open := &client.Open{
		Target: c.Target, Request: c.Target.Request(client.Small, answerMarker), PerSecond: c.Size.OpenRate,
		Connections: c.Size.Connections, Meter: exchanges, Clock: c.Clock,
	}
	crowd := &client.Crowd{
		Target: c.Target, Request: c.Target.Request(client.Streamed, "events:50:0"),
		Streams: c.Size.MixedStreams, Meter: events, Clock: c.Clock,
		Shortest: 200 * time.Millisecond, Longest: time.Second,
	}
	events.Switch(true) // with the warm-up: its departures are like all others
	began := time.Now()
	uncounted := *c
	uncounted.CountCalls = false // the work is per second, not per exchange
	s, w, err := uncounted.steady(ctx, both{open, crowd}, exchanges, func() error {
		return c.until(ctx, 0, func() bool { return events.Units.Load() > 0 })
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	delete(s.Figures, "cpu_us")
	if c.Process != nil {
		s.Figures["cpu_ms_s"] = w.cpu.Seconds() * 1e3 / w.seconds
	}
	s.Errors += events.Errors.Load()
	if s.FirstError == "" {
		s.explain(events)
	}
	s.Latency = exchanges.Latency.Histogram()
	s.addLatency("", s.Latency)
	s.addLatency("event_", events.Latency.Histogram())
	s.Figures["departures_s"] = float64(crowd.Departures.Load()) / took
	if err := sleep(ctx, leftBehindAfter); err != nil {
		return nil, err
	}
	left, err := c.Upstream.Streams()
	if err != nil {
		return nil, err
	}
	s.Figures["left_behind"] = float64(left)
	return s, nil
}
