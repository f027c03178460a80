package census

import (
	"strings"
	"time"
)

// Summary is a census in a few figures: what a page shows of the way to the day on which
// the edge can go.
type Summary struct {
	// Since is when the census began, and Days what each day has brought, all routes
	// together. A day on which the edge did not run is missing.
	Since time.Time
	Days  []Day
	// Callers are how many different ones have rows, Needing how many of them would miss
	// something without the edge.
	Callers, Needing int
	Routes           []RouteSummary
}

// RouteSummary is the same for one route.
type RouteSummary struct {
	Route            string
	Callers, Needing int
	LastNeeding      time.Time // zero: never
}

// Summary returns the figures of the moment.
func (c *Census) Summary() Summary {
	d := c.copy() // the order of its rows does not matter
	return d.summary()
}

// summary returns the figures of a document.
func (d *Document) summary() Summary {
	s := Summary{Since: d.Since}
	all := map[string]*callers{"": {}}
	for i := range d.Rows {
		r := &d.Rows[i]
		if all[r.Route] == nil {
			all[r.Route] = &callers{}
		}
		all[""].add(r)
		all[r.Route].add(r)
	}
	s.Callers, s.Needing = len(all[""].seen), len(all[""].needing)
	for _, h := range d.History { // in the order of the routes' names
		if h.Route == "" {
			s.Days = h.Days
			continue
		}
		r := RouteSummary{Route: h.Route, LastNeeding: h.LastNeeding}
		if c := all[h.Route]; c != nil {
			r.Callers, r.Needing = len(c.seen), len(c.needing)
		}
		s.Routes = append(s.Routes, r)
	}
	return s
}

// callers are the different ones of some rows.
type callers struct{ seen, needing map[string]bool }

func (c *callers) add(r *Row) {
	if c.seen == nil {
		c.seen, c.needing = map[string]bool{}, map[string]bool{}
	}
	c.seen[r.Caller()] = true
	if r.Needs != "" {
		c.needing[r.Caller()] = true
	}
}

// Caller tells callers apart: those of whom nothing is known by their kind of client.
func (r *Row) Caller() string {
	if r.Who == "" || r.Who == "token" {
		return strings.TrimSpace(r.Who + " " + r.Client)
	}
	return r.Who
}
