package report

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// hues are the colours of peers: Okabe and Ito's, which people with any kind of
// colour vision can tell apart.
var hues = map[string]color.RGBA{
	"apim-edge":     {0xd5, 0x5e, 0x00, 0xff},
	"apim-edge+log": {0xe6, 0x9f, 0x00, 0xff},
	"nginx":         {0x00, 0x9e, 0x73, 0xff},
	"nginx-1.30":    {0x00, 0x6b, 0x4e, 0xff},
	"haproxy":       {0x00, 0x72, 0xb2, 0xff},
	"haproxy-3.2":   {0x00, 0x4c, 0x78, 0xff},
	"envoy":         {0xcc, 0x79, 0xa7, 0xff},
	"direct":        {0x00, 0x00, 0x00, 0xff},
	"relay":         {0x88, 0x88, 0x88, 0xff},
	"fasthttp":      {0x56, 0xb4, 0xe9, 0xff},
}

var otherHue = color.RGBA{0xb0, 0xa8, 0x90, 0xff}

func hue(name string) color.RGBA {
	if c, ok := hues[name]; ok {
		return c
	}
	return otherHue
}

// Plots writes the pictures of the run into the folder and returns their names.
func (r *Results) Plots(folder string) ([]string, error) {
	plot.DefaultFont.Variant, plotter.DefaultFont.Variant = "Sans", "Sans" // reads better on a screen
	var names []string
	blocks := r.blocks()
	for i := range blocks {
		b := &blocks[i]
		for _, picture := range []struct {
			kind string
			draw func() (*plot.Plot, error)
			high vg.Length
		}{
			{"latency", b.latencyPlot, 11 * vg.Centimeter},
			{"bars", b.barPlot, vg.Length(2.5+0.75*float64(len(b.lines))) * vg.Centimeter},
		} {
			p, err := picture.draw()
			if err != nil {
				return names, fmt.Errorf("%s %s, %s: %w", b.Name, b.leg, picture.kind, err)
			}
			if p == nil {
				continue
			}
			name := fmt.Sprintf("%s-%s-%s.svg", picture.kind, b.Name, b.leg)
			p.Title.Padding = vg.Points(6)
			if err := p.Save(20*vg.Centimeter, picture.high, filepath.Join(folder, name)); err != nil {
				return names, err
			}
			names = append(names, name)
		}
	}
	return names, nil
}

// latencyPlot shows latency over the percentile, whose axis is stretched so that
// each further nine takes the same room: the tail is where proxies differ.
func (b *block) latencyPlot() (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s, %s: latency", b.Name, b.leg)
	p.X.Label.Text, p.Y.Label.Text = "percentile", "µs"
	p.X.Tick.Marker, p.Y.Scale, p.Y.Tick.Marker = nines{}, plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	drawn := 0
	for _, l := range b.lines {
		points := l.percentiles()
		if len(points) == 0 {
			continue
		}
		curve, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		curve.Color, curve.Width = hue(l.Name), vg.Points(1.2)
		if l.Role == peers.Edge {
			curve.Width = vg.Points(2.2)
		}
		if l.Role == peers.Direct || l.Role == peers.Floor {
			curve.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(curve)
		p.Legend.Add(l.Name, curve)
		drawn++
	}
	if drawn == 0 {
		return nil, nil
	}
	p.Y.Min = math.Max(1, p.Y.Min)
	return p, nil
}

// percentiles are the points of a line's latency, all rounds together, as far
// as there are enough values to speak of a percentile.
func (l *line) percentiles() plotter.XYs {
	all := client.NewHistogram()
	for _, row := range l.byRound {
		if row.Latency != nil {
			all.Merge(row.Latency.Histogram)
		}
	}
	most := math.Log10(float64(all.TotalCount())) - 0.5
	var points plotter.XYs
	for x := 0.02; x <= math.Min(most, 5); x += 0.02 {
		quantile := 100 * (1 - math.Pow(10, -x))
		points = append(points, plotter.XY{X: x, Y: math.Max(1, float64(all.ValueAtQuantile(quantile))/1e3)})
	}
	return points
}

// nines labels an axis on which x stands for the percentile 1 - 10^-x.
type nines struct{}

func (nines) Ticks(_, highest float64) []plot.Tick {
	labels := []struct {
		quantile float64
		text     string
	}{{0, "0"}, {0.5, "50"}, {0.9, "90"}, {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"}, {0.99999, "99.999"}}
	var ticks []plot.Tick
	for _, label := range labels {
		if x := -math.Log10(1 - label.quantile); x <= highest {
			ticks = append(ticks, plot.Tick{Value: x, Label: label.text})
		}
	}
	return ticks
}

// longestBar bounds how much longer than the best general proxy's a bar may be;
// a gateway's would press all others flat. Its number still tells.
const longestBar = 5

// barPlot shows the first figure of each peer.
func (b *block) barPlot() (*plot.Plot, error) {
	limit := math.Inf(1)
	if best := b.best(false); best != nil {
		limit = longestBar * b.figure(*best, b.Figures[0]).Median
	}
	var names []string
	var bars []float64
	p := plot.New()
	for i := len(b.lines) - 1; i >= 0; i-- { // the first line on top
		l := b.lines[i]
		s := b.figure(l, b.Figures[0])
		if s.Rounds == 0 || l.Role == peers.Direct {
			continue
		}
		length := math.Max(0, math.Min(s.Median, limit))
		bar, err := plotter.NewBarChart(plotter.Values{length}, vg.Points(14))
		if err != nil {
			return nil, err
		}
		bar.Horizontal, bar.XMin, bar.Color, bar.LineStyle.Width = true, float64(len(names)), hue(l.Name), 0
		p.Add(bar)
		text := strconv.FormatFloat(s.Median, 'f', b.Figures[0].Decimals, 64)
		if s.Median > limit {
			text = "→ " + text
		}
		labels, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: length, Y: float64(len(names))}}, Labels: []string{" " + text}})
		if err != nil {
			return nil, err
		}
		labels.Offset.Y = -vg.Points(4)
		p.Add(labels)
		names, bars = append(names, l.Name), append(bars, length)
	}
	if len(names) == 0 {
		return nil, nil
	}
	p.Title.Text = fmt.Sprintf("%s, %s: %s (less is better)", b.Name, b.leg, b.Figures[0].Title)
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	p.X.Min = 0
	for _, length := range bars {
		p.X.Max = math.Max(p.X.Max, length*1.15)
	}
	return p, nil
}
