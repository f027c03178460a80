package load

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Exchange is one request, and what three have said of it: its client, upstream,
// and the edge in its access line. The ledger guards what changes.
type Exchange struct {
	Plan
	id     string
	secret string // the credential
	leg    *Leg
	crowd  *Crowd
	start  time.Time // intended

	// Of the client.
	ended   time.Time // it has seen the end
	left    time.Time // or gone away
	outcome outcome

	// Of upstream.
	arrivals int
	refusals map[*Upstream]int  // by whom, and how often
	taken    map[*Upstream]bool // by those who still work on it
	wrong    string

	line *edge.Line
	last time.Time // when somebody has last said something
}

const idPrefix = "load-"

func isOurs(id string) bool { _, ours := sequence(id); return ours }

func sequence(id string) (uint64, bool) {
	text, ours := strings.CutPrefix(id, idPrefix)
	seq, err := strconv.ParseUint(text, 16, 64)
	return seq, ours && err == nil
}

// want returns a reader of the whole body that the answer must have.
func (p *Part) want() io.Reader {
	switch p.Framing {
	case NoContent, ToHEAD:
		return strings.NewReader("")
	case ByEvents:
		return &events{id: strconv.FormatUint(p.Seq, 16), count: int(p.Size)}
	}
	return &pattern{seed: p.Seq << 32, size: p.Size}
}

// sent returns a reader of the whole body that the request must have.
func (p *Part) sent() io.Reader {
	fill := &pattern{seed: ^p.Seq << 32, size: p.Upload}
	if p.Members == "" {
		return fill
	}
	before, after := "{"+p.Members+`,"input":"`, `"}`
	if p.Seq%2 == 0 { // the members stand last
		before, after = `{"input":"`, `",`+p.Members+"}"
	}
	fill.size, fill.text = p.Upload-int64(len(before)+len(after)), true
	return io.MultiReader(strings.NewReader(before), fill, strings.NewReader(after))
}

// inspect says what is wrong with a request as it has arrived.
func (x *Exchange) inspect(a *arrival, u *Upstream) string {
	key, authorization := x.secret, ""
	switch {
	case u.Key != "":
		key = u.Key
	case x.isToken():
		key, authorization = "", "Bearer "+x.secret
	}
	switch {
	case !slices.Contains(x.leg.all(), u):
		return "it came to another upstream than that of " + x.Leg
	case a.Key != key, a.Authorization != authorization:
		return fmt.Sprintf("api-key %q and authorization %q arrive", a.Key, a.Authorization)
	case a.Alias != "":
		return "the key arrives twice"
	case a.Target != x.leg.targetAt(u):
		return fmt.Sprintf("the target arrives as %q", a.Target)
	case a.Nonce != x.id:
		return fmt.Sprintf("x-nonce arrives as %q", a.Nonce)
	case x.inHead > 0, x.Kind == "preflight":
		return "it has arrived, which it must not"
	}
	return ""
}

// mustHaveLine reports whether there must be an access line.
func (x *Exchange) mustHaveLine() bool {
	switch {
	case x.outcome.unsent, x.outcome.unread, x.inHead > 0, x.outcome.word == notAnswered:
		return false
	case x.arrivals > 0, len(x.refusals) > 0, x.outcome.status > 0:
		return true
	}
	// The kernel forgets bytes in front of a reset, and whoever goes may not have
	// read what has come.
	return x.outcome.word == left && x.leave != raw.ByReset && !x.crowd.MayFail.Load()
}

// errorCodes are the edge's errors, which also end an answer that is cut.
var errorCodes = func() map[string]edgeerr.Code {
	all := map[string]edgeerr.Code{}
	for _, c := range edgeerr.Codes() {
		all[c.String()] = c
	}
	return all
}()

func isError(cause string) bool {
	_, known := errorCodes[cause]
	return known
}

// compare lays the client's story beside the access line.
func (x *Exchange) compare() (fault string) {
	o, l := &x.outcome, x.line
	switch {
	case x.crowd.Killed.Load():
		return ""
	case l == nil:
		if x.mustHaveLine() {
			return "it has no access line"
		}
		return ""
	case o.unread:
		return "it has an access line, and was not read"
	case x.outcome.word == notAnswered:
		return "it has an access line, and stood behind the end of its connection"
	case l.Method != x.method():
		return "its access line has another method"
	case !x.left.IsZero():
		return "" // who left did not see how it ended
	case l.Cause == "client_left":
		return "its access line says that it has left"
	case l.Status != o.status:
		return fmt.Sprintf("it saw status %d", o.status)
	case o.code != "" && l.Cause != o.code:
		return "it saw the error " + o.code
	case x.Kind == "preflight":
		if l.Cause != "preflight" {
			return "it is a preflight"
		}
		return ""
	case o.code != "":
		return ""
	case o.err == nil && l.Cause != "complete":
		return "it saw a complete answer"
	case o.err != nil && !isError(l.Cause) && (o.status > 0 || !errors.Is(o.err, io.EOF)):
		return fmt.Sprintf("it saw a cut: %d bytes, then %v", o.bytes, o.err)
	case o.err == nil && x.Framing == ByLength && l.Bytes != o.bytes:
		return fmt.Sprintf("it got %d bytes", o.bytes)
	case l.Reason != reasons[x.place]:
		return "the reason must be " + reasons[x.place]
	}
	return ""
}

// verdict says in a word how it ended, and what must not be so.
func (x *Exchange) verdict() (ending, fault string) {
	c := circumstances{
		outage: x.leg.wasDown(x.start, x.ended), stale: x.leg.mayBeStale(x.start, x.ended),
		arrivals: x.arrivals, refusals: len(x.refusals), wrong: x.wrong, codes: x.crowd.Codes,
	}
	if ending = x.outcome.word; ending == "" {
		if ending, fault = judge(&x.Plan, x.id, x.outcome, c); fault != "" {
			return ending, fault
		}
	} else if ending == left && x.leave != "" {
		ending += " by " + string(x.leave)
	}
	switch {
	case x.outcome.deviation != nil:
		return ending, x.outcome.deviation.Error()
	case x.wrong != "":
		return ending, "upstream says: " + x.wrong
	case x.outcome.word == notAnswered && x.arrivals > 0:
		return ending, "it has arrived, and stood behind the end of its connection"
	case x.arrivals > c.most(&x.Plan):
		return ending, fmt.Sprintf("it came to upstream %d times", x.arrivals)
	}
	if fault = x.compare(); fault == "" {
		fault = x.needless()
	}
	if fault != "" && x.line != nil {
		fault += ": " + strings.TrimSpace(x.line.Text)
	}
	return ending, fault
}
