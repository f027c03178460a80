package census

import (
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// maxDays is how many days are remembered, maxRoutes of how many routes.
	maxDays   = 400
	maxRoutes = 256
)

// Day is what one day has brought.
type Day struct {
	Date      string `json:"date"` // in UTC
	Exchanges int64  `json:"exchanges"`
	// Needing are exchanges that would have failed without the edge.
	Needing int64 `json:"needing"`
	// Callers are how many different ones came, NeedingCallers how many of them with a
	// need. Of several replicas it is the most that one of them has seen.
	Callers        int `json:"callers"`
	NeedingCallers int `json:"needing_callers"`
}

// RouteHistory is what is known of one route, whatever becomes of the rows. The one
// without a name is the census itself: it has a day for each on which the edge ran.
type RouteHistory struct {
	Route string `json:"route"`
	// First and Last are when exchanges were seen, LastNeeding one that would have failed.
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	LastNeeding time.Time `json:"last_needing,omitzero"`
	Days        []Day     `json:"days"`
}

// history is what days have brought, by route.
type history struct {
	bound  int // of callers that are told apart on one day
	routes map[string]*routeHistory
	all    *routeHistory // that without a name
}

type routeHistory struct {
	RouteHistory
	day              int64
	callers, needing map[uint64]struct{} // of today
}

func newHistory(bound int) *history {
	h := &history{bound: bound, routes: map[string]*routeHistory{}}
	h.all = h.route("")
	return h
}

func dayOf(now time.Time) int64 { return now.Unix() / (24 * 60 * 60) }

// count counts exchanges of a caller on a route, which may be nil. fresh says that the
// caller may be a new one today.
func (h *history) count(route *routeHistory, times int64, needs bool, caller uint64, fresh bool, now time.Time) {
	for _, r := range [...]*routeHistory{h.all, route} {
		if r == nil {
			continue
		}
		d := r.today(now)
		if r.First.IsZero() {
			r.First = now
		}
		r.Last = now
		d.Exchanges += times
		if needs {
			d.Needing += times
			r.LastNeeding = now
		}
		if fresh {
			h.meet(r, d, caller, needs)
		}
	}
}

// meet counts a caller of today. Beyond the bound they are not told apart.
func (h *history) meet(r *routeHistory, d *Day, caller uint64, needs bool) {
	if len(r.callers) < h.bound {
		r.callers[caller] = struct{}{}
		d.Callers = max(d.Callers, len(r.callers))
	}
	if needs && len(r.needing) < h.bound {
		r.needing[caller] = struct{}{}
		d.NeedingCallers = max(d.NeedingCallers, len(r.needing))
	}
}

// route returns the history of a route; nil where there are too many routes.
func (h *history) route(name string) *routeHistory {
	r := h.routes[name]
	if r == nil && len(h.routes) <= maxRoutes {
		r = &routeHistory{RouteHistory: RouteHistory{Route: strings.Clone(name)}}
		h.routes[r.Route] = r
	}
	return r
}

// today returns the day that is.
func (r *routeHistory) today(now time.Time) *Day {
	if day := dayOf(now); r.day != day {
		r.begin(day, now)
	}
	return &r.Days[len(r.Days)-1]
}

// begin begins a day. What a file has told of today already goes on.
func (r *routeHistory) begin(today int64, now time.Time) {
	r.day = today
	r.callers, r.needing = map[uint64]struct{}{}, map[uint64]struct{}{}
	date := now.UTC().Format(time.DateOnly)
	if n := len(r.Days); n > 0 && r.Days[n-1].Date >= date { // a clock that was set back adds to the last day
		return
	}
	r.Days = append(r.Days, Day{Date: date})
	if len(r.Days) > maxDays {
		r.Days = slices.Clone(r.Days[len(r.Days)-maxDays:])
	}
}

// list returns the histories in the order of the names of their routes.
func (h *history) list() []RouteHistory {
	var all []RouteHistory
	for _, name := range slices.Sorted(maps.Keys(h.routes)) {
		r := h.routes[name].RouteHistory
		r.Days = slices.Clone(r.Days)
		all = append(all, r)
	}
	return all
}

// load takes over what a file says.
func (h *history) load(loaded []RouteHistory) {
	for _, r := range loaded {
		if len(h.routes) <= maxRoutes {
			r.Days = slices.Clone(r.Days[max(0, len(r.Days)-maxDays):])
			h.routes[r.Route] = &routeHistory{RouteHistory: r}
		}
	}
	h.all = h.route("")
}

// mergeHistories adds what several replicas have seen.
func mergeHistories(all [][]RouteHistory) []RouteHistory {
	merged := map[string]*RouteHistory{}
	for _, histories := range all {
		for _, h := range histories {
			m := merged[h.Route]
			if m == nil {
				m = &RouteHistory{Route: h.Route}
				merged[h.Route] = m
			}
			m.First, m.Last, m.LastNeeding = earlier(m.First, h.First), later(m.Last, h.Last), later(m.LastNeeding, h.LastNeeding)
			for _, d := range h.Days {
				m.addDay(d)
			}
		}
	}
	var out []RouteHistory
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		m := merged[name]
		slices.SortFunc(m.Days, func(a, b Day) int { return strings.Compare(a.Date, b.Date) })
		out = append(out, *m)
	}
	return out
}

func (r *RouteHistory) addDay(d Day) {
	at := slices.IndexFunc(r.Days, func(own Day) bool { return own.Date == d.Date })
	if at < 0 {
		r.Days = append(r.Days, d)
		return
	}
	own := &r.Days[at]
	own.Exchanges += d.Exchanges
	own.Needing += d.Needing
	own.Callers = max(own.Callers, d.Callers)
	own.NeedingCallers = max(own.NeedingCallers, d.NeedingCallers)
}

// meetAgain has a caller of today, of whom a file tells, not counted anew.
func (h *history) meetAgain(route *routeHistory, caller uint64, needs bool, now time.Time) {
	for _, r := range [...]*routeHistory{h.all, route} {
		if r != nil {
			h.meet(r, r.today(now), caller, needs)
		}
	}
}
