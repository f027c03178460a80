package main

import (
	"bytes"
	"image/color"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// band is a time in which one of the upstreams is in trouble, in seconds.
type band struct {
	name     string
	from, to float64
}

// failoverPanels are the pictures of a failover, from top to bottom.
var failoverPanels = []struct {
	title, unit string
	logarithmic bool
	curves      []failoverCurve
}{
	{"who has answered", "per second", false, []failoverCurve{
		{"first", func(m *moment) float64 { return m.served[0] }},
		{"second", func(m *moment) float64 { return m.served[1] }},
		{"moved", func(m *moment) float64 { return m.moved }},
	}},
	{"latency at the client", "ms", true, []failoverCurve{
		{"p50", func(m *moment) float64 { return m.p50 }},
		{"longest", func(m *moment) float64 { return m.most }},
	}},
	{"errors at the client", "per second", false, []failoverCurve{{"errors", func(m *moment) float64 { return m.failed }}}},
}

type failoverCurve struct {
	name  string
	value func(m *moment) float64
}

// ink and paper are the colours of what is no curve; a dark page has others in their
// place. shade is that of a band, over either.
var (
	ink   = color.RGBA{0x1f, 0x23, 0x28, 0xff}
	shade = color.NRGBA{0x88, 0x88, 0x88, 0x40}
)

// draw writes the picture.
func (f *failover) draw(file string) error {
	canvas, err := stack(22*vg.Centimeter, 5*vg.Centimeter, 3*vg.Millimeter, len(failoverPanels), f.panel)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(dress(text.String())), 0o644)
}

func (f *failover) panel(i int) (*plot.Plot, error) {
	what := &failoverPanels[i]
	p := newPanel(what.title, what.unit, what.logarithmic)
	p.BackgroundColor, p.X.Label.Text = nil, "seconds"
	for n, c := range what.curves {
		var points plotter.XYs
		for j := range f.whole {
			if y := c.value(&f.whole[j]); y > 0 || !what.logarithmic {
				points = append(points, plotter.XY{X: f.whole[j].at.Seconds(), Y: y})
			}
		}
		if err := addCurve(p, n, c.name, points); err != nil {
			return nil, err
		}
	}
	p.Y.Max *= 1.1
	if err := f.shade(p); err != nil {
		return nil, err
	}
	p.X.Min, p.X.Max = 0, 1.15*f.whole[len(f.whole)-1].at.Seconds() // room for the legend
	for _, text := range []*color.Color{
		&p.Title.TextStyle.Color, &p.X.Label.TextStyle.Color, &p.Y.Label.TextStyle.Color, &p.Legend.TextStyle.Color,
		&p.X.Tick.Label.Color, &p.Y.Tick.Label.Color, &p.X.Tick.Color, &p.Y.Tick.Color, &p.X.Color, &p.Y.Color,
	} {
		*text = ink
	}
	return p, nil
}

// shade shows when the first upstream was in trouble, and in which.
func (f *failover) shade(p *plot.Plot) error {
	for _, b := range f.bands {
		area, err := plotter.NewPolygon(plotter.XYs{{X: b.from, Y: p.Y.Min}, {X: b.to, Y: p.Y.Min}, {X: b.to, Y: p.Y.Max}, {X: b.from, Y: p.Y.Max}})
		if err != nil {
			return err
		}
		area.Color, area.LineStyle.Width = shade, 0
		name, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: b.from, Y: p.Y.Max}}, Labels: []string{b.name}})
		if err != nil {
			return err
		}
		name.TextStyle[0].Color = ink
		name.Offset = vg.Point{X: vg.Points(3), Y: -vg.Points(11)}
		p.Add(area, name)
	}
	return nil
}

// dress gives the picture a name, a description, a paper, and the colours of a dark page.
func dress(svg string) string {
	const dressing = ` role="img" aria-labelledby="title desc">
<title id="title">One of two upstreams throttles, dies and hangs</title>
<desc id="desc">Three panels over one axis of time. While the first upstream answers 429 or is dead, the second
answers all requests, the latency stays within milliseconds and hardly a request fails. Where the first hangs, what it
had been sent fails after response_head; then the second answers all. Each time the first comes back to its half.</desc>
<style>
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
.paper { fill: #0d1117 }
text { fill: #e6edf3 !important }
[style*="stroke:#1F2328"] { stroke: #8b949e !important }
[style*="stroke:#0072B2"] { stroke: #58a6ff !important }
}
</style>
<rect class="paper" width="100%" height="100%"/>
`
	begin := strings.Index(svg, "<svg")
	end := begin + strings.Index(svg[begin:], ">")
	return svg[:end] + dressing + svg[end+1:]
}
