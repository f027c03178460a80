package page

import "time"

// Removal is how far it is to the day on which the edge can go, as a census has counted.
type Removal struct {
	Since time.Time
	// Days are what each day has brought, the oldest first.
	Days []Day
	// Callers are how many different ones were seen, Needing how many of them would miss
	// something without the edge.
	Callers, Needing int
	Routes           []RouteRemoval
}

// Day is one day.
type Day struct {
	Date               string
	Exchanges, Needing int64
	NeedingCallers     int
}

// RouteRemoval is the same for one route.
type RouteRemoval struct {
	Name             string
	Callers, Needing int
	LastNeeding      time.Time // zero: never
}

// removalView is how the page shows it.
type removalView struct {
	Since, Callers, Needing string
	Free                    bool // nobody has needed the edge
	Plots                   []plot
	Routes                  []removalRow
}

type removalRow struct{ Name, Callers, Needing, Last string }

// removal returns what a census tells; nil where there is none.
func (p *Page) removal(now time.Time) *removalView {
	if p.o.Removal == nil {
		return nil
	}
	r := p.o.Removal()
	v := &removalView{
		Since: r.Since.UTC().Format(time.DateOnly), Callers: grouped(int64(r.Callers)), Needing: grouped(int64(r.Needing)), Free: r.Needing == 0,
	}
	var at []string
	all, needing, callers := series{name: "all"}, series{name: "that need the edge"}, series{name: "callers that need it"}
	for _, d := range r.Days {
		at = append(at, d.Date)
		all.add(float64(d.Exchanges))
		needing.add(float64(d.Needing))
		callers.add(float64(d.NeedingCallers))
	}
	v.Plots = []plot{
		draw("plot-days", "Exchanges a day", at, []series{all, needing}, number),
		draw("plot-callers", "Callers a day that need the edge", at, []series{callers}, number),
	}
	for _, one := range r.Routes {
		row := removalRow{Name: one.Name, Callers: grouped(int64(one.Callers)), Needing: grouped(int64(one.Needing)), Last: "never"}
		if !one.LastNeeding.IsZero() {
			row.Last = ago(now, one.LastNeeding)
		}
		v.Routes = append(v.Routes, row)
	}
	return v
}
