package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/option"
)

// RouteLimits bound what a route takes of one caller, or of all
// (docs/limits.md).
type RouteLimits struct {
	// Whose requests are counted together. credential: those with the same key, or
	// of the same caller where the route asks who that is; address: those from
	// one client (an IPv6 client is its /64), through trusted_proxies; route: all.
	Per string `koanf:"per" oneof:"credential route address"`
	// How many may pass in a time, on average: 600/m, 10/s, 5000/h or 20000/d.
	// Others get 429 and the time to wait. Empty: no limit.
	Requests string `koanf:"requests"`
	// How many may pass at once, when nothing has for a while. 0: a tenth of
	// requests, but 10 at least and requests at most.
	Burst int `koanf:"burst" max:"100000"`
	// How many may run at a time, streams and WebSockets as long as they are open.
	// Others get 429. Each replica counts for itself. 0: no limit.
	Concurrent int `koanf:"concurrent" max:"1000000"`
}

// Rate is a number of requests in a time.
type Rate struct {
	Requests int
	Per      time.Duration
}

var rateUnits = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

var rateForm = regexp.MustCompile(`^([1-9][0-9]{0,8})/([smhd])$`)

// ParseRate reads a rate as limits.requests has it.
func ParseRate(text string) (Rate, bool) {
	m := rateForm.FindStringSubmatch(text)
	if m == nil {
		return Rate{}, false
	}
	n, err := strconv.Atoi(m[1])
	return Rate{n, rateUnits[m[2]]}, err == nil
}

// Every returns the time from one request to the next, on average.
func (r Rate) Every() time.Duration { return r.Per / time.Duration(r.Requests) }

// shortest bounds rates: the store counts in microseconds.
const shortest = 10 * time.Microsecond

// Set reports whether there is a limit.
func (l RouteLimits) Set() bool { return l.Requests != "" || l.Concurrent > 0 }

// Text returns the limits in words, as clients and operators read them.
func (l RouteLimits) Text() string {
	var all []string
	if l.Requests != "" {
		all = append(all, fmt.Sprintf("%s, of which %d at once", l.Requests, l.Burst))
	}
	if l.Concurrent > 0 {
		all = append(all, fmt.Sprintf("%d at a time", l.Concurrent))
	}
	return strings.Join(all, " and ") + map[string]string{
		"credential": ", for each credential", "address": ", for each client's address", "route": ", for all together",
	}[l.Per]
}

func (l RouteLimits) complete() RouteLimits {
	fill(&l.Per, "credential")
	if rate, ok := ParseRate(l.Requests); ok {
		fill(&l.Burst, min(rate.Requests, max(rate.Requests/10, 10), mostBurst))
	}
	return l
}

// mostBurst is what the tag of Burst allows.
const mostBurst = 100000

const rateWanted = "a number of requests in a second, minute, hour or day, such as 600/m"

func (v *checker) limits(key string, l RouteLimits) {
	requests, burst := option.Child(key, "requests"), option.Child(key, "burst")
	if l.Requests == "" {
		if l.Burst > 0 {
			v.fault(burst, strconv.Itoa(l.Burst), "a burst is one of requests, which are not limited; write requests: \"600/m\" beside it", "")
		}
		return
	}
	rate, ok := ParseRate(l.Requests)
	switch {
	case !ok:
		v.wrong(requests, option.Show(l.Requests), rateWanted, respellRate(l.Requests))
	case rate.Every() < shortest:
		v.wrong(requests, option.Show(l.Requests), fmt.Sprintf("%d/s at most", time.Second/shortest), "")
	case time.Duration(l.Burst)*rate.Every() > longest:
		v.fault(burst, strconv.Itoa(l.Burst), "a burst of so many would take more than a year to be made good", "")
	}
}

var looseRate = regexp.MustCompile(`^([1-9][0-9]{0,8})\s*(?:/|per)?\s*([a-z]+)$`)

// respellRate guesses what was meant: 600/min, 600 per minute, 10 / sec, 600rpm.
func respellRate(text string) string {
	m := looseRate.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return ""
	}
	unit, ok := map[string]string{"rps": "s", "rpm": "m", "rph": "h", "rpd": "d", "day": "d", "days": "d"}[m[2]]
	if !ok {
		unit = durationWords[m[2]]
	}
	if meant := m[1] + "/" + unit; rateForm.MatchString(meant) {
		return meant
	}
	return ""
}
