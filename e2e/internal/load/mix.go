package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// kind is one sort of work; weight is its share of the whole.
type kind struct {
	name   string
	weight int
	plan   func(r *rand.Rand, p *Plan)
	visit  func(v *visit, x *Exchange)
}

// Mix is some kinds of work.
type Mix struct {
	kinds []kind
	sum   int // of the weights
}

// stalledReader is the kind whose client takes no byte for too long.
const stalledReader = "stalled-reader"

// Everyday is what goes on at an edge in a day, all at once. Streams that last are
// not in it: their number is constant, see LongStreams.
var Everyday = newMix([]kind{
	{"small", 360, planSmall, (*visit).ordinary},
	{"short", 40, func(r *rand.Rand, p *Plan) { planSmall(r, p); p.lonely = true }, (*visit).ordinary},
	{"chat", 200, planChat, (*visit).ordinary},
	{"stream", 100, planStream, (*visit).ordinary},
	{"upload", 20, planUpload, (*visit).ordinary},
	{"large-answer", 14, planLarge, (*visit).ordinary},
	{"pipeline", 20, planSmall, (*visit).pipeline},
	{"preflight", 20, func(_ *rand.Rand, p *Plan) { p.Framing = NoContent }, (*visit).ordinary},
	{"tunnel", 10, func(r *rand.Rand, p *Plan) {
		p.Tunnel, p.Size, p.Gap = true, between(r, 2, 10), 200*time.Millisecond
	}, (*visit).tunnel},
	{"slow-reader", 2, planStall(time.Second), (*visit).ordinary},
	{stalledReader, 3, planStall(stallFor), (*visit).ordinary},
	{"silent-connection", 20, func(r *rand.Rand, p *Plan) { p.pause = upTo(r, ClientKeepAlive*3/2) }, (*visit).silent},
	{"half-a-head", 10, func(r *rand.Rand, p *Plan) { p.pause, p.inHead = upTo(r, 2*ClientHead), 0.99 }, (*visit).halfHead},
	{"leaves-before-the-head", 30, planDeparture(Hang, 0), (*visit).leaver},
	{"leaves-a-stream", 30, planDeparture(Endless, 0), (*visit).leaver},
	{"leaves-an-upload", 12, planDeparture(Good, 600_000), (*visit).leaver},
	{"fault", 80, planFault, (*visit).ordinary},
})

// Crowded is the work of a crowd: each kind of answer and of departure, small
// enough for hundreds of clients at once.
var Crowded = newMix([]kind{
	{"fixed", 6, crowded(ByLength), (*visit).ordinary},
	{"chunked", 6, crowded(Chunked), (*visit).ordinary},
	{"events", 3, crowded(ByEvents), (*visit).ordinary},
	{"head", 3, crowded(ToHEAD), (*visit).ordinary},
	{"nothing", 3, crowded(NoContent), (*visit).ordinary},
	{"early", 3, func(r *rand.Rand, p *Plan) { crowded(ByLength)(r, p); p.Early = true }, (*visit).ordinary},
	{"pipeline", 6, func(r *rand.Rand, p *Plan) {
		crowded(oneOf(r, ByLength, ByLength, Chunked, Chunked, ByEvents, ToHEAD, NoContent))(r, p)
	}, (*visit).pipeline},
	{"waits", 2, func(r *rand.Rand, p *Plan) { crowded(ByEvents)(r, p); p.Fate = oneOf(r, Hang, HangBody) }, (*visit).ordinary},
	{"preflight", 2, func(_ *rand.Rand, p *Plan) { p.Framing = NoContent }, (*visit).ordinary},
	{"leaves", 6, planLeaving, (*visit).leaver},
})

