package workload

import (
	"context"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func idleStreams() Workload {
	return Workload{
		Name: "idle-streams", Unit: "stream", Fresh: true, SkipDirect: true,
		About: "SSE streams that have had one event and then say nothing: what one costs in memory (PSS; the kernel's socket buffers are not in it)",
		Figures: []Figure{
			{Key: "kib", Title: "KiB/stream", Decimals: 2},
			{Key: "streams", Title: "streams"},
			{Key: "base_mib", Title: "MiB before", Decimals: 1},
		},
		Run: runIdleStreams,
	}
}

func runIdleStreams(ctx context.Context, c *Cell) (*Sample, error) {
	base, err := c.warmMemory(ctx)
	if err != nil {
		return nil, err
	}
	meter := client.NewMeter()
	l := &client.Crowd{
		Target: c.Target, Request: c.Target.Request(client.Streamed, "silent:"+c.ID),
		Streams: c.Size.IdleStreams, Meter: meter, Clock: c.Clock,
	}
	l.Start()
	defer l.Stop()
	if err := flowing(ctx, l, c.Size.IdleStreams, 60*time.Second); err != nil {
		return nil, err
	}
	if err := sleep(ctx, c.Size.Settle); err != nil {
		return nil, err
	}
	used, err := c.Process.PSS()
	if err != nil {
		return nil, err
	}
	s := &Sample{Errors: meter.Errors.Load(), Figures: map[string]float64{
		"kib":      float64(used-base) / 1024 / float64(c.Size.IdleStreams),
		"streams":  float64(c.Size.IdleStreams),
		"base_mib": float64(base) / (1 << 20),
	}}
	s.explain(meter)
	return s, nil
}

// warmMemory lets the peer allocate what it needs at all, and returns what it
// then holds.
func (c *Cell) warmMemory(ctx context.Context) (int64, error) {
	meter := client.NewMeter()
	l := &client.Closed{
		Target: c.Target, Request: c.Target.Request(client.Small, answerMarker), Connections: 8, Meter: meter,
	}
	l.Start()
	err := c.until(ctx, c.Size.Warm, func() bool { return meter.Units.Load() > 0 })
	l.Stop()
	if err == nil {
		err = sleep(ctx, c.Size.Warm)
	}
	if err != nil {
		return 0, err
	}
	if meter.Units.Load() == 0 {
		return 0, fmt.Errorf("nothing came through: %v", meter.FirstError())
	}
	return c.Process.PSS()
}

func stalledClients() Workload {
	return Workload{
		Name: "stalled-clients", Unit: "client", Fresh: true, SkipDirect: true,
		About: "clients that have stopped reading while the upstream has more: what one costs, and whether it grows",
		Figures: []Figure{
			{Key: "kib", Title: "KiB/client", Decimals: 1},
			{Key: "growth_kib_s", Title: "growth KiB/s per client", Decimals: 2},
		},
		Run: runStalledClients,
	}
}

func runStalledClients(ctx context.Context, c *Cell) (*Sample, error) {
	base, err := c.warmMemory(ctx)
	if err != nil {
		return nil, err
	}
	request := c.Target.Request(client.Streamed, "flood")
	for range c.Size.StalledClients {
		conn, err := c.Target.Dial()
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		if err := conn.SetReadBuffer(16 << 10); err != nil {
			return nil, err
		}
		if _, err := conn.Open(request); err != nil {
			return nil, err
		}
	}
	// Queues fill for as long as the window; only then is growth a leak.
	if err := sleep(ctx, c.Size.Settle+c.Size.Window); err != nil {
		return nil, err
	}
	full, err := c.Process.PSS()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := sleep(ctx, c.Size.Window); err != nil {
		return nil, err
	}
	later, err := c.Process.PSS()
	if err != nil {
		return nil, err
	}
	clients := float64(c.Size.StalledClients)
	return &Sample{Figures: map[string]float64{
		"kib":          float64(full-base) / 1024 / clients,
		"growth_kib_s": float64(later-full) / 1024 / clients / time.Since(began).Seconds(),
	}}, nil
}
