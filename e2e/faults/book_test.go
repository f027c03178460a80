//go:build e2e

package faults

import (
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// book is what all clients of a test have seen.
type book struct {
	t       *testing.T
	address string
	secure  *tls.Config // nil: plain
	clients []*client
	codes   map[string]int // errors that can be, with their status; nil: expectedCodes
	mayFail atomic.Bool    // the edge goes: connections may be refused and end without an answer
	working sync.WaitGroup
	stop    chan struct{}
	once    sync.Once

	mu     sync.Mutex
	seen   map[string]int
	faults []string
}

// startClients lets n clients work until halt.
func startClients(t *testing.T, n int, address string, secure *tls.Config) *book {
	b := &book{t: t, address: address, secure: secure, stop: make(chan struct{}), seen: map[string]int{}}
	for i := range n {
		c := &client{Rand: rand.New(rand.NewPCG(uint64(i), 11)), book: b, name: fmt.Sprintf("c%d", i), number: i}
		b.clients = append(b.clients, c)
		b.working.Go(func() { c.run(b.stop) })
	}
	t.Cleanup(b.halt)
	return b
}

// halt lets each client end what it does.
func (b *book) halt() {
	b.once.Do(func() { close(b.stop) })
	b.working.Wait()
}

// tell counts an outcome.
func (b *book) tell(outcome string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen[outcome]++
}

func (b *book) count(outcome string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[outcome]
}

// await waits until n more clients have seen the outcome while there is such a
// state of things.
func (b *book) await(outcome string, n int, while string) {
	b.t.Helper()
	b.reach(outcome, b.count(outcome)+n, while)
}

// reach waits until n clients have seen the outcome.
func (b *book) reach(outcome string, n int, while string) {
	b.t.Helper()
	if !eventually(b.t, fmt.Sprintf("more clients to see %s, %s", outcome, while), func() bool { return b.count(outcome) >= n }) {
		b.mayFail.Store(true) // what follows is the end of the test
		b.report(b.faults)
		b.t.Fatalf("seen so far: %v", b.seen)
	}
}

func (b *book) fault(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// report fails the test for each fault, but not for more than can be read.
func (b *book) report(faults []string) {
	b.t.Helper()
	for _, f := range faults[:min(len(faults), 8)] {
		b.t.Error(f)
	}
	if len(faults) > 8 {
		b.t.Errorf("and %d faults more", len(faults)-8)
	}
}

func (b *book) exchanges(do func(*exchange)) {
	for _, c := range b.clients {
		for _, x := range c.all {
			do(x)
		}
	}
}

// wantUpstream lays what arrived beside what was sent: once at most, with the
// credential of its client in its place and nowhere else.
func (b *book) wantUpstream(u *upstream) {
	b.t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	known, faults := map[string]bool{}, append([]string{}, u.faults...)
	b.exchanges(func(x *exchange) {
		known[x.nonce] = true
		arrived := u.arrived[x.nonce]
		want := x.fill(slots[x.slot].arrives)
		switch {
		case len(arrived) > 1:
			faults = append(faults, fmt.Sprintf("%s (%s, %s) arrived %d times", x.nonce, x.method, x.work, len(arrived)))
		case len(arrived) == 1 && arrived[0] != want:
			faults = append(faults, fmt.Sprintf("%s arrived with %q, want %q", x.nonce, arrived[0], want))
		case len(arrived) == 1 && (x.behind || x.method == "OPTIONS" || x.sent < x.head):
			faults = append(faults, fmt.Sprintf("%s (%s, %s) arrived, which it must not", x.nonce, x.method, x.work))
		case len(arrived) == 0 && x.status > 0 && x.code == "" && x.method != "OPTIONS":
			faults = append(faults, fmt.Sprintf("%s was answered and has not arrived", x.nonce))
		}
	})
	for nonce := range u.arrived {
		if !known[nonce] {
			faults = append(faults, fmt.Sprintf("%q arrived, and nobody sent it", nonce))
		}
	}
	b.report(faults)
}

// wantLines lays the access lines beside what clients saw: one for each exchange
// whose head the edge has read, and it tells the same story.
func (b *book) wantLines(e *edge, u *upstream) {
	b.t.Helper()
	lines, nameless := map[string][]logLine{}, 0
	for _, l := range e.log("exchange") {
		if l.RequestID == "" { // its head was not complete
			nameless++
			continue
		}
		lines[l.RequestID] = append(lines[l.RequestID], l)
	}
	var faults []string
	least, most := 0, 0 // heads that were not complete: the kernel forgets bytes in front of a reset
	b.exchanges(func(x *exchange) {
		if x.left != "" && x.sent > 0 && x.sent < x.head {
			most++
			if x.left != byReset {
				least++
			}
		}
		if x.unread {
			return
		}
		if fault := x.compare(lines[x.nonce], u.has(x.nonce), b.mayFail.Load()); fault != "" {
			faults = append(faults, fmt.Sprintf("%s (%s %s, left %q): %s; lines %+v", x.nonce, x.method, x.work, x.left, fault, lines[x.nonce]))
		}
		delete(lines, x.nonce)
	})
	for nonce, all := range lines {
		if len(all) == 1 && strings.Contains(all[0].Error, unreadText) {
			continue // of one that was not read; the edge has made the id
		}
		faults = append(faults, fmt.Sprintf("an access line for %q, which nobody sent", nonce))
	}
	if !b.mayFail.Load() && (nameless < least || nameless > most) {
		faults = append(faults, fmt.Sprintf("%d lines of heads that were not complete, want %d to %d", nameless, least, most))
	}
	b.report(faults)
}

// compare lays one exchange beside its access lines. unread tells that a request
// may have met a connection that the edge was closing.
func (x *exchange) compare(lines []logLine, arrived, unread bool) (fault string) {
	switch {
	case len(lines) > 1:
		return fmt.Sprintf("%d access lines", len(lines))
	case len(lines) == 0 && (arrived || x.status > 0):
		return "no access line"
	case len(lines) == 0 && !unread && x.sent >= x.head && (x.left == byFIN || x.left == byHalf):
		return "no access line for a head that was sent"
	case len(lines) == 0:
		return ""
	case x.behind:
		return "an access line for what stood behind the end of its connection"
	}
	l := lines[0]
	_, isError := allCodes[l.Cause]
	switch {
	case l.Method != x.method:
		return "another method"
	case x.left != "":
		return "" // who left did not see how it ended
	case l.Cause == "client_left":
		return "it has not left"
	case x.status != l.Status:
		return fmt.Sprintf("the client saw status %d", x.status)
	case x.code != "" && l.Cause != x.code:
		return "the client saw error " + x.code
	case x.method == "OPTIONS":
		if l.Cause != "preflight" {
			return "a preflight"
		}
	case x.complete && x.code == "" && l.Cause != "complete":
		return "the client saw it complete"
	case x.cut && !isError:
		return fmt.Sprintf("the client saw a cut: %d bytes, then %v", x.got, x.end)
	case x.complete && x.work == workFixed && x.code == "" && int(l.Bytes) != x.got:
		return fmt.Sprintf("the client got %d bytes", x.got)
	case x.code == "" && l.Reason != slots[x.slot].reason:
		return "reason, want " + slots[x.slot].reason
	}
	return ""
}

// wantCounters holds that the metrics say the same as the access lines.
func (b *book) wantCounters(e *edge) {
	b.t.Helper()
	m, lines := e.scrape(), e.log("exchange")
	eventually(b.t, "the log to have each line", func() bool {
		m, lines = e.scrape(), e.log("exchange")
		return m.sum("apim_edge_requests_total") == len(lines)
	})
	classes, causes, events := map[string]int{}, map[string]int{}, 0
	for _, l := range lines {
		class := "none"
		if l.Status > 0 {
			class = fmt.Sprintf("%dxx", l.Status/100)
		}
		classes[class]++
		causes[l.Cause]++
		events += int(l.Events)
	}
	same := func(what string, counted, logged int) {
		if counted != logged {
			b.t.Errorf("%s: %d counted, %d in the access lines", what, counted, logged)
		}
	}
	same("exchanges", m.sum("apim_edge_requests_total"), len(lines))
	same("durations", m.sum("apim_edge_exchange_duration_seconds_count"), len(lines))
	for _, class := range []string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		same("exchanges with "+class, m.sum("apim_edge_requests_total", `status="`+class+`"`), classes[class])
	}
	for code := range allCodes {
		same("errors "+code, m.sum("apim_edge_errors_total", `code="`+code+`"`), causes[code])
	}
	same("preflights", m.sum("apim_edge_preflights_total"), causes["preflight"])
	same("streams without their end", m.sum("apim_edge_streams_incomplete_total"), causes["stream_incomplete"])
	same("events", m.sum("apim_edge_events_total"), events)
	same("reloads", m.sum("apim_edge_reloads_total", `result="ok"`), e.count("reloaded"))
	same("reloads that failed", m.sum("apim_edge_reloads_total", `result="failed"`), e.count("reload failed"))
	same("log lines lost", m.sum("apim_edge_log_lines_lost_total"), 0)
	cancels, departures := m.sum("apim_edge_cancels_total"), causes["client_left"]
	if cancels > departures || departures > 0 && cancels == 0 {
		b.t.Errorf("%d cancels, %d departures", cancels, departures)
	}
	for _, cause := range []string{"upstream_aborted", "stream_idle"} {
		same("cuts by "+cause, m.sum("apim_edge_cuts_total", `cause="`+cause+`"`), causes[cause])
	}
	if panics := e.count("panic"); panics > 0 || strings.Contains(e.text(), "goroutine ") {
		b.t.Errorf("%d panics: %s", panics, e.text())
	}
}
