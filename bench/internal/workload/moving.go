package workload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func nameMoves() Workload {
	return Workload{
		Name: "name-moves", Unit: "exchange", SkipDirect: true, OnRequest: true, OwnNetwork: true, Legs: []Leg{Plain},
		Peers: []string{"apim-edge", "nginx", "haproxy", "nginx-1.30", "haproxy-3.2"},
		About: "the name of the upstream (TTL 1 s) is given another address, under 200 exchanges/s: first while the old upstream goes on, " +
			"then at the moment at which it ends. How long the old one is still asked, and how many exchanges fail",
		Figures: []Figure{
			{Key: "planned_s", Title: "the old one goes on: last exchange there, s", Decimals: 2},
			{Key: "planned_failed", Title: "failed"},
			{Key: "sudden_s", Title: "it ends: last failure, s", Decimals: 2},
			{Key: "sudden_failed", Title: "failed"},
			{Key: "never", Title: "never (of 2)"},
		},
		Run: runNameMoves,
	}
}

const (
	movingRate = 200
	// calm is how long nothing has happened when nothing more is expected: longer than a
	// peer keeps a connection or an answer here.
	calm = 4 * time.Second
)

func runNameMoves(ctx context.Context, c *Cell) (*Sample, error) {
	n, err := c.Named()
	if err != nil {
		return nil, err
	}
	defer n.Stop()
	meter := client.NewMeter()
	l := &client.Open{
		Target: n.Target, Request: n.Target.Request(client.Small, answerMarker), PerSecond: movingRate,
		Connections: c.Size.Connections, Meter: meter, Clock: c.Clock,
	}
	l.Start()
	defer l.Stop()
	if err := sleep(ctx, time.Second); err != nil {
		return nil, err
	}
	if at, err := n.Upstreams[0].Exchanges(); err != nil || at == 0 || meter.Errors.Load() > 0 {
		return nil, fmt.Errorf("%d exchanges before the name moves: %w", at, errors.Join(err, meter.FirstError()))
	}
	s := &Sample{Figures: map[string]float64{"never": 0}}
	n.Point(1)
	if err := s.settles(ctx, c.Size.Moving, "planned", meter, n.Upstreams[0].Exchanges); err != nil {
		return nil, err
	}
	old, next := 1, 0
	if s.Figures["never"] > 0 { // it still asks the first
		old, next = 0, 1
	}
	before, err := n.Upstreams[next].Exchanges()
	if err != nil {
		return nil, err
	}
	n.Point(next)
	n.Kill(old)
	if err := s.settles(ctx, c.Size.Moving, "sudden", meter, func() (int64, error) { return meter.Errors.Load(), nil }); err != nil {
		return nil, err
	}
	if after, err := n.Upstreams[next].Exchanges(); err != nil || after == before {
		return nil, fmt.Errorf("no exchange reached the upstream that is left: %w", errors.Join(err, meter.FirstError()))
	}
	s.Kinds = meter.Kinds() // and no Errors: they are the figures
	return s, nil
}

// settles adds how long count went on growing, and how many exchanges failed meanwhile.
func (s *Sample) settles(ctx context.Context, limit time.Duration, key string, meter *client.Meter, count func() (int64, error)) error {
	began := time.Now()
	failed := meter.Errors.Load()
	seen, err := count()
	last := began
	for err == nil && time.Since(last) < calm && time.Since(began) < limit {
		if err = sleep(ctx, 5*time.Millisecond); err != nil {
			break
		}
		var now int64
		if now, err = count(); now != seen {
			seen, last = now, time.Now()
		}
	}
	if err != nil {
		return err
	}
	s.Figures[key+"_failed"] = float64(meter.Errors.Load() - failed)
	if time.Since(last) < calm {
		s.Figures["never"]++
		return nil
	}
	s.Figures[key+"_s"] = last.Sub(began).Seconds()
	return nil
}
