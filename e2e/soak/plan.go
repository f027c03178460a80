package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// fate is what upstream does with an exchange.
type fate string

const (
	good     fate = "good"
	slow     fate = "slow"      // the whole answer, in small pieces
	closes   fate = "close"     // closes without an answer
	reset    fate = "reset"     // resets without an answer
	garbage  fate = "garbage"   // answers what is not HTTP
	hang     fate = "hang"      // never answers
	cut      fate = "cut"       // closes in the middle of the body
	cutReset fate = "cut-reset" // resets in the middle of the body
	hangBody fate = "hang-body" // falls silent in the middle of the body
	endless  fate = "endless"   // sends events until its client has left
)

// framing is how the answer's body is framed.
type framing string

const (
	byLength  framing = "length"
	chunked   framing = "chunked"
	byEvents  framing = "events" // chunked, text/event-stream
	untilEnd  framing = "until-end"
	noContent framing = "no-content"
)

// place is where the client puts its credential.
type place string

var places = []place{"bearer", "bearer", "bearer", "api-key", "both", "alias", "query", "token", "misplaced-token"}

// leaving is how a client goes away.
type leaving string

const (
	byFIN       leaving = "FIN"
	byHalfClose leaving = "half-close"
	byRST       leaving = "RST"
)

// plan is what one exchange is meant to be, on both sides.
type plan struct {
	kind    string
	leg     string // the route, and the upstream behind it
	fate    fate
	framing framing
	place   place
	size    int64         // of the answer's body; of events: how many
	gap     time.Duration // between events or pieces
	upload  int64
	chunked bool // the upload
	expect  bool // the upload waits for 100
	lonely  bool // Connection: close
	hangUp  bool // upstream closes behind its answer without saying so
	says    bool // upstream closes behind its answer and says so
	leave   leaving
	pause   time.Duration // of the client, before it leaves or reads on
}

// kind is one sort of work; weight is its share of the arrivals.
type kind struct {
	name   string
	weight int
	plan   func(r *rand.Rand, p *plan)
	visit  func(l *load, x *exchange)
}

// kinds is the mixed load. Streams that last are not in it: their number is
// constant, see longStreams.
var kinds = []kind{
	{"small", 360, planSmall, (*load).ordinary},
	{"short", 40, func(r *rand.Rand, p *plan) { planSmall(r, p); p.lonely = true }, (*load).ordinary},
	{"chat", 200, planChat, (*load).ordinary},
	{"stream", 100, planStream, (*load).ordinary},
	{"upload", 20, planUpload, (*load).ordinary},
	{"large-answer", 14, planLarge, (*load).ordinary},
	{"pipeline", 20, planSmall, (*load).pipeline},
	{"preflight", 20, func(_ *rand.Rand, p *plan) { p.framing = noContent }, (*load).preflight},
	{"tunnel", 10, func(r *rand.Rand, p *plan) { p.size, p.gap = between(r, 2, 10), 200*time.Millisecond }, (*load).tunnel},
	{"slow-reader", 2, planStall(time.Second), (*load).ordinary},
	{stalledReader, 3, planStall(stallFor), (*load).ordinary},
	{"silent-connection", 20, func(r *rand.Rand, p *plan) { p.pause = upTo(r, clientKeepAlive*3/2) }, (*load).silent},
	{"half-a-head", 10, func(r *rand.Rand, p *plan) { p.pause = upTo(r, 2*clientHead) }, (*load).halfHead},
	{"leaves-before-the-head", 30, planDeparture(hang, 0), (*load).leaver},
	{"leaves-a-stream", 30, planDeparture(endless, 0), (*load).leaver},
	{"leaves-an-upload", 12, planDeparture(good, 600_000), (*load).leaver},
	{"fault", 80, planFault, (*load).ordinary},
}

// mix is the part of the load that arrives at a constant rate.
type mix struct {
	kinds []kind
	sum   int // of the weights
}

