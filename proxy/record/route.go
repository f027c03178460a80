package record

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Route is one route as the metrics know it: with its labels resolved, so that an
// exchange adds to them without looking anything up.
type Route struct {
	// Name and Upstreams are those of the configuration.
	Name      string
	Upstreams []string

	m    *Metrics
	gone atomic.Bool  // another configuration is in use
	open atomic.Int64 // event streams and tunnels

	duration, firstByte                           prometheus.Observer
	events, incomplete, cancels, retries, refused prometheus.Counter

	legs       []leg // one for each upstream; of several, the last is for what went to none
	preflights [len(preflightResults)]prometheus.Counter
	limited    [len(limits)]prometheus.Counter
	hints      [hint.Count]prometheus.Counter
	decisions  [repairCount][familyCount]prometheus.Counter
	tokens     tokens
	// Most combinations never come: a row is made when it is first needed, and so
	// is a counter in it.
	requests [rewrite.ReasonCount][familyCount]atomic.Pointer[requestRow]
}

// leg is what is counted for one upstream of a route, by code.
type leg struct {
	upstream     string
	errors, cuts []prometheus.Counter
}

type requestRow [len(codes)]atomic.Pointer[prometheus.Counter]

// preflightResults are the results of a preflight: what CORS refused stands behind
// the underscore.
var preflightResults = [...]string{"allowed", "refused_origin", "refused_method", "refused_header"}

// limits are the kinds of limits of a route, as in Record.Limit.
var limits = [...]string{"requests", "concurrent", "store"}

// attach makes the series of the route. All whose first increment matters begin at
// 0: increase() does not see a series that is born with 1.
func (r *Route) attach() {
	m, name := r.m, r.Name
	r.gone.Store(false)
	r.duration, r.firstByte = m.duration.WithLabelValues(name), m.firstByte.WithLabelValues(name)
	r.events, r.incomplete = m.events.WithLabelValues(name), m.incomplete.WithLabelValues(name)
	r.cancels, r.retries = m.cancels.WithLabelValues(name), m.retries.WithLabelValues(name)
	r.refused = m.refused.WithLabelValues(name)
	for i, result := range preflightResults {
		r.preflights[i] = m.preflights.WithLabelValues(name, result)
	}
	for i, kind := range limits {
		r.limited[i] = m.limited.WithLabelValues(name, kind)
	}
	r.legs = nil
	for _, upstream := range r.labels() {
		r.legs = append(r.legs, m.leg(name, upstream))
	}
	for _, h := range hint.All() {
		r.hints[h] = m.hints.WithLabelValues(name, h.String(), h.Owner().String())
	}
	for i, repair := range repairs {
		for f := range familyCount {
			r.decisions[i][f] = m.decisions.WithLabelValues(name, repair, f.String())
		}
	}
}

// labels returns those of the upstreams.
func (r *Route) labels() []string {
	if len(r.Upstreams) == 1 {
		return r.Upstreams
	}
	return append(slices.Clone(r.Upstreams), noRoute)
}

func (m *Metrics) leg(route, upstream string) leg {
	all := edgeerr.Codes()
	l := leg{upstream: upstream, errors: make([]prometheus.Counter, slices.Max(all)+1)}
	l.cuts = make([]prometheus.Counter, len(l.errors))
	for _, c := range all {
		l.errors[c] = m.errors.WithLabelValues(route, upstream, c.String())
		if c.Status() == 0 {
			l.cuts[c] = m.cuts.WithLabelValues(route, upstream, c.String(), c.Source().String())
		}
	}
	return l
}

// leg returns what is counted for an upstream of the route.
func (r *Route) leg(upstream string) *leg {
	last := len(r.legs) - 1
	for i := range last {
		if r.legs[i].upstream == upstream {
			return &r.legs[i]
		}
	}
	return &r.legs[last]
}

// detach ends the series that no configuration has any more: all of a route that
// was removed (now is nil), those with an upstream's name of one that asks others now.
// The series of streams stays until the last one has ended.
func (r *Route) detach(now *Route) {
	if r.Name == noRoute {
		return // it shares the series of those that have no route
	}
	r.gone.Store(true)
	r.m.leave(r)
	for _, upstream := range r.labels() {
		if now != nil && slices.Contains(now.labels(), upstream) {
			continue
		}
		gone := prometheus.Labels{"route": r.Name, "upstream": upstream}
		r.m.tokens.DeletePartialMatch(gone)
		r.m.tokenParts.DeletePartialMatch(gone)
		r.m.errors.DeletePartialMatch(gone)
		r.m.cuts.DeletePartialMatch(gone)
	}
	if now != nil {
		return
	}
	gone := prometheus.Labels{"route": r.Name}
	for _, v := range []interface{ DeletePartialMatch(prometheus.Labels) int }{
		r.m.requests, r.m.decisions, r.m.duration, r.m.firstByte, r.m.events, r.m.incomplete, r.m.cancels, r.m.retries, r.m.preflights, r.m.refused, r.m.limited, r.m.strays, r.m.hints, r.m.noTokens,
	} {
		v.DeletePartialMatch(gone)
	}
}

