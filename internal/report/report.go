// Package report says from a census who still needs the edge and for what, what API
// Management would have to change for each route, and what is left to do until the edge can
// be removed. It reads documents and asks nobody: proofs are handed in.
//
//	r := report.Make(document, report.Options{Now: time.Now(), Days: 30})
//	err := r.Write(os.Stdout, report.Markdown)
//
// What is concluded from is the census alone. It knows who came, and not who will.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/doctor"
)

// DefaultDays is for how long nobody may have needed the edge: a month has most of what
// comes seldom.
const DefaultDays = 30

// Verdict is whether the edge is still needed.
type Verdict string

// The verdicts.
const (
	Needed    Verdict = "needed"
	NotNeeded Verdict = "not_needed"
	// Unknown: nobody needs it, as far as the census has looked, which is not far enough.
	Unknown Verdict = "unknown"
)

// Options say how to conclude.
type Options struct {
	Now time.Time
	// Days is how long nobody may have needed the edge before it counts as not needed.
	Days int
	// Proofs are what was asked without the edge, by the names of routes.
	Proofs map[string][]doctor.Proof
}

// Report is what is said. It holds no secret: the census has none.
type Report struct {
	Made     time.Time `json:"made"`
	Days     int       `json:"days"`
	Verdict  Verdict   `json:"verdict"`
	Summary  string    `json:"summary"`
	Looked   Looked    `json:"looked"`
	Doubts   []string  `json:"doubts,omitempty"`
	Routes   []Route   `json:"routes"`
	Callers  []Caller  `json:"callers"`
	Rules    []Rule    `json:"rules"`
	Clients  []Client  `json:"misplacing_clients"`
	Progress []Day     `json:"progress"`
	Todo     []Item    `json:"checklist"`
}

// Looked is how long and where the census has looked.
type Looked struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Days     int       `json:"days"`    // of the last ones that are asked for: on how many the edge has run
	Missing  int       `json:"missing"` // on how many it has not
	Replicas int       `json:"replicas"`
}

// Day is one of the days that show the way to the end.
type Day = census.Day

// Route is what is said of one route.
type Route struct {
	Name     string         `json:"route"`
	Upstream string         `json:"upstream,omitempty"`
	Verdict  Verdict        `json:"verdict"`
	Why      string         `json:"why"`
	Callers  int            `json:"callers"`
	Needing  int            `json:"needing_callers"`
	Last     time.Time      `json:"last,omitzero"`
	LastNeed time.Time      `json:"last_needing,omitzero"`
	Changes  []Change       `json:"changes,omitempty"`
	Proofs   []doctor.Proof `json:"proofs,omitempty"`
}

// Make makes the report of a census.
func Make(d census.Document, o Options) Report {
	r := Report{Made: o.Now.UTC().Truncate(time.Second), Days: o.Days}
	m := &maker{doc: &d, o: o, from: o.Now.Add(-time.Duration(o.Days) * 24 * time.Hour)}
	for _, s := range d.Setups {
		m.route(s.Route).setup = s
	}
	for _, row := range d.Rows {
		e := m.route(row.Route)
		e.rows = append(e.rows, asOfNow(row, &e.setup))
	}
	for i := range d.History {
		if h := &d.History[i]; h.Route != "" {
			m.route(h.Route).history = h
		} else {
			r.Progress = h.Days[max(0, len(h.Days)-90):]
		}
	}
	r.Looked = m.looked()
	r.Callers = m.callers()
	r.Rules = m.rules()
	r.Clients = m.clients()
	for _, e := range m.routes {
		r.Routes = append(r.Routes, m.judge(e, &r.Looked))
	}
	r.Doubts = m.doubts(&r.Looked)
	r.Verdict = verdictOf(r.Routes)
	r.Summary = summaryOf(&r)
	r.Todo = m.todo(&r)
	return r
}

// maker has what a report is made of.
type maker struct {
	doc    *census.Document
	o      Options
	from   time.Time // what was last seen before that counts no more
	routes []*evidence
}

// evidence is what is known of one route.
type evidence struct {
	name    string
	setup   census.Setup
	rows    []*census.Row
	callers []Caller // whose rows these are
	history *census.RouteHistory
}

// route returns the evidence of a route, in the order of their names.
func (m *maker) route(name string) *evidence {
	at, found := slices.BinarySearchFunc(m.routes, name, func(e *evidence, name string) int { return strings.Compare(e.name, name) })
	if !found {
		m.routes = slices.Insert(m.routes, at, &evidence{name: name})
	}
	return m.routes[at]
}

// asOfNow is a row as the API of today would see it: what was sent as Authorization: Bearer
// needs no rule once the API looks there (way 2), whatever it did before.
func asOfNow(row census.Row, s *census.Setup) *census.Row {
	if row.Reason == "bearer_key" && looksAtBearer(s) {
		needs := slices.DeleteFunc(row.NeedsList(), func(need string) bool { return need == "rules" })
		row.Needs = strings.Join(needs, " ")
	}
	return &row
}

// looksAtBearer reports whether the API looks for its key in Authorization.
func looksAtBearer(s *census.Setup) bool { return strings.EqualFold(s.KeyField, "authorization") }