// Spread is the work of a crowd at a route with several upstreams: without answers that
// never come. The edge sees those in rows, and rows open a breaker.
var Spread = newMix(append(slices.DeleteFunc(slices.Clone(Crowded.kinds), func(k kind) bool { return k.name == "waits" }),
	kind{named, 3, func(r *rand.Rand, p *Plan) { crowded(ByLength)(r, p); p.Upload = 1 + r.Int64N(20_000) }, (*visit).ordinary}))

// Served is what goes on at an edge that is well, in front of an upstream that is well:
// nobody leaves, and nothing is meant to fail. An answer has a length or chunks, since
// the end of a body that is closed by its connection cannot be told from a cut.
var Served = newMix([]kind{
	{"small", 30, planSmall, (*visit).ordinary},
	{"short", 5, func(r *rand.Rand, p *Plan) { planSmall(r, p); p.lonely = true }, (*visit).ordinary},
	{"chat", 20, func(r *rand.Rand, p *Plan) {
		planChat(r, p)
		if p.Framing == UntilEnd {
			p.Framing = Chunked
		}
	}, (*visit).ordinary},
	{"stream", 25, planStream, (*visit).ordinary},
	{"upload", 3, planUpload, (*visit).ordinary},
	{"large-answer", 3, planLarge, (*visit).ordinary},
	{"preflight", 3, func(_ *rand.Rand, p *Plan) { p.Framing = NoContent }, (*visit).ordinary},
	{"tunnel", 3, func(r *rand.Rand, p *Plan) {
		p.Tunnel, p.Size, p.Gap = true, between(r, 2, 10), 100*time.Millisecond
	}, (*visit).tunnel},
})

// Small are POSTs of which none is meant to fail, and whose latency counts.
var Small = newMix([]kind{{"small", 1, func(r *rand.Rand, p *Plan) {
	p.Upload, p.Size, p.HangUp, p.Says = between(r, 200, 4000), between(r, 500, 6000), false, false
}, (*visit).ordinary}})

// Posts are POSTs on connections of their own.
var Posts = newMix([]kind{{"post", 1, func(r *rand.Rand, p *Plan) {
	p.Upload, p.Size, p.lonely = between(r, 10, 40), 20, true
}, (*visit).ordinary}})

// Live are event streams that stand still in their middle until the upstream is
// opened. Their outcome is "live" when the first bytes have come, and then another.
var Live = newMix([]kind{{"live", 1, func(r *rand.Rand, p *Plan) {
	p.Framing, p.Size, p.Gap, p.Gated, p.HangUp = ByEvents, between(r, 20, 60), 5*time.Millisecond, true, false
}, (*visit).ordinary}})

func newMix(kinds []kind) Mix {
	m := Mix{kinds: kinds}
	for _, k := range kinds {
		m.sum += k.weight
	}
	return m
}

// Only takes those kinds that are named; none: all.
func (m Mix) Only(names []string) (Mix, error) {
	if len(names) == 0 {
		return m, nil
	}
	var kinds []kind
	for _, k := range m.kinds {
		if slices.Contains(names, k.name) {
			kinds = append(kinds, k)
		}
	}
	if len(kinds) < len(names) {
		return m, fmt.Errorf("the kinds of work are %s", strings.Join(m.Names(), ", "))
	}
	return newMix(kinds), nil
}

// Names returns the names of the kinds.
func (m Mix) Names() (names []string) {
	for _, k := range m.kinds {
		names = append(names, k.name)
	}
	return names
}

// choose draws the next kind of work.
func (m *Mix) choose(r *rand.Rand) *kind {
	n, i := r.IntN(m.sum), 0
	for ; n >= m.kinds[i].weight; i++ {
		n -= m.kinds[i].weight
	}
	return &m.kinds[i]
}

func planSmall(r *rand.Rand, p *Plan) {
	p.Size = between(r, 100, 2000)
	if r.IntN(20) == 0 {
		p.Framing = NoContent
	}
}

