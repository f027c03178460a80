package proxy

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/internal/identity"
	"github.com/apim-edge/apim-edge/internal/memo"
	"github.com/apim-edge/apim-edge/internal/who"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/usage"
	"github.com/apim-edge/apim-edge/rewrite"
)

// A store keeps, for one loop, what its exchanges have done with until other ones
// take it. It is not locked, which a sync.Pool cannot offer: its six calls were
// 1 % of the CPU of an exchange.
type store struct {
	exchanges shelf[Exchange]
	requests  shelf[request]
	responses shelf[head.Response]
	crossings shelf[crossing]
	taps      shelf[usage.Tap]
	several   shelf[several]
	known     shelf[caller]
	parser    *head.Parser  // of all requests of the loop: it is used within one call of Parse
	record    record.Record // of the exchange that ends just now, else empty
	date      date
	sender    sender
	explains  *Explanation    // of the request that a person asks about; nil on every loop
	seen      *identity.Cache // nil until a route asks for tokens
	callers   *who.Cache      // nil where nobody counts them
	agents    record.Agents
	shown     memo.Table[shownTarget]
	random    rand.PCG  // of request ids; what package rand makes by itself costs more, and is a secret
	number    int       // of the loop
	keys      limitKeys // of routes with limits
}

func newStore(loop int) *store {
	return &store{parser: head.NewParser(), number: loop, random: *rand.NewPCG(rand.Uint64(), rand.Uint64())} //nolint:gosec // ids are no secret
}

// A request is the head of one, and what was decided about the credentials in it: all that
// aliases the buffer of the head is here, and goes with it.
type request struct {
	head.Request
	decision rewrite.Decision // by the rules of the route
	sent     rewrite.Decision // what of that goes to the upstream of the attempt; from pick on
}

// Clear is that of the head, for all of it.
func (r *request) Clear() {
	r.Request.Clear()
	r.decision, r.sent = rewrite.Decision{}, rewrite.Decision{}
}

// date is the text of a Date field, made once a second: 150 ns each are 1 % of an
// exchange.
type date struct {
	text []byte
	made time.Duration // by the clock of the loop
}

// at returns the text, until it is called again.
func (d *date) at(now time.Duration) []byte {
	if d.text == nil || now-d.made >= time.Second {
		d.text, d.made = fasthttp.AppendHTTPDate(d.text[:0], time.Now()), now
	}
	return d.text
}

// sender is what heads of requests say of the client who asks: an edge is often called by few
// addresses, and a client asks often.
type sender struct {
	address netip.Addr
	secure  bool
	text    []byte
}

// of returns the text, until it is called again.
func (s *sender) of(address netip.Addr, secure bool) []byte {
	if s.text == nil || s.address != address || s.secure != secure {
		s.address, s.secure = address, secure
		s.text = head.AppendSender(s.text[:0], address, secure)
	}
	return s.text
}

// A shelf holds what is cleared and may be taken: nothing on it points into a buffer,
// or a silent edge would keep the heads of its last busy minute.
type shelf[T any] []*T

// keepFree bounds what a shelf holds: as many exchanges as can end in one turn of
// a loop. More would stay for ever after a busy minute.
const keepFree = 128

func (s *shelf[T]) take() *T {
	n := len(*s) - 1
	if n < 0 {
		return new(T)
	}
	v := (*s)[n]
	(*s)[n] = nil // or what it grows to would not go to the collector
	*s = (*s)[:n]
	return v
}

// put takes v back. What has grown goes to the collector, so that one large head
// does not stay for ever.
func (s *shelf[T]) put(v *T, grown bool) {
	if !grown && len(*s) < keepFree {
		*s = append(*s, v)
	}
}

// grown reports whether the texts have taken more room than is worth keeping.
func (k *kept) grown() bool { return cap(k.array) > usualText }

// usualText is how long the texts of an exchange of a known client are.
const usualText = 2 << 10
