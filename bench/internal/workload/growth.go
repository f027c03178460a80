package workload

import (
	"context"
	"fmt"
)

// growthSteps are shares of the largest number of streams.
var growthSteps = []struct {
	key, title string
	part       int
}{
	{"cpu_1000th_us", "at 1/1000", 1000},
	{"cpu_100th_us", "at 1/100", 100},
	{"cpu_10th_us", "at 1/10", 10},
	{"cpu_all_us", "at all", 1},
}

func growth() Workload {
	figures := []Figure{{Key: "growth", Title: "CPU per event, all / fewest", Decimals: 2}}
	for _, step := range growthSteps {
		figures = append(figures, Figure{Key: step.key, Title: "CPU µs/event " + step.title, Decimals: 2})
	}
	figures = append(figures, Figure{Key: "streams", Title: "all streams"})
	return Workload{
		Name: "growth", Unit: "event", SkipDirect: true, Figures: figures,
		About: "10,000 events/s in all, from 10, 100, 1,000 and 10,000 SSE streams (or what the limit of open files allows): " +
			"what an event costs must not depend on how many streams there are",
		Run: runGrowth,
	}
}

// runGrowth has the same rate in all at each step: one event a second from each
// of all streams, a thousand from each of the fewest.
func runGrowth(ctx context.Context, c *Cell) (*Sample, error) {
	sum := &Sample{Figures: map[string]float64{"streams": float64(c.Size.IdleStreams)}}
	part := *c
	part.CountCalls = false // the paced events tell
	for _, step := range growthSteps {
		streams := max(1, c.Size.IdleStreams/step.part)
		s, err := part.events(ctx, streams, c.Size.IdleStreams)
		if err != nil {
			return nil, fmt.Errorf("%d streams: %w", streams, err)
		}
		sum.Figures[step.key] = s.Figures["cpu_us"]
		sum.Errors += s.Errors
		if sum.FirstError == "" {
			sum.FirstError = s.FirstError
		}
	}
	first, last := growthSteps[0], growthSteps[len(growthSteps)-1]
	sum.Figures["growth"] = sum.Figures[last.key] / sum.Figures[first.key]
	return sum, nil
}
