package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

// Clients that pause ask for a short stream: three events in 100 to 150 ms.
const (
	pausingMarker = "events:20:3"
	longestPause  = 600 * time.Millisecond
	wavePause     = 350 * time.Millisecond
)

func think() Workload {
	return Workload{
		Name: "think", Unit: "exchange", SkipDirect: true, Legs: []Leg{Plain, TLSUpstream},
		About: "400 clients that read a stream of 0.1 s, pause, and ask again: first in waves, where all of them ask together and pause for 0.35 s, " +
			"then each on its own with pauses up to 0.6 s. What is new is the share of requests that made a new connection to the upstream",
		Figures: []Figure{
			{Key: "waves_cpu_us", Title: "CPU µs/exchange, waves"},
			{Key: "waves_new_percent", Title: "new %", Decimals: 1},
			{Key: "waves_p99_ms", Title: "first byte p99 ms"},
			{Key: "cpu_us", Title: "CPU µs/exchange, each on its own"},
			{Key: "new_percent", Title: "new %", Decimals: 1},
			{Key: "p99_ms", Title: "first byte p99 ms"},
		},
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			s := &Sample{Figures: map[string]float64{}}
			if err := c.waves(ctx, s); err != nil {
				return nil, err
			}
			return s, c.pausing(ctx, s, "")
		},
	}
}

// waves has the clients ask together. The first wave opens connections that the
// others can have, and is not counted.
func (c *Cell) waves(ctx context.Context, s *Sample) error {
	meter := client.NewMeter()
	b := &client.Burst{
		Target: c.Target, Request: c.Target.Request(client.Streamed, pausingMarker), Clients: c.Size.Pausing, Meter: meter,
	}
	defer b.Close()
	if err := b.Connect(); err != nil {
		return err
	}
	wave := func() error {
		b.Send(burstLimit)
		return sleep(ctx, wavePause)
	}
	if err := wave(); err != nil {
		return err
	}
	return c.newConnections(s, "waves_", meter, func() error {
		before := c.read(meter)
		for range max(1, c.Size.Long/(500*time.Millisecond)) {
			if err := wave(); err != nil {
				return err
			}
		}
		w := c.between(before, c.read(meter))
		s.Figures["waves_cpu_us"] = float64(w.cpu.Microseconds()) / w.units
		return nil
	})
}

// newConnections runs what is measured and adds, under the prefix, the share of its exchanges
// for which the peer made a new connection, and how long the first byte took.
func (c *Cell) newConnections(s *Sample, prefix string, meter *client.Meter, run func() error) error {
	before, err := c.Upstream.Accepted()
	if err != nil {
		return err
	}
	units := meter.Units.Load()
	meter.Switch(true)
	if err := run(); err != nil {
		return err
	}
	units = meter.Units.Load() - units
	after, err := c.Upstream.Accepted()
	if err != nil {
		return err
	}
	if units == 0 {
		return fmt.Errorf("nothing came through: %v", meter.FirstError())
	}
	s.Figures[prefix+"new_percent"] = 100 * float64(after-before) / float64(units)
	s.Figures[prefix+"p99_ms"] = float64(meter.Latency.Histogram().ValueAtQuantile(99)) / 1e6
	s.count(meter)
	return nil
}

// loopSteps are numbers of threads: what the peer would start on a machine of so
// many CPUs.
var loopSteps = []int{8, 16, 64}

func manyLoops() Workload {
	var figures []Figure
	for i := range loopSteps { // the most first: its figure is the one for ratios
		n := loopSteps[len(loopSteps)-1-i]
		figures = append(figures,
			Figure{Key: fmt.Sprintf("at%d_cpu_us", n), Title: fmt.Sprintf("CPU µs/exchange, %d threads", n)},
			Figure{Key: fmt.Sprintf("at%d_new_percent", n), Title: "new %", Decimals: 1},
			Figure{Key: fmt.Sprintf("at%d_p99_ms", n), Title: "first byte p99 ms"},
		)
	}
	return Workload{
		Name: "many-loops", Unit: "exchange", SkipDirect: true, Legs: []Leg{TLSUpstream}, Figures: figures,
		About: "the clients of think, each on its own, at proxies that have been started as for a machine of 8, 16 and 64 CPUs " +
			"(on the CPUs of this run: what is shared badly shows, what is computed in parallel does not)",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			s := &Sample{Figures: map[string]float64{}}
			for _, n := range loopSteps {
				if err := c.loops(ctx, s, n); err != nil {
					return nil, fmt.Errorf("%d threads: %w", n, err)
				}
			}
			return s, nil
		},
	}
}

func (c *Cell) loops(ctx context.Context, s *Sample, n int) error {
	fresh, stop, err := c.Start(n)
	if err != nil {
		return err
	}
	defer stop()
	return fresh.pausing(ctx, s, fmt.Sprintf("at%d_", n))
}

// pausing measures a window of clients that pause each on its own.
func (c *Cell) pausing(ctx context.Context, s *Sample, prefix string) error {
	l := &client.Pausing{
		Target: c.Target, Request: c.Target.Request(client.Streamed, pausingMarker),
		Clients: c.Size.Pausing, Pause: longestPause, Meter: client.NewMeter(),
	}
	l.Start()
	defer l.Stop()
	if err := sleep(ctx, c.Size.Long/2); err != nil { // the first requests have nothing to be reused
		return err
	}
	return c.newConnections(s, prefix, l.Meter, func() error {
		part := *c
		part.Size.Window = c.Size.Long
		measured, _, err := part.measure(ctx, l.Meter)
		if err != nil {
			return err
		}
		s.Figures[prefix+"cpu_us"] = measured.Figures["cpu_us"]
		s.Saturated = s.Saturated || measured.Saturated
		return nil
	})
}
