package page

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Viewer is who looks at the page, and what may be done there.
type Viewer struct {
	// CSRF is the value that a form has to bring along.
	CSRF string
	// LoggedIn says that there is a session to end.
	LoggedIn bool
	// Said is the outcome of what was asked for, if anything was, a line for each fault;
	// Failed, that it was not done.
	Said   []string
	Failed bool
}

// view is all that the page shows.
type view struct {
	Viewer
	Version, At   string
	Causes, Notes []string
	Figures       []figure
	Plots         []plot
	Upstreams     []upstreamRow
	Routes        []routeRow
	Reasons       []countRow
	Repairs       []countRow
	Hints         []countRow
	Removal       *removalView
	Failures      []failureRow
	Instance      []figure
	Config        string
}

// Several reports whether any upstream is one of several.
func (v view) Several() bool {
	return slices.ContainsFunc(v.Upstreams, func(u upstreamRow) bool { return u.Asked != "" })
}

// Ready reports whether no cause holds.
func (v view) Ready() bool { return len(v.Causes) == 0 }

// figure is one number with its name; the script brings it up to date by its ID.
type figure struct{ ID, Name, Value, Means string }

type upstreamRow struct {
	Name, URL                                         string
	InUse, Idle, Waiting, Made, NotMade, Reused, Lost string
	Asked                                             string // of one of several: whether it is
}

type routeRow struct {
	Name                                string
	Ended, Refused, Failed, Share, Half string
	Most, Streams                       string
}

type countRow struct{ Name, Owner, Means, Count, Share string }

type failureRow struct {
	When, Count, Status, Cause             string
	Means, Change, Whose                   string
	Request, Path, Route, Upstream, Client string
	At, ID                                 string
}

// view gathers what the page shows.
func (p *Page) view(viewer Viewer) view {
	s, now := scrapeOf(p.o.Metrics), p.o.Now()
	v := view{
		Viewer: viewer, Version: p.o.Version, At: now.UTC().Format("2006-01-02 15:04:05 UTC"),
		Causes: p.causes(), Notes: p.o.Notes(),
		Figures: p.figures(s, now), Plots: p.plots(), Upstreams: p.upstreams(s), Routes: routes(s),
		Reasons: reasons(s), Repairs: repairs(s), Hints: hints(s), Failures: p.failed(now), Instance: p.instance(s, now), Removal: p.removal(now),
	}
	config, err := p.o.Config()
	if err != nil {
		config = []byte(err.Error())
	}
	v.Config = string(config)
	return v
}

// figures are the numbers of the moment.
func (p *Page) figures(s scrape, now time.Time) []figure {
	minute := p.history.lastMinute(s.point(now))
	head := func(share float64) string {
		seconds, ok := minute.head.quantile(share)
		if !ok {
			return "none"
		}
		return duration(seconds)
	}
	clients := number(s.sum("client_connections"))
	if limit := s.sum("client_connections_limit"); limit > 0 {
		clients += " of " + number(limit)
	}
	return []figure{
		{"running", "Exchanges", number(s.sum("exchanges_inflight")), "that run now"},
		{"streams", "Streams", number(s.sum("streams_open")), "event streams and tunnels among them"},
		{"answered", "Answered", number(minute.answered), "a second, over the last minute"},
		{"refused", "Refused", number(minute.refused), "with 4xx, a second"},
		{"failed", "Failed", number(minute.failed), "with 5xx or a cut, a second"},
		{"half", "Half within", head(.5), "until the upstream's head, over the last minute"},
		{"most", "95 of 100 within", head(.95), "until the upstream's head, over the last minute"},
		{"clients", "Clients", clients, "connections that are open"},
		{"waiting", "Waiting", number(s.sum("upstream_waiting")), "for a connection to an upstream"},
	}
}

// upstreams are the upstreams and their connections.
func (p *Page) upstreams(s scrape) (rows []upstreamRow) {
	at := p.o.Upstreams()
	for _, name := range slices.Sorted(maps.Keys(at)) {
		event := func(which string) string {
			return number(s.sum("upstream_connection_events_total", "upstream", name, "event", which))
		}
		rows = append(rows, upstreamRow{
			Name: name, URL: at[name], Asked: s.asked(name),
			InUse: number(s.sum("upstream_connections", "upstream", name, "state", "in_use")),
			Idle:  number(s.sum("upstream_connections", "upstream", name, "state", "idle")), Waiting: number(s.sum("upstream_waiting", "upstream", name)),
			Made: event("dialed"), NotMade: event("dial_failed"), Reused: event("reused"), Lost: event("found_dead"),
		})
	}
	return rows
}

// asked says whether an upstream that is one of several is asked, and if not, why and for
// how long. Of one that is alone it says nothing.
func (s scrape) asked(upstream string) string {
	state := ""
	for name, is := range s.by("upstream_state", "state", "upstream", upstream) {
		if is == 1 {
			state = name
		}
	}
	if state == "" || state == "closed" {
		return state
	}
	text := strings.ReplaceAll(state, "_", "-")
	for cause, seconds := range s.by("upstream_left_alone_seconds", "cause", "upstream", upstream) {
		if seconds > 0 {
			text += ": " + cause + ", for " + number(math.Ceil(seconds)) + " s"
		}
	}
	return text
}

// noRoute is the label of exchanges that belong to no route.
const noRoute = "none"

// routes are what became of the exchanges of each route.
func routes(s scrape) (rows []routeRow) {
	names := s.by("streams_open", "route")
	for name := range s.by("requests_total", "route") {
		names[name] = 0 // that of none has no streams
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all := s.sum("requests_total", "route", name)
		if name == noRoute && all == 0 {
			continue
		}
		refused := s.sum("requests_total", "route", name, "status", "4xx")
		failed := s.sum("requests_total", "route", name, "status", "5xx") + s.sum("requests_total", "route", name, "status", "none")
		row := routeRow{
			Name: name, Ended: number(all), Refused: number(refused), Failed: number(failed),
			Streams: number(s.sum("streams_open", "route", name)), Share: share(refused+failed, all),
		}
		took := s.times("first_byte_seconds", "route", name)
		if seconds, ok := took.quantile(.5); ok {
			row.Half = duration(seconds)
		}
		if seconds, ok := took.quantile(.95); ok {
			row.Most = duration(seconds)
		}
		rows = append(rows, row)
	}
	return rows
}

// counted returns counts as rows, the largest first; what was not counted is left out.
func counted(counts map[string]float64) (rows []countRow) {
	all := 0.0
	for _, n := range counts {
		all += n
	}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for _, name := range names {
		if counts[name] > 0 {
			rows = append(rows, countRow{Name: name, Count: number(counts[name]), Share: share(counts[name], all)})
		}
	}
	return rows
}
