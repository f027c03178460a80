package load

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Ledger knows each exchange, and what must not have been. Three speak of an
// exchange, each in its own time; when all have spoken, it is judged and forgotten.
type Ledger struct {
	marker string // in every credential of this run

	mu       sync.Mutex
	next     uint64
	running  map[uint64]*Exchange
	ended    int64            // exchanges whose client has seen the end
	endings  map[string]int64 // how those that are judged ended, by kind and ending
	findings []string
	faults   int // findings, also those that were not kept
	cancels  []time.Duration
	partial  struct{ least, most int64 } // heads that were not complete
	lines    lines
}

// NewLedger returns an empty one.
func NewLedger() *Ledger {
	marker := make([]byte, 8)
	_, _ = rand.Read(marker)
	return &Ledger{
		marker: "m" + hex.EncodeToString(marker), running: map[uint64]*Exchange{}, endings: map[string]int64{},
		lines: newLines(),
	}
}

// begin opens an exchange.
func (l *Ledger) begin(p Plan, leg *Leg, crowd *Crowd, start time.Time) *Exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	p.Seq = l.next
	x := &Exchange{Plan: p, leg: leg, crowd: crowd, id: idPrefix + strconv.FormatUint(l.next, 16), start: start}
	x.secret = fmt.Sprintf("key%s%s", l.marker, x.id)
	if x.isToken() {
		// {"alg":"none"}, {}: nobody checks a signature, everybody looks at the shape.
		x.secret = "eyJhbGciOiJub25lIn0.e30." + l.marker + x.id
	}
	l.running[p.Seq] = x
	return x
}

// The words for clients that go away, and for requests behind the last answer of
// their connection.
const (
	left        = "left"
	notAnswered = "not answered"
)

// leaves notes that the client goes away now.
func (l *Ledger) leaves(x *Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.left = time.Now()
}

// end notes what the client has seen in the end.
func (l *Ledger) end(x *Exchange, o outcome) {
	o.mayFail = x.crowd.MayFail.Load()
	x.crowd.saw(o.seen())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended++
	x.outcome, x.ended = o, time.Now()
	x.last = x.ended
	if x.inHead > 0 && !o.unsent {
		l.partial.most++
		if x.leave != "reset" {
			l.partial.least++
		}
	}
}

// arrived notes what has come to upstream, and runs there.
func (l *Ledger) arrived(id string, a *arrival, u *Upstream) {
	l.came(id, a, u, func(x *Exchange) { x.arrivals++ })
}

func (l *Ledger) came(id string, a *arrival, u *Upstream, count func(*Exchange)) {
	seq, ours := sequence(id)
	l.mu.Lock()
	x := l.running[seq]
	if x != nil && ours {
		count(x)
		if x.taken == nil {
			x.taken = map[*Upstream]bool{}
		}
		x.taken[u], x.last = true, time.Now()
		if wrong := x.inspect(a, u); x.wrong == "" {
			x.wrong = wrong
		}
	}
	l.mu.Unlock()
	if x == nil && ours {
		l.Found("upstream gets a request that nobody waits for any more: %s", id)
	}
}

// released notes that upstream is done with an exchange. Where the client has left
// before, the time tells how long the cancel took; orderly: the edge, and no
// restart, ended it.
func (l *Ledger) released(id, fault string, orderly bool, u *Upstream) {
	seq, _ := sequence(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.running[seq]
	if x == nil {
		return
	}
	delete(x.taken, u)
	x.last = time.Now()
	if x.wrong == "" {
		x.wrong = fault
	}
	if orderly && !x.left.IsZero() {
		l.cancels = append(l.cancels, max(0, time.Since(x.left)))
	}
}

// The times after which an exchange is judged: grace is for what is under way
// through a pipe, late is when what is missing will not come. The promise for a
// departure is 100 ms; a busy machine gets more.
const (
	grace = time.Second
	late  = 5 * time.Second
)

// Sweep judges the exchanges of which all has been said, or ought to have been.
func (l *Ledger) Sweep() { l.settle(false) }

// Close judges all that have ended; nothing more will be said.
func (l *Ledger) Close() { l.settle(true) }

func (l *Ledger) settle(closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq, x := range l.running {
		if x.ended.IsZero() || !closing && !x.isRipe() {
			continue
		}
		delete(l.running, seq)
		ending, fault := x.verdict()
		l.endings[x.Kind+": "+ending]++
		if len(x.taken) > 0 && !closing {
			fault = fmt.Sprintf("its client has gone, and upstream still has it %s later; %s", late, fault)
		}
		if fault != "" {
			l.note("%s (%s), %s after its start: %s: %s", x.id, x.Plan.String(), x.ended.Sub(x.start).Round(time.Millisecond), ending, fault)
		}
	}
}

// Pending returns how many exchanges are not judged yet.
func (l *Ledger) Pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.running)
}

// isRipe reports whether all has been said of an exchange, or is late.
func (x *Exchange) isRipe() bool {
	quiet, o := time.Since(x.last), &x.outcome
	switch {
	case x.leg.wasDown(time.Now().Add(-late), time.Now()):
		return false // one that stands still tells later what has come
	case len(x.taken) == 0 && (x.line != nil || o.unsent || o.unread || x.inHead > 0 || o.word == notAnswered):
		return quiet > grace
	}
	return quiet > late
}

// keptFindings is enough to see a pattern.
const keptFindings = 100

func (l *Ledger) note(format string, args ...any) {
	l.faults++
	if len(l.findings) < keptFindings {
		l.findings = append(l.findings, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// Found records a finding: something that must not be.
func (l *Ledger) Found(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(format, args...)
}

// Findings returns the first ones, and how many there are.
func (l *Ledger) Findings() (first []string, all int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.findings), l.faults
}

// Endings returns how many exchanges have ended in which way, by kind and ending,
// as far as they are judged, and how many have ended at all.
func (l *Ledger) Endings() (how map[string]int64, all int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how = map[string]int64{}
	for ending, n := range l.endings {
		how[ending] = n
	}
	return how, l.ended
}

// CancelTimes returns p50, p99 and the longest time until a departure had
// cancelled upstream.
func (l *Ledger) CancelTimes() (count int, p50, p99, longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.cancels) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(l.cancels)
	n := len(l.cancels)
	return n, l.cancels[n/2], l.cancels[n*99/100], l.cancels[n-1]
}

// bitset is a set of sequence numbers: a bit for each of millions.
type bitset []uint64

// add reports whether n is new.
func (b *bitset) add(n uint64) bool {
	for n/64 >= uint64(len(*b)) {
		*b = append(*b, 0)
	}
	word, bit := &(*b)[n/64], uint64(1)<<(n%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}