// request returns the counter for one outcome, made when it is first needed.
func (r *Route) request(of *Record) prometheus.Counter {
	at := &r.requests[of.Reason][of.Client]
	row := at.Load()
	if row == nil {
		at.CompareAndSwap(nil, new(requestRow))
		row = at.Load()
	}
	code := codeOf(of.Status)
	if c := row[code].Load(); c != nil {
		return *c
	}
	return r.newRequest(of, &row[code], code)
}

func (r *Route) newRequest(of *Record, at *atomic.Pointer[prometheus.Counter], code int) prometheus.Counter {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone.Load() { // or the series would come back
		r = r.m.none
		at = new(atomic.Pointer[prometheus.Counter])
	}
	c := r.m.requests.WithLabelValues(r.Name, classOf(of.Status), codes[code], of.Reason.String(), of.Client.String())
	at.Store(&c)
	return c
}

func (r *Route) decision(i repair, f Family) prometheus.Counter { return r.decisions[i][f] }

// failed adds an exchange that has ended with an error.
func (r *Route) failed(of *Record) {
	leg := r.leg(of.Upstream)
	leg.errors[of.Code].Inc()
	if of.Code == edgeerr.ClientLeft && of.Up > 0 {
		r.cancels.Inc()
	}
	if of.Cut {
		r.cut(leg, of.Code).Inc()
	}
}

// cut returns the counter of cuts by one cause. Those that an error with a status
// of its own can be are not made before they come.
func (r *Route) cut(leg *leg, code edgeerr.Code) prometheus.Counter {
	if c := leg.cuts[code]; c != nil {
		return c
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone.Load() { // or the series would come back
		r, leg = r.m.none, &r.m.none.legs[0]
	}
	return r.m.cuts.WithLabelValues(r.Name, leg.upstream, code.String(), code.Source().String())
}

// stray returns the counter of requests whose path was repaired.
func (r *Route) stray(name string) prometheus.Counter {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	if r.gone.Load() { // or the series would come back
		r = r.m.none
	}
	return r.m.strays.WithLabelValues(r.Name, name)
}

// limit returns the counter of requests that a limit has refused.
func (r *Route) limit(kind string) prometheus.Counter {
	return r.limited[max(0, slices.Index(limits[:], kind))]
}

// preflight returns the counter of preflights with what CORS refused of them.
func (r *Route) preflight(refused string) prometheus.Counter {
	for i, result := range preflightResults[1:] {
		if refused != "" && result[len("refused_"):] == refused {
			return r.preflights[i+1]
		}
	}
	return r.preflights[0]
}

// codes are the values of the label code: the statuses that tell something of their
// own, and the class of any other.
var codes = [...]string{
	"none", "1xx", "2xx", "3xx", "4xx", "5xx",
	"200", "400", "401", "403", "404", "408", "409", "413", "422", "429", "500", "502", "503", "504",
}

const classes = 6 // of codes

// codeAt holds the place in codes of each status that has one of its own.
var codeAt = func() (at [600]uint8) {
	for status := range at {
		at[status] = uint8(status / 100)
	}
	for i, code := range codes[classes:] {
		at[int(code[0]-'0')*100+int(code[1]-'0')*10+int(code[2]-'0')] = uint8(i + classes)
	}
	return at
}()

// codeOf returns the place in codes of a status that the client got; 0: nothing.
func codeOf(status int) int { return int(codeAt[min(status, len(codeAt)-1)]) }

// classOf returns the class of a status.
func classOf(status int) string { return codes[min(status/100, classes-1)] }

// StreamBegun counts an event stream or a tunnel that opens, StreamEnded its end.
func (r *Route) StreamBegun() {
	r.open.Add(1)
	if r.gone.Load() {
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		r.m.leave(r)
	}
}

// StreamEnded counts the end of what StreamBegun has counted.
func (r *Route) StreamEnded() { r.open.Add(-1) }

// leave keeps a route that is not in use any more until its streams have ended.
func (m *Metrics) leave(r *Route) {
	if !slices.Contains(m.leaving, r) {
		m.leaving = append(m.leaving, r)
	}
}

// streams collects the streams that are open, those of removed routes included:
// they hold connections, whatever the configuration says now.
type streams Metrics

var streamsOpen = prometheus.NewDesc("apim_edge_streams_open", "Event streams and tunnels being relayed.", []string{"route"}, nil)

// Describe implements prometheus.Collector.
func (s *streams) Describe(ch chan<- *prometheus.Desc) { ch <- streamsOpen }

// Collect implements prometheus.Collector.
func (s *streams) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = slices.DeleteFunc(s.leaving, func(r *Route) bool { return r.open.Load() == 0 })
	open := map[string]int64{noRoute: 0}
	for name, r := range s.routes {
		open[name] = r.open.Load()
	}
	for _, r := range s.leaving {
		open[r.Name] += r.open.Load()
	}
	for name, n := range open {
		ch <- prometheus.MustNewConstMetric(streamsOpen, prometheus.GaugeValue, float64(n), name)
	}
}
