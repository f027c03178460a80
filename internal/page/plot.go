package page

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The size of a plot in its own units, and the place of its axes in it. The template draws
// the axes.
const (
	plotWidth, plotHeight           = 480.0, 180.0
	plotLeft, plotTop, plotBottom   = 52.0, 12.0, 24.0
	plotRight                       = 8.0
	plotInnerWidth, plotInnerHeight = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
)

// plot is a picture of some lines over time, and the same in words.
type plot struct {
	ID, Title, Desc string
	Lines           []line
	Ticks           []tick
	From, To        string
	Empty           bool
}

// line is one of a plot. Its class gives it colour and dashes, so that nobody has to tell
// colours apart.
type line struct {
	Class, Name, Now string
	Points           []string // one for each piece: where nothing came, there is no line
}

type tick struct {
	Y    string
	Text string
}

// series are the values of a line, NaN where there is none.
type series struct {
	name   string
	values []float64
}

var classes = [...]string{"one", "two", "three", "four"}

// draw makes a plot of values that belong to moments. unit writes one of them.
func draw(id, title string, at []string, all []series, unit func(float64) string) plot {
	p := plot{ID: id, Title: title, Empty: true}
	top := 0.0
	for _, s := range all {
		for _, v := range s.values {
			if !math.IsNaN(v) {
				top, p.Empty = max(top, v), false
			}
		}
	}
	if len(at) < 2 {
		p.Empty = true
	}
	if p.Empty {
		p.Desc = "There is nothing to show yet."
		return p
	}
	top = roundUp(top)
	p.From, p.To = at[0], at[len(at)-1]
	for _, share := range []float64{0, .5, 1} {
		p.Ticks = append(p.Ticks, tick{coordinate(heightOf(share)), unit(top * share)})
	}
	said := []string{fmt.Sprintf("From %s to %s.", p.From, p.To)}
	for i, s := range all {
		p.Lines = append(p.Lines, line{Class: classes[i], Name: s.name, Now: s.last(unit), Points: s.points(top)})
		said = append(said, s.inWords(unit))
	}
	p.Desc = strings.Join(said, " ")
	return p
}

// points returns the pieces of a line.
func (s series) points(top float64) (pieces []string) {
	var piece strings.Builder
	end := func() {
		if piece.Len() > 0 {
			pieces = append(pieces, piece.String())
			piece.Reset()
		}
	}
	for i, v := range s.values {
		if math.IsNaN(v) {
			end()
			continue
		}
		x := plotLeft + plotInnerWidth*float64(i)/float64(max(1, len(s.values)-1))
		at := coordinate(x) + "," + coordinate(heightOf(v/top))
		if piece.Len() == 0 && (i+1 == len(s.values) || math.IsNaN(s.values[i+1])) {
			at += " " + coordinate(x+1) + "," + coordinate(heightOf(v/top)) // a single value is a dot
		}
		if piece.Len() > 0 {
			piece.WriteByte(' ')
		}
		piece.WriteString(at)
	}
	end()
	return pieces
}

func (s series) last(unit func(float64) string) string {
	if n := len(s.values); n > 0 && !math.IsNaN(s.values[n-1]) {
		return unit(s.values[n-1])
	}
	return "none"
}

// inWords says what a picture shows to who does not see it.
func (s series) inWords(unit func(float64) string) string {
	least, most := math.NaN(), math.NaN()
	for _, v := range s.values {
		if math.IsNaN(v) {
			continue
		}
		if math.IsNaN(least) || v < least {
			least = v
		}
		if math.IsNaN(most) || v > most {
			most = v
		}
	}
	if math.IsNaN(most) {
		return s.name + ": none."
	}
	return fmt.Sprintf("%s: between %s and %s, last %s.", s.name, unit(least), unit(most), s.last(unit))
}

func heightOf(share float64) float64 { return plotTop + plotInnerHeight*(1-share) }

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }

// roundUp returns the next of 1, 2, 5, 10 and so on.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power {
			return m * power
		}
	}
	return 10 * power
}

// wide is over how many steps a value of a plot is taken: what comes once a minute is not
// a row of needles.
const wide = 6

// plots returns the pictures of the last hour.
func (p *Page) plots() []plot {
	points := p.history.all()
	var at []string
	answered, refused, failed := series{name: "answered"}, series{name: "refused (4xx)"}, series{name: "failed (5xx, cut)"}
	half, most := series{name: "half within"}, series{name: "95 of 100 within"}
	running, streams := series{name: "exchanges"}, series{name: "streams"}
	for i := 1; i < len(points); i++ {
		r := between(points[max(0, i-wide)], points[i])
		at = append(at, clock(points[i].at))
		answered.add(r.answered)
		refused.add(r.refused)
		failed.add(r.failed)
		half.addIf(r.head.quantile(.5))
		most.addIf(r.head.quantile(.95))
		running.add(points[i].running)
		streams.add(points[i].streams)
	}
	return []plot{
		draw("plot-rates", "Exchanges a second", at, []series{answered, refused, failed}, number),
		draw("plot-head", "Time to the upstream's head", at, []series{half, most}, duration),
		draw("plot-running", "Running at a time", at, []series{running, streams}, number),
	}
}

func (s *series) add(v float64) { s.values = append(s.values, v) }

func (s *series) addIf(v float64, ok bool) {
	if !ok {
		v = math.NaN()
	}
	s.add(v)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }
