package workload

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
)

func departure() Workload {
	return Workload{
		Name: "departure", Unit: "departure", SkipDirect: true,
		About: "a client leaves (FIN) while nothing is in flight: the time until the upstream's side has ended, in a silent stream and before the response head",
		Figures: []Figure{
			{Key: "stream_ms", Title: "silent stream p50 ms", Decimals: 2},
			{Key: "stream_max_ms", Title: "max ms", Decimals: 2},
			{Key: "head_ms", Title: "before the head p50 ms", Decimals: 2},
			{Key: "head_max_ms", Title: "max ms", Decimals: 2},
			{Key: "never", Title: "never (of 2)"},
		},
		Run: runDeparture,
	}
}

func runDeparture(ctx context.Context, c *Cell) (*Sample, error) {
	s := &Sample{Figures: map[string]float64{"never": 0}}
	for _, kind := range []struct{ marker, figure string }{{"silent", "stream"}, {"wait", "head"}} {
		var took []float64
		for n := range c.Size.Departures {
			id := fmt.Sprintf("%s-%s-%d", c.ID, kind.marker, n)
			after, seen, err := c.leave(ctx, kind.marker, id)
			if err != nil {
				return nil, err
			}
			if !seen {
				s.Figures["never"]++
				took = nil
				break // one is enough to know, and each costs three seconds
			}
			took = append(took, after.Seconds()*1e3)
		}
		if len(took) > 0 {
			slices.Sort(took)
			s.Figures[kind.figure+"_ms"] = took[len(took)/2]
			s.Figures[kind.figure+"_max_ms"] = took[len(took)-1]
		}
	}
	return s, nil
}

// leave begins an exchange, leaves, and tells how long it took until the
// upstream saw the end of it.
func (c *Cell) leave(ctx context.Context, marker, id string) (after time.Duration, seen bool, err error) {
	conn, err := c.Target.Dial()
	if err != nil {
		return 0, false, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10*time.Second + c.Size.Never))
	request := c.Target.Request(client.Streamed, marker+":"+id)
	if marker == "silent" {
		stream, err := conn.Open(request)
		if err != nil {
			return 0, false, err
		}
		if _, err := stream.Next(); err != nil {
			return 0, false, err
		}
	} else if _, err := conn.Write(request); err != nil {
		return 0, false, err
	}
	_, arrived, err := c.waitDeparture(ctx, id, running)
	if err != nil {
		return 0, false, err
	}
	if !arrived {
		return 0, false, fmt.Errorf("the exchange did not reach the upstream within %v", c.Size.Never)
	}
	left := c.Clock.Now()
	if err := conn.Leave(); err != nil {
		return 0, false, err
	}
	at, seen, err := c.waitDeparture(ctx, id, ended)
	return time.Duration(at - left), seen, err
}

type stage int

const (
	running stage = iota
	ended
)

// waitDeparture asks the upstream until the exchange is at the stage, for as
// long as Never.
func (c *Cell) waitDeparture(ctx context.Context, id string, want stage) (at int64, reached bool, err error) {
	end := time.Now().Add(c.Size.Never)
	for time.Now().Before(end) {
		at, known, err := c.Upstream.Departure(id)
		if err != nil {
			return 0, false, err
		}
		if known && (want == running || at > 0) {
			return at, true, nil
		}
		if err := sleep(ctx, 2*time.Millisecond); err != nil {
			return 0, false, err
		}
	}
	return 0, false, nil
}
