package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// Fate is what upstream does with an exchange.
type Fate string

// The fates.
const (
	Good     Fate = "good"
	Slow     Fate = "slow"      // the whole answer, in small pieces
	Closes   Fate = "close"     // closes without an answer
	Resets   Fate = "reset"     // resets without an answer
	Garbage  Fate = "garbage"   // answers what is not HTTP
	Babble   Fate = "babble"    // answers bytes without an end to any line
	Hang     Fate = "hang"      // never answers
	Cut      Fate = "cut"       // closes in the middle of the body
	CutReset Fate = "cut-reset" // resets in the middle of the body
	Truncate Fate = "truncate"  // closes or resets anywhere in its answer
	BadChunk Fate = "bad-chunk" // talks nonsense in the middle of its chunks
	HangBody Fate = "hang-body" // falls silent in the middle of the body
	Endless  Fate = "endless"   // sends events until its client has left
)

// Framing is how the answer's body is framed.
type Framing string

// The framings.
const (
	ByLength  Framing = "length"
	Chunked   Framing = "chunked"
	ByEvents  Framing = "events" // chunked, text/event-stream
	UntilEnd  Framing = "until-end"
	NoContent Framing = "no-content"
	ToHEAD    Framing = "head" // no body, whatever the head says
)

// Part is what upstream has to do in an exchange. It goes with the request, in a
// field of its own, so that upstream may be any process.
type Part struct {
	Seq      uint64 // both bodies follow from it
	Fate     Fate
	Framing  Framing
	Size     int64         // of the answer's body; of events: how many
	Gap      time.Duration // between events or pieces
	Upload   int64
	Members  string        // of the object that the upload is; empty: it is none
	HangUp   bool          // closes behind its answer without saying so
	Says     bool          // closes behind its answer and says so
	Early    bool          // answers before it has read the upload
	Tunnel   bool          // answers 101 and says everything again
	Gated    bool          // stands still in its middle until the upstream is told to go on
	Patience time.Duration // of its silence: the edge ends it before; 0: it never need
}

// place is where the client puts its credential.
type place string

// places are where clients put it, and the reason that the access line then has.
var places = []place{"bearer", "bearer", "bearer", "api-key", "both", "alias", "query", "token", "misplaced-token"}

var reasons = map[place]string{
	"bearer": "bearer_key", "api-key": "explicit_key", "both": "explicit_key", "alias": "explicit_key",
	"query": "explicit_key", "token": "token", "misplaced-token": "misplaced_token",
}

// Plan is what one exchange is meant to be, on both sides.
type Plan struct {
	Part
	Kind  string
	Leg   string // the route
	place place

	chunked bool // the upload
	expect  bool // the upload waits for 100
	lonely  bool // Connection: close

	leave    raw.Leaving
	inHead   float64       // of a leaver: how much of its head it sends; 0: all
	inUpload float64       // and of its upload; 0: all
	pause    time.Duration // of the client, before it leaves or reads on
}

func (p *Plan) isToken() bool { return p.place == "token" || p.place == "misplaced-token" }

func (p *Plan) method() string {
	switch {
	case p.Kind == "preflight":
		return "OPTIONS"
	case p.Framing == ToHEAD:
		return "HEAD"
	case p.Upload > 0:
		return "POST"
	}
	return "GET"
}

func (p *Plan) String() string {
	return fmt.Sprintf("%s over %s, fate %s, answer by %s of %d, upload of %d, key by %s, left by %q", p.Kind, p.Leg, p.Fate, p.Framing, p.Size, p.Upload, p.place, p.leave)
}

func between(r *rand.Rand, least, most int64) int64 { return least + r.Int64N(most-least+1) }

func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most)))
}

func oneOf[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }
