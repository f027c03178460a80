package load

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// lines is what the edge has written so far.
type lines struct {
	exchanges int64 // access lines
	nameless  int64 // of heads that were not complete
	strange   int64 // with an id that is none of ours
	seen      bitset
	causes    map[string]int
	moved     map[string]int // attempts before the last, by why
	served    map[string]int // exchanges that went well, by the upstream's name
	classes   map[string]int // of status
	events    int64
	messages  map[string]int64 // all others, by level and message
	bytes     int64
	broken    int // no JSON
	leaks     int // with a credential
}

func newLines() lines {
	return lines{causes: map[string]int{}, moved: map[string]int{}, served: map[string]int{}, classes: map[string]int{}, messages: map[string]int64{}}
}

// Line takes a line of the log: for edge.Edge's OnLine.
func (l *Ledger) Line(line edge.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &l.lines
	n.bytes += int64(len(line.Text))
	if bytes.Contains([]byte(line.Text), []byte(l.marker)) {
		n.leaks++
		l.note("a credential stands in the log: %.500s", line.Text)
	}
	switch {
	case line.Broken: // a panic, or the race detector
		if n.broken++; n.broken <= 60 {
			l.note("a line of the log is no JSON: %.300s", strings.TrimSpace(line.Text))
		}
	case line.Message == "exchange":
		l.access(line)
	case line.Message != "listening":
		n.messages[line.Level+": "+line.Message]++
		if strings.HasPrefix(line.Message, "panic") {
			l.note("%s", line.Text)
		}
	}
}

// access takes an access line.
func (l *Ledger) access(line edge.Line) {
	n := &l.lines
	n.exchanges++
	n.causes[line.Cause]++
	n.events += line.Events
	n.noteMoved(line.Moved)
	if line.Status == http.StatusOK && line.Cause == "complete" {
		n.served[line.Upstream]++
	}
	class := "none"
	if line.Status > 0 {
		class = fmt.Sprintf("%dxx", line.Status/100)
	}
	n.classes[class]++
	seq, ours := sequence(line.RequestID)
	if line.RequestID == "" || !ours && line.Cause == "request_timeout" {
		n.nameless++ // its head was not complete; an error has an id that the edge makes
		return
	}
	switch x := l.running[seq]; {
	case !ours && !strings.Contains(line.Text, unreadText): // for those the edge makes an id
		n.strange++
	case !ours:
	case !n.seen.add(seq):
		l.note("a second access line of %s: %.500s", line.RequestID, line.Text)
	case x == nil:
		l.note("an access line of an exchange that is over, or that nobody sent: %.500s", line.Text)
	default:
		x.line, x.last = &line, time.Now()
	}
}

// Causes returns how many access lines have which cause.
func (l *Ledger) Causes() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.lines.causes)
}

// Lines returns how many access lines there are.
func (l *Ledger) Lines() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.exchanges
}

// Messages returns how many lines of other kinds have text in their message, and
// all of them by level and message.
func (l *Ledger) Messages(text string) (n int64, all map[string]int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all = map[string]int64{}
	for message, times := range l.lines.messages {
		all[message] = times
		if strings.Contains(message, text) {
			n += times
		}
	}
	return n, all
}

// Leaks returns how many lines hold a credential, of how many bytes in all.
func (l *Ledger) Leaks() (lines int, of int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.leaks, l.lines.bytes
}

// CheckStrangers finds fault with access lines whose id nobody has.
func (l *Ledger) CheckStrangers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.lines.strange; n > 0 {
		l.note("%d access lines with an id that nobody has", n)
	}
}

// CheckNameless finds fault with access lines of heads that were not complete, if
// there are more or fewer than there were such heads. The kernel forgets bytes in
// front of a reset.
func (l *Ledger) CheckNameless() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.lines.nameless; n < l.partial.least || n > l.partial.most {
		l.note("%d access lines of heads that were not complete, want %d to %d", n, l.partial.least, l.partial.most)
	}
}

// CheckCounters finds fault where the metrics and the access lines tell two
// stories. There must be a line for each exchange already.
func (l *Ledger) CheckCounters(m edge.Metrics) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &l.lines
	same := func(what string, counted, logged int) {
		if counted != logged {
			l.note("%s: %d counted, %d in the log", what, counted, logged)
		}
	}
	messages := func(text string) (sum int) {
		for message, times := range n.messages {
			if strings.Contains(message, text) {
				sum += int(times)
			}
		}
		return sum
	}
	same("exchanges", m.Sum("apim_edge_requests_total"), int(n.exchanges))
	same("durations", m.Sum("apim_edge_exchange_duration_seconds_count"), int(n.exchanges))
	for _, class := range []string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} {
		same("exchanges with "+class, m.Sum("apim_edge_requests_total", `status="`+class+`"`), n.classes[class])
	}
	for code := range errorCodes {
		same("errors "+code, m.Sum("apim_edge_errors_total", `code="`+code+`"`), n.causes[code])
	}
	moved := 0
	for _, times := range n.moved {
		moved += times
	}
	if moved > 0 || m.Has("apim_edge_upstream_moved_total") { // of several upstreams alone
		same("attempts that moved on", m.Sum("apim_edge_upstream_moved_total"), moved)
	}
	same("preflights", m.Sum("apim_edge_preflights_total"), n.causes["preflight"])
	same("streams without their end", m.Sum("apim_edge_streams_incomplete_total"), n.causes["stream_incomplete"])
	same("events", m.Sum("apim_edge_events_total"), int(n.events))
	same("reloads", m.Sum("apim_edge_reloads_total", `result="ok"`), messages("reloaded"))
	same("reloads that failed", m.Sum("apim_edge_reloads_total", `result="failed"`), messages("reload failed"))
	same("log lines lost", m.Sum("apim_edge_log_lines_lost_total"), 0)
	cancels, departures := m.Sum("apim_edge_cancels_total"), n.causes["client_left"]
	if cancels > departures || departures > 0 && cancels == 0 {
		l.note("%d cancels, %d departures", cancels, departures)
	}
	for _, cause := range []string{"upstream_aborted", "stream_idle"} {
		same("cuts by "+cause, m.Sum("apim_edge_cuts_total", `cause="`+cause+`"`), n.causes[cause])
	}
}
