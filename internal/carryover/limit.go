package carryover

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// counters are the counter-keys that the edge counts by as well.
var counters = []struct {
	pattern *regexp.Regexp
	per     string
}{
	{regexp.MustCompile(`^context\.Subscription\??\.(?:Id|Key|PrimaryKey)(?:\.ToString\(\))?$`), "credential"},
	{regexp.MustCompile(`^` + fieldOf + `$`), "credential"},
	{regexp.MustCompile(`^context\.Request\.IpAddress$`), "address"},
	{regexp.MustCompile(`^context\.Api\.(?:Id|Name|Path)$`), "route"},
}

// rateLimit carries over rate-limit, which counts by subscription.
func rateLimit(p *policy) { p.limit("credential") }

// rateLimitByKey carries over rate-limit-by-key, where the edge can count by that key.
func rateLimitByKey(p *policy) {
	a := p.el.Attr("counter-key")
	if a == nil {
		p.refused(Limits, "no counter-key")
		return
	}
	p.used[a] = true
	p.limit(p.counter(a.Value))
}

// counter returns what the edge counts by, or "" where it cannot.
func (p *policy) counter(v apimpolicy.Value) string {
	if v.Kind == apimpolicy.Literal {
		if _, why := p.route.text(v); why == "" {
			return "route"
		}
		return ""
	}
	folded := apimpolicy.Fold(v.Text)
	for _, c := range counters {
		m := c.pattern.FindStringSubmatch(folded)
		if m == nil || len(m) > 1 && !isKeyField(strings.ToLower(m[1]+m[2]), p.route) {
			continue
		}
		return c.per
	}
	return ""
}

func (p *policy) limit(per string) {
	calls, okCalls := positive(p.attrText("calls"), 1_000_000_000)
	period, okPeriod := positive(p.attrText("renewal-period"), 366*24*3600)
	switch {
	case p.failed(Limits):
	case !okCalls || !okPeriod:
		p.refused(Limits, "calls or renewal-period is no number")
	case per == "":
		p.refused(Limits, "apim-edge counts by credential, by address or for a whole route (limits.per), and by no other expression")
	case len(p.limits) > 0:
		p.refused(Limits, "a second limit; a route of apim-edge has one ("+p.limits[0].from+")")
	case p.el.Attr("increment-condition") != nil:
		p.refused(Limits, "apim-edge counts before anything is sent, and so without looking at the answer (increment-condition)")
	default:
		rate, exact := perUnit(calls, period)
		if !exact {
			p.note("written for a unit of time that the configuration has, and rounded up")
		}
		p.note("apim-edge lets requests through as the time goes on, and not a number of them in each window; what it says is Retry-After")
		from := p.from()
		p.limits = []limit{{"per", per, from}, {"requests", rate, from}, {"burst", strconv.Itoa(min(calls, 100_000)), from}}
		p.carried(p.routeKey("limits"))
	}
}

// units are those of the configuration, the shortest first.
var units = []struct {
	name    string
	seconds int
}{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}}

// perUnit writes calls in a number of seconds as calls in a unit of time.
func perUnit(calls, seconds int) (rate string, exact bool) {
	for i := len(units) - 1; i >= 0; i-- {
		if u := units[i]; u.seconds == seconds {
			return strconv.Itoa(calls) + "/" + u.name, true
		}
	}
	for _, u := range units {
		if calls*u.seconds%seconds == 0 {
			return strconv.Itoa(calls*u.seconds/seconds) + "/" + u.name, true
		}
	}
	return strconv.Itoa((calls*86400+seconds-1)/seconds) + "/d", false
}
