package main

import (
	"image/color"
	"os"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// hues are Okabe and Ito's, which people with any kind of colour vision can tell apart.
var hues = []color.RGBA{
	{0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x72, 0xb2, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0x00, 0x00, 0x00, 0xff},
}

// panels are the pictures of soak.svg, from top to bottom.
var panels = []struct {
	title, unit string
	curves      []curve
	logarithmic bool
}{
	{"memory of the edge", "MiB", []curve{{"PSS", "pss_mib"}, {"RSS", "rss_mib"}, {"Go heap in use", "heap_mib"}}, false},
	{"goroutines and threads", "count", []curve{{"goroutines", "goroutines"}, {"threads", "threads"}}, false},
	{"descriptors and connections", "count", []curve{
		{"descriptors", "descriptors"}, {"client connections", "client_connections"},
		{"upstream connections", "upstream_connections"}, {"streams", "streams_open"},
	}, false},
	{"latency of small exchanges, from their intended start", "ms", []curve{{"p50", "small_p50_ms"}, {"p99", "small_p99_ms"}, {"longest", "small_max_ms"}}, true},
	{"exchanges that ended", "per second", []curve{{"exchanges", "exchanges_per_second"}}, false},
	{"CPU", "cores", []curve{{"edge", "edge_cores"}, {"clients and upstreams", "soak_cores"}}, false},
}

type curve struct{ name, column string }

// writePlots draws all panels over one axis of time.
func writePlots(file string, samples []sample) error {
	canvas, err := stack(24*vg.Centimeter, 7*vg.Centimeter, 4*vg.Millimeter, len(panels), func(i int) (*plot.Plot, error) { return panel(i, samples) })
	if err != nil {
		return err
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = canvas.WriteTo(out)
	return err
}

// stack draws n panels, one below the other, over one axis of time. gap is between them.
func stack(width, high, gap vg.Length, n int, panel func(i int) (*plot.Plot, error)) (*vgsvg.Canvas, error) {
	plot.DefaultFont.Variant, plotter.DefaultFont.Variant = "Sans", "Sans"
	canvas := vgsvg.New(width, high*vg.Length(n))
	tiles := draw.Tiles{Rows: n, Cols: 1, PadY: gap, PadTop: vg.Millimeter, PadRight: 3 * vg.Millimeter}
	var rows [][]*plot.Plot
	for i := range n {
		p, err := panel(i)
		if err != nil {
			return nil, err
		}
		rows = append(rows, []*plot.Plot{p})
	}
	for i, row := range plot.Align(rows, tiles, draw.New(canvas)) {
		rows[i][0].Draw(row[0])
	}
	return canvas, nil
}

// newPanel is a panel without its curves.
func newPanel(title, unit string, logarithmic bool) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, unit
	p.Legend.Top = true
	p.Y.Min, p.Y.Max = 0, 1
	if logarithmic {
		p.Y.Min, p.Y.Scale, p.Y.Tick.Marker = 0.1, plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return p
}

// addCurve draws the n-th curve of a panel.
func addCurve(p *plot.Plot, n int, name string, points plotter.XYs) error {
	l, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	l.Color, l.Width = hues[n], vg.Points(1.2)
	p.Add(l)
	p.Legend.Add(name, l)
	return nil
}

func panel(i int, samples []sample) (*plot.Plot, error) {
	what := &panels[i]
	unit, name := time.Second, "seconds since the load began"
	if length(samples) > 5*time.Minute {
		unit, name = time.Minute, "minutes since the load began"
	}
	p := newPanel(what.title, what.unit, what.logarithmic)
	p.Title.Padding, p.X.Label.Text = vg.Points(4), name
	p.Add(plotter.NewGrid())
	for n, c := range what.curves {
		value := column(c.column)
		var points plotter.XYs
		for j := range samples {
			y := value(&samples[j])
			if what.logarithmic && y <= 0 {
				continue // nothing ended in that second
			}
			points = append(points, plotter.XY{X: float64(samples[j].at) / float64(unit), Y: y})
		}
		if len(points) == 0 {
			continue
		}
		if err := addCurve(p, n, c.name, points); err != nil {
			return nil, err
		}
	}
	p.X.Min = 0
	p.X.Max = 1.27 * float64(length(samples)) / float64(unit) // room for the legend
	p.Y.Max *= 1.05
	return p, nil
}