// recent reports whether a row counts.
func (m *maker) recent(r *census.Row) bool { return r.Last.After(m.from) }

func (m *maker) looked() Looked {
	l := Looked{Since: m.doc.Since, Until: m.doc.Written, Replicas: max(1, len(m.doc.Replicas))}
	known := map[string]bool{}
	for _, h := range m.doc.History {
		for _, d := range h.Days {
			known[d.Date] = true
		}
	}
	begun := m.doc.Since.UTC().Format(time.DateOnly)
	for i := range m.o.Days {
		date := m.o.Now.UTC().AddDate(0, 0, -i).Format(time.DateOnly)
		switch {
		case known[date]:
			l.Days++
		case date >= begun && i > 0:
			l.Missing++
		}
	}
	return l
}

// enough reports whether the census has looked for as long as is asked for.
func (m *maker) enough() bool { return !m.doc.Since.After(m.from) }

// judge says whether a route still needs the edge.
func (m *maker) judge(e *evidence, looked *Looked) Route {
	r := Route{Name: e.name, Upstream: e.setup.Upstream, Proofs: m.o.Proofs[e.name]}
	for _, c := range e.callers {
		if c.Recent {
			r.Callers++
		}
		if c.Needs {
			r.Needing++
		}
	}
	if e.history != nil {
		r.Last, r.LastNeed = e.history.Last, e.history.LastNeeding
	}
	switch {
	case r.LastNeed.After(m.from):
		r.Verdict = Needed
		r.Why = fmt.Sprintf("%s would fail without the edge; the last time was %s", Counted(r.Needing, "caller"), date(r.LastNeed))
		if r.Needing == 0 {
			r.Why = fmt.Sprintf("an exchange of %s would have failed without the edge: its caller is not listed, or the API was changed since", date(r.LastNeed))
		}
	case !m.enough():
		r.Verdict = Unknown
		r.Why = fmt.Sprintf("nobody has needed it, but the census has looked for %s only", Counted(looked.Days, "day"))
	case r.Last.After(m.from):
		r.Verdict = NotNeeded
		r.Why = fmt.Sprintf("%s came in the last %d days, and none of them needed the edge", Counted(r.Callers, "caller"), m.o.Days)
	default:
		r.Verdict = NotNeeded
		r.Why = fmt.Sprintf("no caller of this route for %s", Counted(m.o.Days, "day"))
	}
	if r.Verdict == NotNeeded && looked.Missing > 0 {
		r.Why += fmt.Sprintf(" (the edge did not run, or did not count, on %s)", Counted(looked.Missing, "day"))
	}
	r.Changes = changes(e)
	return r
}

func verdictOf(routes []Route) Verdict {
	v := NotNeeded
	for _, r := range routes {
		switch {
		case r.Verdict == Needed:
			return Needed
		case r.Verdict == Unknown:
			v = Unknown
		}
	}
	if len(routes) == 0 {
		return Unknown
	}
	return v
}

func summaryOf(r *Report) string {
	all, needing := map[string]bool{}, map[string]bool{} // one caller can use several routes
	for _, c := range r.Callers {
		if c.Recent {
			all[c.Who] = true
		}
		if c.Recent && c.Needs {
			needing[c.Who] = true
		}
	}
	switch r.Verdict {
	case Needed:
		if len(needing) == 0 {
			return fmt.Sprintf("The edge was needed in the last %d days, by nobody who is listed and still needs it. The routes say when.", r.Days)
		}
		return fmt.Sprintf("The edge is still needed: %s would fail without it, %d would not.", Counted(len(needing), "caller"), len(all)-len(needing))
	case NotNeeded:
		return fmt.Sprintf("Nobody has needed the edge for %s. The checklist says what is left to do before it goes.", Counted(r.Days, "day"))
	}
	if len(r.Routes) == 0 {
		return "The census has not seen a route yet."
	}
	return fmt.Sprintf("Nobody has needed the edge so far, but the census has looked on %s of the %d that are asked for.", Counted(r.Looked.Days, "day"), r.Days)
}

// doubts are what the figures cannot tell.
func (m *maker) doubts(looked *Looked) (all []string) {
	d := m.doc
	if d.Fleeting {
		all = append(all, "census.key is not set: callers with keys are new ones after each start and at each replica, so that they are counted more than once")
	} else if n := d.Keyings(); n > 1 {
		all = append(all, fmt.Sprintf("callers were hashed by %d different keys, so that one caller can stand in several rows", n))
	}
	if d.Others != nil {
		all = append(all, fmt.Sprintf("%s had no room among %d rows: their callers are not listed, and count in the days and routes all the same",
			Counted(int(d.Others.Counts.Total()), "exchange"), d.Bound))
	}
	if d.Lost > 0 {
		all = append(all, fmt.Sprintf("%s came faster than they could be counted, and are missing", Counted(int(d.Lost), "exchange")))
	}
	if looked.Missing > 0 {
		all = append(all, fmt.Sprintf("on %s of the last %d the edge did not run, or did not count", Counted(looked.Missing, "day"), m.o.Days))
	}
	return all
}

// Counted is so many of a thing, in words.
func Counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// date is a day as people read it.
func date(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateOnly)
}
