package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// exchange is one request, known to the client that sends it and to the upstream
// that gets it.
type exchange struct {
	plan
	seq    uint64
	id     string
	secret string    // the credential
	start  time.Time // intended

	mu       sync.Mutex
	arrivals int
	taken    bool // upstream still works on it
	wrong    string
	left     time.Time
}

// want returns a reader of the whole body that the answer must have.
func (x *exchange) want() io.Reader {
	switch x.framing {
	case noContent:
		return strings.NewReader("")
	case byEvents:
		return &events{id: x.id, count: int(x.size)}
	}
	return &pattern{seed: x.seq << 32, size: x.size}
}

// sent returns a reader of the whole body that the request must have.
func (x *exchange) sent() io.Reader { return &pattern{seed: ^x.seq << 32, size: x.upload} }

// arrive notes that the request has come to upstream, and how it looked.
func (x *exchange) arrive(wrong string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.arrivals++
	x.taken = true
	if x.wrong == "" {
		x.wrong = wrong
	}
}

// leaves notes that the client goes away now.
func (x *exchange) leaves() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.left = time.Now()
}

// ledger knows the exchanges that run, and what has been found.
type ledger struct {
	marker string // in every credential of this run

	mu       sync.Mutex
	next     uint64
	running  map[uint64]*exchange
	answered bitset
	endings  map[string]int64 // how exchanges ended, by kind and ending
	findings []string
	faults   int // findings, also those that were not kept
	cancels  []time.Duration
}

func newLedger(marker string) *ledger {
	return &ledger{marker: marker, running: map[uint64]*exchange{}, endings: map[string]int64{}}
}

const idPrefix = "soak-"

// begin opens an exchange.
func (l *ledger) begin(p plan, start time.Time) *exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	x := &exchange{plan: p, seq: l.next, id: idPrefix + strconv.FormatUint(l.next, 16), start: start}
	x.secret = fmt.Sprintf("key%s%s", l.marker, x.id)
	if x.isToken() {
		// {"alg":"none"}, {}: nobody checks a signature, everybody looks at the shape.
		x.secret = "eyJhbGciOiJub25lIn0.e30." + l.marker + x.id
	}
	l.running[x.seq] = x
	return x
}

func (p *plan) isToken() bool { return p.place == "token" || p.place == "misplaced-token" }

func sequence(id string) (uint64, bool) {
	text, ours := strings.CutPrefix(id, idPrefix)
	seq, err := strconv.ParseUint(text, 16, 64)
	return seq, ours && err == nil
}

// lookup returns the running exchange with that id.
func (l *ledger) lookup(id string) *exchange {
	seq, _ := sequence(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running[seq]
}

// end closes an exchange that its client has seen to the end.
func (l *ledger) end(x *exchange, ending string, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endings[x.kind+": "+ending]++
	if answered {
		l.answered.add(x.seq)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.left.IsZero() || !x.taken && x.arrivals > 0 {
		delete(l.running, x.seq)
	}
}

// released notes that upstream is done with an exchange. Where the client has
// left before, nobody else judges it, and the time tells how long the cancel
// took; orderly: the edge, and no restart, ended it.
func (l *ledger) released(x *exchange, orderly bool) {
	x.mu.Lock()
	x.taken = false
	left, wrong, arrivals := x.left, x.wrong, x.arrivals
	x.mu.Unlock()
	if left.IsZero() {
		return
	}
	if wrong != "" {
		l.finding(x, "upstream says: %s", wrong)
	}
	if arrivals > 1 {
		l.finding(x, "it came to upstream %d times", arrivals)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.running, x.seq)
	if orderly {
		l.cancels = append(l.cancels, max(0, time.Since(left)))
	}
}

// cancelWithin is how long upstream may be left with an exchange whose client
// has gone. The promise is 100 ms; a busy machine gets more.
const cancelWithin = 5 * time.Second

// sweep forgets exchanges whose client has left and which never came to upstream,
// and finds those that upstream was left with.
func (l *ledger) sweep() {
	for _, x := range l.abandoned() {
		x.mu.Lock()
		taken := x.taken
		x.mu.Unlock()
		if taken {
			l.finding(x, "its client left, and upstream still has it %s later", cancelWithin)
		}
	}
}

func (l *ledger) abandoned() (old []*exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for seq, x := range l.running {
		x.mu.Lock()
		if !x.left.IsZero() && time.Since(x.left) > cancelWithin {
			old = append(old, x)
			delete(l.running, seq)
		}
		x.mu.Unlock()
	}
	return old
}

// finding records a finding about one exchange.
func (l *ledger) finding(x *exchange, format string, args ...any) {
	l.found("%s (%s), %s after its start: %s", x.id, x.plan.String(), time.Since(x.start).Round(time.Millisecond), fmt.Sprintf(format, args...))
}

// keptFindings is enough to see a pattern.
const keptFindings = 100

// found records a finding: something that must not be.
func (l *ledger) found(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults++
	if len(l.findings) < keptFindings {
		l.findings = append(l.findings, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

// count returns how many exchanges are over, and how many findings there are.
func (l *ledger) count() (exchanges int64, faults int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.endings {
		exchanges += n
	}
	return exchanges, l.faults
}

// cancelTimes returns p50, p99 and the longest time until a departure had
// cancelled upstream.
func (l *ledger) cancelTimes() (count int, p50, p99, longest time.Duration) {
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

// add tells whether n is new.
func (b *bitset) add(n uint64) bool {
	for n/64 >= uint64(len(*b)) {
		*b = append(*b, 0)
	}
	word, bit := &(*b)[n/64], uint64(1)<<(n%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}

func (b bitset) has(n uint64) bool { return n/64 < uint64(len(b)) && b[n/64]&(1<<(n%64)) != 0 }
