package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

var eventFigures = []Figure{
	{Key: "cpu_us", Title: "CPU µs/event", Decimals: 2},
	{Key: "p50_us", Title: "added p50 µs", Decimals: 1, Added: true},
	{Key: "p99_us", Title: "added p99 µs", Decimals: 1, Added: true},
	{Key: "p999_us", Title: "added p99.9 µs", Decimals: 1, Added: true},
	{Key: "first_p50_us", Title: "added first event p50 µs", Added: true},
	{Key: "merged_percent", Title: "merged %", Decimals: 2},
	{Key: "gap_p1_us", Title: "gap p1 µs"},
	{Key: "gap_p99_us", Title: "gap p99 µs"},
	{Key: "held_percent", Title: "rate held %", Decimals: 1},
	{Key: "allocs", Title: "allocs", Decimals: 2},
	{Key: "syscalls", Title: "syscalls", Decimals: 2},
}

func eventsBusy() Workload {
	return Workload{
		Name: "events-busy", Unit: "event", Figures: eventFigures,
		About: "400 SSE streams with 40,000 events/s in all, evenly spread; one-way latency from the upstream's write to the client's read",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			return c.events(ctx, c.Size.BusyStreams, c.Size.BusyEvents)
		},
	}
}

func eventsPaced() Workload {
	return Workload{
		Name: "events-paced", Unit: "event", Figures: eventFigures,
		About: "50 SSE streams with 10,000 events/s in all: the proxy sleeps between events, so each one wakes it",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			return c.events(ctx, c.Size.PacedStreams, c.Size.PacedEvents)
		},
	}
}

func (c *Cell) events(ctx context.Context, streams, perSecond int) (*Sample, error) {
	meter := client.NewMeter()
	rate := max(1, perSecond/streams)
	l := &client.Crowd{
		Target: c.Target, Request: c.Target.Request(client.Streamed, fmt.Sprintf("events:%d:0", rate)),
		Streams: streams, Meter: meter, Clock: c.Clock,
	}
	s, w, err := c.steady(ctx, l, meter, func() error { return flowing(ctx, l, streams, 20*time.Second) })
	if err != nil {
		return nil, err
	}
	s.Figures["merged_percent"] = 100 * w.merged / w.units
	s.Figures["held_percent"] = 100 * w.units / w.seconds / float64(rate*streams)
	gaps := meter.Gap.Histogram()
	s.Figures["gap_p1_us"] = float64(gaps.ValueAtQuantile(1)) / 1e3
	s.Figures["gap_p99_us"] = float64(gaps.ValueAtQuantile(99)) / 1e3
	s.Latency = meter.Latency.Histogram()
	s.addLatency("", s.Latency)
	s.addLatency("first_", meter.FirstEvent.Histogram())
	return s, nil
}

// flowing waits until all streams have had their first event.
func flowing(ctx context.Context, l *client.Crowd, streams int, within time.Duration) error {
	end := time.Now().Add(within)
	for {
		open := l.Flowing.Load()
		if open >= int64(streams) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("only %d of %d streams open after %v: %v", open, streams, within, l.Meter.FirstError())
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}
