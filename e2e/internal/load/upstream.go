package load

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/peer"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// Upstream is the process that plays the upstream, one life after the other, and
// what all of them have told.
type Upstream struct {
	ID  *testcert.Certificate // nil: plain
	Key string                // what the edge shows to it; empty: the client's

	address string
	ledger  *Ledger

	mu        sync.Mutex
	life      *life
	open      map[string]*life // exchanges that have not ended
	strangers map[string]bool  // that have arrived, and are not in the ledger
	most      struct{ exchanges, conns int }
	outages   []outage
	hungUp    []time.Time // when it closed a connection without saying so
	refusing  []outage    // times of refusal, until it can be asked again
}

// life is one process from its start to its end.
type life struct {
	*peer.Process
	conns int
	over  bool
}

// outage is a time without upstream; one that lasts has no end.
type outage struct{ from, to time.Time }

// NewUpstream starts one that tells the ledger what arrives. id: over TLS.
func NewUpstream(l *Ledger, id *testcert.Certificate) (*Upstream, error) {
	address, err := testkit.Reserve()
	if err != nil {
		return nil, err
	}
	u := &Upstream{ID: id, address: address, ledger: l, open: map[string]*life{}, strangers: map[string]bool{}}
	return u, u.Start()
}

// Another starts one more that tells the same ledger.
func (u *Upstream) Another() (*Upstream, error) { return NewUpstream(u.ledger, u.ID) }

// URL is where the edge asks it.
func (u *Upstream) URL() string {
	if u.ID != nil {
		return "https://" + u.address
	}
	return "http://" + u.address
}

// Start begins a life and waits until it listens.
func (u *Upstream) Start() error {
	l := &life{}
	u.mu.Lock()
	u.life = l
	u.mu.Unlock()
	process, err := peer.Start(role, u.address, u.ID, func(line string) { u.note(l, line) })
	if err != nil {
		return err
	}
	u.mu.Lock()
	l.Process = process
	u.mu.Unlock()
	u.recover()
	return nil
}

// note writes down what upstream tells.
func (u *Upstream) note(l *life, line string) {
	what, rest, _ := strings.Cut(line, " ")
	id, more, _ := strings.Cut(rest, " ")
	u.mu.Lock()
	switch what {
	case "open":
		l.conns++
		u.most.conns = max(u.most.conns, l.conns)
	case "closed":
		l.conns--
	case "arrived", "refuses":
		u.open[id] = l
		u.most.exchanges = max(u.most.exchanges, len(u.open))
		if !isOurs(id) {
			u.strangers[id] = true
		}
	case "ended":
		delete(u.open, id)
	case "hangs-up":
		nanos, _ := strconv.ParseInt(more, 10, 64)
		u.hungUp = append(u.hungUp[max(0, len(u.hungUp)-1000):], time.Unix(0, nanos))
	}
	u.mu.Unlock()
	switch what {
	case "arrived", "refuses":
		var a arrival
		if err := json.Unmarshal([]byte(more), &a); err != nil {
			u.ledger.Found("upstream talks nonsense: %q", line)
		}
		if what == "arrived" {
			u.ledger.arrived(id, &a, u)
		} else {
			u.ledger.refused(id, &a, u)
		}
	case "ended":
		u.ledger.released(id, more, true, u)
	case "broken":
		u.ledger.Found("upstream %s cannot read a request: %s %s", u.address, id, more)
	}
}

// Kill ends the life with SIGKILL. What was open then ends nowhere.
func (u *Upstream) Kill() {
	u.fail()
	u.life.Kill()
	u.bury()
}

// Restart takes upstream away for a time, each connection being reset.
func (u *Upstream) Restart(length time.Duration) error {
	u.fail()
	u.life.Tell(die)
	u.life.Wait()
	u.bury()
	time.Sleep(length)
	return u.Start()
}

// bury lets go of what a life that has ended still had.
func (u *Upstream) bury() {
	u.mu.Lock()
	var left []string
	for id, l := range u.open {
		if l == u.life {
			left = append(left, id)
			delete(u.open, id)
		}
	}
	u.life.over, u.life.conns = true, 0
	u.mu.Unlock()
	for _, id := range left {
		u.ledger.released(id, "", false, u)
	}
}

// Refuse lets it answer each request with a status that says that nothing ran, and ask
// to be left alone for LeftAlone. Serve ends that.
func (u *Upstream) Refuse(status int) {
	u.mu.Lock()
	u.refusing = append(u.refusing, outage{from: time.Now()})
	u.mu.Unlock()
	u.life.Tell(refuse + " " + strconv.Itoa(status))
}

// Serve ends a Refuse.
func (u *Upstream) Serve() {
	u.life.Tell(refuse + " 0")
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refusing[len(u.refusing)-1].to = time.Now().Add(LeftAlone + aftermath)
}

// Open lets go on what is gated.
func (u *Upstream) Open() { u.life.Tell(open) }

// Stop lets it stand still, Continue go on.
func (u *Upstream) Stop() {
	u.fail()
	u.life.Signal(syscall.SIGSTOP)
}

// Continue ends a Stop.
func (u *Upstream) Continue() {
	u.life.Signal(syscall.SIGCONT)
	u.recover()
}

func (u *Upstream) fail() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.outages = append(u.outages, outage{from: time.Now()})
}

// aftermath is how long after its end an outage may still be felt: by exchanges
// that had met it and are told only now.
const aftermath = 500 * time.Millisecond

func (u *Upstream) recover() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.outages); n > 0 && u.outages[n-1].to.IsZero() {
		u.outages[n-1].to = time.Now().Add(aftermath)
	}
}

// wasDown reports whether an outage lies in the time.
func (u *Upstream) wasDown(from, to time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.outages, func(o outage) bool { return o.overlaps(from, to) })
}

func (o *outage) overlaps(from, to time.Time) bool {
	return o.from.Before(to) && (o.to.IsZero() || o.to.After(from))
}

// wasWell reports whether the upstream could be of use all of the time.
func (u *Upstream) wasWell(from, to time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	in := func(o outage) bool { return o.overlaps(from, to) }
	return !slices.ContainsFunc(u.outages, in) && !slices.ContainsFunc(u.refusing, in)
}

// mayBeStale reports whether an idle connection has been closed without a word
// about then, so that a request may have met the closing.
func (u *Upstream) mayBeStale(from, to time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.ContainsFunc(u.hungUp, func(at time.Time) bool { return at.After(from.Add(-time.Second)) && at.Before(to) })
}

// Has reports whether a request that is not in the ledger has arrived.
func (u *Upstream) Has(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.strangers[id]
}

// MostExchanges returns how many there were at a time, MostConns how many
// connections.
func (u *Upstream) MostExchanges() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.most.exchanges
}

// MostConns returns how many connections there were at a time.
func (u *Upstream) MostConns() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.most.conns
}

// AwaitQuiet waits until everything has ended: each departure has come through.
func (u *Upstream) AwaitQuiet() error {
	var running []string
	var conns int
	if !testkit.Eventually(testkit.Patience, func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		running, conns = nil, u.life.conns
		for id := range u.open {
			running = append(running, id)
		}
		return len(running) == 0 && conns == 0
	}) {
		return fmt.Errorf("%d exchanges still run at the upstream, such as %v, on %d connections", len(running), running[:min(len(running), 5)], conns)
	}
	return nil
}

// CPUTime returns what the present life has used.
func (u *Upstream) CPUTime() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.life.over || u.life.Process == nil {
		return 0
	}
	return edge.CPUTime(u.life.Pid())
}
