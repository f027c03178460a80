package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// count is what has become of exchanges.
type count struct{ all, lost, cut, doubled, short int64 }

// phase is a time in which one thing happens to the replicas.
type phase struct {
	name      string
	raw, sdks count
	details   []string
	faults    []string // what must not be
}

// check is one run.
type check struct {
	options
	*fleet
	began  time.Time
	phases []*phase
	shares []share
}

// say tells a person what goes on.
func (c *check) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%6.1fs  %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

// during has all clients at work while happens does what it does, and counts what they
// have seen once each has ended what it did. killed: a replica is killed in it.
func (c *check) during(name string, mix *load.Mix, killed bool, happens func(*phase, *load.Crowd) error) error {
	p := &phase{name: name}
	c.phases = append(c.phases, p)
	before, ended := c.ledger.Endings()
	crowd := c.load.Gather(c.clients, mix, nil)
	defer crowd.Halt()
	crowd.MayFail.Store(killed)
	crowd.Killed.Store(killed)
	for _, s := range c.sdks {
		s.tell("go")
	}
	if err := c.warm(crowd); err != nil {
		return err
	}
	err := happens(p, crowd)
	if err == nil {
		err = c.warm(crowd) // what comes behind it belongs to it
	}
	crowd.Halt()
	for _, s := range c.sdks {
		if err := s.rest(); err != nil {
			return err
		}
	}
	c.settle()
	after, all := c.ledger.Endings()
	p.raw = tally(before, after)
	p.raw.all = all - ended
	p.sdks, p.details = c.callsOf()
	c.say("%s: %d exchanges of raw clients, %d of SDKs", name, p.raw.all, p.sdks.all)
	return err
}

// warm waits until every client has had some answers, from now on.
func (c *check) warm(crowd *load.Crowd) error {
	answers, calls := crowd.Count("complete"), c.calls.least()
	if !testkit.Eventually(2*testkit.Patience, func() bool {
		return crowd.Count("complete") >= answers+3*c.clients && c.calls.least() >= calls+6
	}) {
		return fmt.Errorf("clients get no answers any more: raw %v, SDKs %v", crowd, c.calls.answered)
	}
	return nil
}

// settle waits until each exchange is judged.
func (c *check) settle() {
	testkit.Eventually(testkit.Patience, func() bool {
		c.ledger.Sweep()
		return c.ledger.Pending() == 0
	})
}

// callsOf takes what the users of SDKs have seen. What they see as a failure is a loss;
// whether a part of the answer came before, the SDK does not tell.
func (c *check) callsOf() (n count, details []string) {
	how, details := c.calls.take()
	n = count{lost: int64(how["failed"]), doubled: int64(how["doubled"]), short: int64(how["short"])}
	n.all = int64(how["ok"]) + n.lost + n.short
	return n, details
}

// good are the endings that an exchange is meant to have here.
var good = []string{"complete", "preflight"}

// tally counts endings of the ledger by what they mean to a client.
func tally(before, after map[string]int64) (n count) {
	after = maps.Clone(after)
	for ending, times := range before {
		after[ending] -= times
	}
	for ending, times := range after {
		_, how, _ := strings.Cut(ending, ": ")
		switch {
		case slices.Contains(good, how):
		case how == "cut":
			n.cut += times
		case how == "sent twice":
			n.doubled += times
		case how == "looks complete", how == "wrong body":
			n.short += times
		default:
			n.lost += times
		}
	}
	return n
}

// want notes what must not be.
func (p *phase) want(ok bool, format string, args ...any) {
	if !ok {
		p.faults = append(p.faults, fmt.Sprintf(format, args...))
	}
}

// counts goes through those of all clients.
func (p *phase) counts(yield func(who string, n count) bool) {
	_ = yield("raw", p.raw) && yield("SDKs", p.sdks)
}

// whole holds that nobody has felt anything.
func (p *phase) whole() {
	for who, n := range p.counts {
		p.want(n.lost+n.cut+n.doubled+n.short == 0, "%s: %d lost, %d cut, %d doubled, %d silently short; want none", who, n.lost, n.cut, n.doubled, n.short)
		p.want(n.all > 0, "%s: nothing was asked", who)
	}
}

// visible holds that who lost something knows it, and that somebody did.
func (p *phase) visible() {
	for who, n := range p.counts {
		p.want(n.doubled+n.short == 0, "%s: %d doubled, %d silently short; want none", who, n.doubled, n.short)
	}
	p.want(p.raw.lost+p.raw.cut+p.sdks.lost > 0, "nobody has felt that a replica was killed: it had nothing to do")
}
