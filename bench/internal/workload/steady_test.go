package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
)

// TestAWindowWaitsForItsFirstUnit holds that a machine that is busy with other things does
// not make a measurement fail, and that one in which nothing comes does.
func TestAWindowWaitsForItsFirstUnit(t *testing.T) {
	for _, comes := range []bool{true, false} {
		meter, begun := client.NewMeter(), make(chan struct{}, 2)
		c := &Cell{LoadCores: 1, LoadCPU: func() []proc.CPU { begun <- struct{}{}; return nil }}
		c.Size.Never = 10 * time.Millisecond
		if comes {
			c.Size.Never = time.Minute
			go func() {
				<-begun
				time.Sleep(20 * time.Millisecond) // the window is over
				meter.Latency.Record(0, 1)
				meter.Units.Add(1)
			}()
		}
		s, _, err := c.measure(t.Context(), meter)
		switch {
		case comes && (err != nil || s.Figures["per_second"] == 0 || meter.Latency.Histogram().TotalCount() != 1):
			t.Errorf("a unit that comes late: %v, %v", s, err)
		case !comes && (err == nil || !strings.Contains(err.Error(), "nothing came through")):
			t.Errorf("no unit: %v", err)
		}
	}
}