// newMix takes all kinds, or those that are named.
func newMix(only []string) (m mix, err error) {
	for _, k := range kinds {
		if len(only) == 0 || slices.Contains(only, k.name) {
			m.kinds = append(m.kinds, k)
			m.sum += k.weight
		}
	}
	if len(m.kinds) < len(only) {
		return m, fmt.Errorf("the kinds of work are %s", strings.Join(kindNames(), ", "))
	}
	return m, nil
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// choose draws the next exchange.
func (m *mix) choose(r *rand.Rand) (*kind, plan) {
	n, i := r.IntN(m.sum), 0
	for ; n >= m.kinds[i].weight; i++ {
		n -= m.kinds[i].weight
	}
	k := &m.kinds[i]
	p := plan{
		kind: k.name, fate: good, framing: byLength, place: places[r.IntN(len(places))],
		leg: legs[r.IntN(len(legs))], size: 300,
		hangUp: r.IntN(200) == 0, says: r.IntN(100) == 0,
	}
	k.plan(r, &p)
	return k, p
}

func planSmall(r *rand.Rand, p *plan) {
	p.size = between(r, 100, 2000)
	if r.IntN(20) == 0 {
		p.framing = noContent
	}
}

// planChat is shaped like what the SDKs send.
func planChat(r *rand.Rand, p *plan) {
	p.upload, p.size = between(r, 200, 20_000), between(r, 500, 6000)
	p.chunked = r.IntN(4) == 0
	p.framing = []framing{byLength, byLength, chunked, untilEnd}[r.IntN(4)]
	if r.IntN(12) == 0 {
		p.fate, p.gap = slow, upTo(r, 300*time.Millisecond)
	}
}

func planStream(r *rand.Rand, p *plan) {
	p.upload, p.framing = between(r, 200, 20_000), byEvents
	p.size, p.gap = between(r, 3, 40), upTo(r, 60*time.Millisecond)
}

func planUpload(r *rand.Rand, p *plan) {
	p.upload, p.chunked, p.expect = between(r, 100_000, 2_000_000), r.IntN(2) == 0, r.IntN(4) == 0
}

func planLarge(r *rand.Rand, p *plan) {
	p.size = between(r, 300_000, 4_000_000)
	p.framing = []framing{byLength, chunked}[r.IntN(2)]
}

// stallFor is how long a stalled reader takes nothing. Its kernel does take some
// bytes meanwhile: those of the probes that the edge's kernel sends, in gaps that
// double. The edge may cut it off only after the first gap that is too long.
const stallFor = 4 * clientWriteStall

// planStall asks for more than the sockets on the way can hold.
func planStall(pause time.Duration) func(r *rand.Rand, p *plan) {
	return func(r *rand.Rand, p *plan) {
		p.size, p.pause, p.framing = 24<<20, pause, []framing{byLength, chunked}[r.IntN(2)]
	}
}

func planDeparture(f fate, upload int64) func(r *rand.Rand, p *plan) {
	return func(r *rand.Rand, p *plan) {
		p.fate, p.upload, p.chunked = f, upload, r.IntN(2) == 0
		p.framing, p.gap = byEvents, upTo(r, 200*time.Millisecond)
		p.size, p.pause = 1<<40, upTo(r, 500*time.Millisecond)
		p.leave = []leaving{byFIN, byHalfClose, byRST}[r.IntN(3)]
	}
}

func planFault(r *rand.Rand, p *plan) {
	planChat(r, p)
	p.fate = []fate{closes, reset, garbage, hang, cut, cut, cutReset, cutReset, hangBody}[r.IntN(9)]
	p.size, p.gap = between(r, 500, 50_000), 0
	p.framing = []framing{byLength, chunked, byEvents}[r.IntN(3)]
	if p.framing == byEvents {
		p.size = between(r, 3, 30)
	}
}

func between(r *rand.Rand, least, most int64) int64 { return least + r.Int64N(most-least+1) }

func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

func (p *plan) String() string {
	return fmt.Sprintf("%s over %s, fate %s, answer by %s of %d, upload of %d, key by %s", p.kind, p.leg, p.fate, p.framing, p.size, p.upload, p.place)
}
