package workload

import (
	"context"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

const (
	answerMarker      = "json:512"
	largeAnswerMarker = "json:204800"
)

var exchangeFigures = []Figure{
	{Key: "cpu_us", Title: "CPU µs/exchange", Decimals: 2},
	{Key: "per_second", Title: "exchanges/s"},
	{Key: "p50_us", Title: "added p50 µs", Decimals: 1, Added: true},
	{Key: "p99_us", Title: "added p99 µs", Decimals: 1, Added: true},
	{Key: "allocs", Title: "allocs", Decimals: 2},
	{Key: "syscalls", Title: "syscalls", Decimals: 2},
}

// kept is a workload of exchanges of one shape, over connections that are kept.
func kept(name, about string, shape client.Shape, marker string) Workload {
	return Workload{
		Name: name, Unit: "exchange", Figures: exchangeFigures, About: about,
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			return c.closedLoop(ctx, shape, client.Kept, c.Size.Connections, marker)
		},
	}
}

func smallClosed() Workload {
	return kept("small-closed", "small JSON exchanges (256 B up, 512 B down) over kept connections, each sending its next request at once",
		client.Small, answerMarker)
}

func sdkClosed() Workload {
	return kept("sdk-closed", "exchanges as an OpenAI SDK makes them: 14 fields, 1.5 KB body, 512 B down", client.SDK, answerMarker)
}

func sdkModelLast() Workload {
	w := kept("sdk-model-last", "exchanges as an OpenAI SDK makes them, of 200 KB with the model behind the messages, 512 B down",
		client.ModelLast, answerMarker)
	w.OnRequest = true
	return w
}

func sdkEmbeddings() Workload {
	w := kept("sdk-embeddings", "exchanges as an OpenAI SDK makes them, 1.5 KB up, 200 KB down with Content-Length", client.SDK, largeAnswerMarker)
	w.OnRequest = true
	return w
}

func shortConnections() Workload {
	return Workload{
		Name: "short-connections", Unit: "exchange", Figures: exchangeFigures,
		About: "one exchange per client connection; with TLS towards clients a handshake each",
		Run: func(ctx context.Context, c *Cell) (*Sample, error) {
			return c.closedLoop(ctx, client.Small, client.ForOneExchange, c.Size.Connections/2, answerMarker)
		},
	}
}

func (c *Cell) closedLoop(ctx context.Context, shape client.Shape, reuse client.Reuse, connections int, marker string) (*Sample, error) {
	meter := client.NewMeter()
	l := &client.Closed{
		Target: c.Target, Request: c.Target.Request(shape, marker),
		Connections: max(1, connections), Connection: reuse, Meter: meter,
	}
	s, _, err := c.steady(ctx, l, meter, nil)
	if err != nil {
		return nil, err
	}
	s.Latency = meter.Latency.Histogram()
	s.addLatency("", s.Latency)
	return s, nil
}

func smallOpen() Workload {
	return Workload{
		Name: "small-open", Unit: "exchange",
		About: "the small exchange at a constant 1,000/s; latency from the intended start, so that a stall cannot hide",
		Figures: []Figure{
			{Key: "cpu_us", Title: "CPU µs/exchange", Decimals: 2},
			{Key: "p50_us", Title: "added p50 µs", Decimals: 1, Added: true},
			{Key: "p99_us", Title: "added p99 µs", Decimals: 1, Added: true},
			{Key: "p999_us", Title: "added p99.9 µs", Decimals: 1, Added: true},
			{Key: "held_percent", Title: "rate held %", Decimals: 1},
		},
		Run: runSmallOpen,
	}
}

// openWindows is how many windows an open loop takes: at its rate, the 99th
// percentile of one would be that of a handful of exchanges.
const openWindows = 5

func runSmallOpen(ctx context.Context, c *Cell) (*Sample, error) {
	meter := client.NewMeter()
	l := &client.Open{
		Target: c.Target, Request: c.Target.Request(client.Small, answerMarker), PerSecond: c.Size.OpenRate,
		Connections: c.Size.Connections, Meter: meter, Clock: c.Clock,
	}
	long := *c
	long.Size.Window *= openWindows
	s, w, err := long.steady(ctx, l, meter, nil)
	if err != nil {
		return nil, err
	}
	s.Figures["held_percent"] = 100 * w.units / w.seconds / float64(c.Size.OpenRate)
	s.Latency = meter.Latency.Histogram()
	s.addLatency("", s.Latency)
	return s, nil
}