// planChat is shaped like what the SDKs send.
func planChat(r *rand.Rand, p *Plan) {
	p.Upload, p.Size = between(r, 200, 20_000), between(r, 500, 6000)
	p.chunked = r.IntN(4) == 0
	p.Framing = oneOf(r, ByLength, ByLength, Chunked, UntilEnd)
	if r.IntN(12) == 0 {
		p.Fate, p.Gap = Slow, upTo(r, 300*time.Millisecond)
	}
}

func planStream(r *rand.Rand, p *Plan) {
	p.Upload, p.Framing = between(r, 200, 20_000), ByEvents
	p.Size, p.Gap = between(r, 3, 40), upTo(r, 60*time.Millisecond)
}

func planUpload(r *rand.Rand, p *Plan) {
	p.Upload, p.chunked, p.expect = between(r, 100_000, 2_000_000), r.IntN(2) == 0, r.IntN(4) == 0
}

func planLarge(r *rand.Rand, p *Plan) {
	p.Size = between(r, 300_000, 4_000_000)
	p.Framing = oneOf(r, ByLength, Chunked)
}

// stallFor is how long a stalled reader takes nothing. Its kernel does take some
// bytes meanwhile: those of the probes that the edge's kernel sends, in gaps that
// double. The edge may cut it off only after the first gap that is too long.
const stallFor = 4 * ClientWriteStall

// planStall asks for more than the sockets on the way can hold.
func planStall(pause time.Duration) func(r *rand.Rand, p *Plan) {
	return func(r *rand.Rand, p *Plan) {
		p.Size, p.pause, p.Framing = 24<<20, pause, oneOf(r, ByLength, Chunked)
	}
}

func planDeparture(f Fate, upload int64) func(r *rand.Rand, p *Plan) {
	return func(r *rand.Rand, p *Plan) {
		p.Fate, p.Upload, p.chunked = f, upload, r.IntN(2) == 0
		p.Framing, p.Gap = ByEvents, upTo(r, 200*time.Millisecond)
		p.Size, p.pause = 1<<40, upTo(r, 500*time.Millisecond)
		p.leave = oneOf(r, raw.ByCut, raw.ByHalf, raw.ByReset)
		if upload > 0 {
			p.inUpload = 0.5
		}
	}
}

func planFault(r *rand.Rand, p *Plan) {
	planChat(r, p)
	p.Fate = oneOf(r, Closes, Resets, Garbage, Hang, Cut, Cut, CutReset, CutReset, HangBody, Truncate, BadChunk)
	p.Size, p.Gap = between(r, 500, 50_000), 0
	p.Framing = oneOf(r, ByLength, Chunked, ByEvents)
	if p.Fate == BadChunk && p.Framing == ByLength {
		p.Framing = Chunked
	}
	if p.Framing == ByEvents {
		p.Size = between(r, 3, 30)
	}
}

// crowded is small work with that kind of answer.
func crowded(f Framing) func(r *rand.Rand, p *Plan) {
	return func(r *rand.Rand, p *Plan) {
		p.Framing, p.Size = f, 1+r.Int64N(1+r.Int64N(20_000))
		if f == ByEvents {
			p.Size, p.Gap = p.Size/150, upTo(r, 4*time.Millisecond)
		}
		if f != ToHEAD && r.IntN(3) > 0 {
			p.Upload, p.chunked = 1+r.Int64N(1<<r.IntN(17)), r.IntN(2) == 0
		}
	}
}

// planLeaving goes away at a random point of an exchange with which upstream may
// never come to an end: only the departure ends it.
func planLeaving(r *rand.Rand, p *Plan) {
	crowded(oneOf(r, ByLength, ByEvents))(r, p)
	p.Fate = oneOf(r, Good, Good, HangBody, Hang)
	p.leave = oneOf(r, raw.ByClose, raw.ByReset, raw.ByHalf)
	switch r.IntN(4) {
	case 0:
		p.inHead = r.Float64()
	case 1:
		p.inUpload = r.Float64()
	default:
		p.pause = upTo(r, 100*time.Millisecond)
	}
}
