package upstream

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// aside holds the addresses of a name that no dial begins with for a while, since they
// have refused or were silent: the historical data of RFC 8305 section 4. The others
// stay in turn, so that they share the load. The zero value holds none.
type aside struct {
	mu    sync.Mutex
	until map[netip.Addr]time.Time
}

// awhile is how long. A dead address costs the one dial that begins with it headStart
// at most, so that this is no more than 1 % of the time; and one that is back has its
// share again as soon as a peer of Envoy has (base_ejection_time, 30 s). nginx tries
// again after 10 s (fail_timeout), but then waits for the whole connect timeout.
const awhile = 30 * time.Second

// order puts behind all others those that are set aside: they are still tried where the
// others fail. One whose while is over comes first, and is set aside anew until it has
// answered: so one dial finds out, and not all that begin meanwhile. What DNS no longer
// names is forgotten.
func (a *aside) order(ends []netip.Addr) []netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.until, func(end netip.Addr, _ time.Time) bool { return !slices.Contains(ends, end) })
	now := time.Now()
	var tried, good, bad []netip.Addr
	for _, end := range ends {
		until, is := a.until[end]
		switch {
		case !is:
			good = append(good, end)
		case tried == nil && !now.Before(until):
			tried = []netip.Addr{end}
			a.until[end] = now.Add(awhile)
		default:
			bad = append(bad, end)
		}
	}
	return slices.Concat(tried, good, bad)
}

// hear notes how a dial of end went. What this machine lacks says nothing about end.
func (a *aside) hear(end netip.Addr, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err == nil:
		delete(a.until, end)
	case exhausted(err):
	case a.until == nil:
		a.until = map[netip.Addr]time.Time{end: time.Now().Add(awhile)}
	default:
		a.until[end] = time.Now().Add(awhile)
	}
}
