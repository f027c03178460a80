package workload

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
)

// load is anything that runs until it is stopped.
type load interface {
	Start()
	Stop()
}

// reading is what the counters say at one moment.
type reading struct {
	at     time.Time
	units  int64
	merged int64
	peer   proc.CPU
	load   []proc.CPU
}

func (c *Cell) read(meter *client.Meter) reading {
	r := reading{load: c.LoadCPU()}
	if c.Process != nil {
		r.peer = c.Process.CPU()
	}
	r.at, r.units, r.merged = time.Now(), meter.Units.Load(), meter.Merged.Load()
	return r
}

// window is what happened between two readings.
type window struct {
	seconds float64
	units   float64
	merged  float64
	cpu     time.Duration
	load    float64 // share of the load's CPUs that was in use
}

func (c *Cell) between(before, after reading) window {
	w := window{
		seconds: after.at.Sub(before.at).Seconds(),
		units:   float64(after.units - before.units),
		merged:  float64(after.merged - before.merged),
	}
	if c.Process != nil {
		w.cpu = after.peer.Since(before.peer)
	}
	var used time.Duration
	for i := range after.load {
		used += after.load[i].Since(before.load[i])
	}
	w.load = used.Seconds() / w.seconds / float64(c.LoadCores)
	return w
}

// saturation is the share of CPU from which on the load counts as saturated.
const saturation = 0.92

// steady runs a load and measures a window of it. ready, where given, waits
// until the load is complete; it is asked before the warm-up.
func (c *Cell) steady(ctx context.Context, l load, meter *client.Meter, ready func() error) (*Sample, window, error) {
	l.Start()
	defer l.Stop()
	if ready != nil {
		if err := ready(); err != nil {
			return nil, window{}, err
		}
	}
	if err := sleep(ctx, c.Size.Warm); err != nil {
		return nil, window{}, err
	}
	s, w, err := c.measure(ctx, meter)
	if err == nil && c.Process != nil {
		c.countCalls(ctx, s, meter)
	}
	return s, w, err
}

// measure measures a window of a load that runs, and that ends no sooner than with its
// first unit. Whatever is counted in it has been recorded, since clients record first.
func (c *Cell) measure(ctx context.Context, meter *client.Meter) (*Sample, window, error) {
	meter.Switch(true)
	errorsBefore := meter.Errors.Load()
	before := c.read(meter)
	if c.Began != nil {
		c.Began()
	}
	if err := c.until(ctx, c.Size.Window, func() bool { return meter.Units.Load() > before.units }); err != nil {
		return nil, window{}, err
	}
	after := c.read(meter)
	meter.Switch(false)
	w := c.between(before, after)
	s := &Sample{Figures: map[string]float64{}, Errors: meter.Errors.Load() - errorsBefore, Saturated: w.load > saturation}
	s.explain(meter)
	if w.units == 0 {
		return nil, w, fmt.Errorf("nothing came through: %s", s.FirstError)
	}
	s.Figures["per_second"] = w.units / w.seconds
	s.Figures["load_percent"] = 100 * w.load
	if c.Process != nil {
		s.Figures["cpu_us"] = float64(w.cpu.Microseconds()) / w.units
	}
	return s, w, nil
}

func (s *Sample) explain(meter *client.Meter) {
	if err := meter.FirstError(); err != nil {
		s.FirstError = err.Error()
	}
}

// addLatency adds the percentiles of a distribution in microseconds.
func (s *Sample) addLatency(prefix string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	for name, q := range map[string]float64{"p50_us": 50, "p99_us": 99, "p999_us": 99.9} {
		s.Figures[prefix+name] = float64(h.ValueAtQuantile(q)) / 1e3
	}
}

// countCalls is the extra pass: allocations and system calls per unit.
func (c *Cell) countCalls(ctx context.Context, s *Sample, meter *client.Meter) {
	if !c.CountCalls {
		return
	}
	if c.Metrics != "" {
		c.countAllocations(ctx, s, meter)
	}
	units, began := meter.Units.Load(), time.Now()
	perSecond, err := c.Process.Syscalls(c.Size.Counted)
	rate := float64(meter.Units.Load()-units) / time.Since(began).Seconds()
	if err == nil && rate > 0 {
		s.Figures["syscalls"] = perSecond / rate
	}
}

func (c *Cell) countAllocations(ctx context.Context, s *Sample, meter *client.Meter) {
	first, err := c.allocations()
	if err != nil {
		return
	}
	units := meter.Units.Load()
	if c.until(ctx, c.Size.Counted, func() bool { return meter.Units.Load() > units }) != nil {
		return
	}
	done := meter.Units.Load() - units
	last, err := c.allocations()
	if err != nil || done == 0 {
		return
	}
	s.Figures["allocs"] = max(0, last-first-c.askingAllocates()) / float64(done)
}

// askingAllocates tells how many objects the peer allocates for one question
// about its allocations: the fewest between two that follow each other at once.
func (c *Cell) askingAllocates() float64 {
	fewest := 0.0
	for i := range 3 {
		first, err := c.allocations()
		if err != nil {
			return 0
		}
		second, err := c.allocations()
		if err != nil {
			return 0
		}
		if i == 0 || second-first < fewest {
			fewest = second - first
		}
	}
	return fewest
}

var asking = http.Client{Timeout: 20 * time.Second}

func (c *Cell) allocations() (float64, error) {
	response, err := asking.Get(c.Metrics)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell go_memstats_mallocs_total", c.Metrics)
}
