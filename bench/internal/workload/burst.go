package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func burst() Workload {
	figures := []Figure{}
	for _, size := range burstSizes {
		figures = append(figures,
			Figure{Key: size.key + "_cpu_us", Title: "CPU µs/exchange, " + size.title},
			Figure{Key: size.key + "_p50_ms", Title: "first byte p50 ms, " + size.title},
			Figure{Key: size.key + "_p99_ms", Title: "p99 ms"},
			Figure{Key: size.key + "_max_ms", Title: "max ms"},
			Figure{Key: size.key + "_dialed", Title: "dialed"},
		)
	}
	return Workload{
		Name: "burst", Unit: "exchange", SkipDirect: true, Legs: []Leg{Plain, TLSUpstream},
		About: "small exchanges that all begin at once, at a proxy that has just been started and has no connections to the upstream: " +
			"2,000, 5,000 at a fresh one, and 2,000 streams at a third, whose memory is read 12 s later (fewer where the limit of open files wants it)",
		Figures: append(figures,
			Figure{Key: "streams_p99_ms", Title: "first byte p99 ms, streams"},
			Figure{Key: "streams_cpu_us", Title: "CPU µs/stream"},
			Figure{Key: "streams_kib", Title: "KiB/stream later", Decimals: 1},
		),
		Run: runBurst,
	}
}

var burstSizes = []struct{ key, title string }{{"small", "2,000"}, {"large", "5,000"}}

// burstLimit bounds how long an exchange of a burst may take.
const burstLimit = 15 * time.Second

// runBurst has the exchanges while the streams grow old: they say nothing meanwhile.
func runBurst(ctx context.Context, c *Cell) (*Sample, error) {
	s := &Sample{Figures: map[string]float64{}}
	fresh, stop, err := c.Start(0)
	if err != nil {
		return nil, err
	}
	defer stop()
	base, err := fresh.warmMemory(ctx)
	if err != nil {
		return nil, err
	}
	b := &client.Burst{
		Request: c.Target.Request(client.Streamed, "silent:"+fresh.ID), Clients: c.Size.BurstStreams, Answer: client.OpenStream,
	}
	defer b.Close()
	if err := fresh.burst(ctx, s, b, "streams"); err != nil {
		return nil, err
	}
	later := time.Now().Add(c.Size.Later)
	for i, size := range burstSizes {
		if err := c.burstOfExchanges(ctx, s, c.Size.Bursts[i], size.key); err != nil {
			return nil, err
		}
	}
	if err := sleep(ctx, time.Until(later)); err != nil {
		return nil, err
	}
	used, err := fresh.Process.PSS()
	if err != nil {
		return nil, err
	}
	s.Figures["streams_kib"] = float64(used-base) / 1024 / float64(b.Clients)
	return s, nil
}

func (c *Cell) burstOfExchanges(ctx context.Context, s *Sample, n int, key string) error {
	fresh, stop, err := c.Start(0)
	if err != nil {
		return err
	}
	defer stop()
	b := &client.Burst{Request: c.Target.Request(client.Small, answerMarker), Clients: n}
	defer b.Close()
	return fresh.burst(ctx, s, b, key)
}

// burst lets one loose and adds its figures under the key.
func (c *Cell) burst(ctx context.Context, s *Sample, b *client.Burst, key string) error {
	b.Target, b.Meter = c.Target, client.NewMeter()
	b.Meter.Switch(true)
	if err := b.Connect(); err != nil {
		return err
	}
	accepted, err := c.Upstream.Accepted()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, b.Close)
	defer stop()
	before := c.read(b.Meter)
	b.Send(burstLimit)
	s.Saturated = s.Saturated || c.between(before, c.read(b.Meter)).load > saturation
	// What the peer still does about it is part of the price.
	if err := sleep(ctx, c.Size.Settle); err != nil {
		return err
	}
	w := c.between(before, c.read(b.Meter))
	s.count(b.Meter)
	if w.units == 0 {
		return fmt.Errorf("nothing came through: %v", b.Meter.FirstError())
	}
	now, err := c.Upstream.Accepted()
	if err != nil {
		return err
	}
	first := b.Meter.Latency.Histogram()
	for name, value := range map[string]float64{
		"_cpu_us": float64(w.cpu.Microseconds()) / float64(b.Clients), // those that failed cost, too
		"_p50_ms": float64(first.ValueAtQuantile(50)) / 1e6,
		"_p99_ms": float64(first.ValueAtQuantile(99)) / 1e6,
		"_max_ms": float64(first.Max()) / 1e6,
		"_dialed": float64(now - accepted),
	} {
		s.Figures[key+name] = value
	}
	return nil
}

// count adds the errors of the meter, with their kinds.
func (s *Sample) count(meter *client.Meter) {
	s.Errors += meter.Errors.Load()
	if s.FirstError == "" {
		s.explain(meter)
	}
	if s.Kinds == nil {
		s.Kinds = map[string]int64{}
	}
	for kind, n := range meter.Kinds() {
		s.Kinds[kind] += n
	}
}
