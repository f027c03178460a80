package proxy

import "github.com/apim-edge/apim-edge/proxy/wire"

// A request that was sent is sent once more where nothing of it ran: with another key, or
// to another upstream. Its head is made anew for that. So until it is ruled out the
// request is held as the client has sent it.

// held is what a request aliases that was sent, and may have to be sent once more. Its
// zero value is one that has no body, and stays where it has come, or is not held.
type held struct {
	in   *wire.Buf // the head, and what has come of the body along with it; the rest is upload.Copy
	body int       // how much of the body that is
}

// maxHeld bounds the body of a request that is held for another key.
const maxHeld = 256 << 10

// mayRepeat reports whether the request is sent once more if the connection ends
// without a byte of an answer: the upstream may close one from the pool at any moment,
// and what is on its way to it then is lost (RFC 9112 section 9.3.1). A login belongs to
// its connection, so that another one would be of no use. Until it is known the request
// is kept.
func (a *attempt) mayRepeat(x *Exchange) bool {
	return a.conn.Used && x.traits.Twice && !a.conn.LoggedIn()
}

// holdLimit returns how large the body of the request may be so that it is held, now
// that it was sent; negative: it is not.
func (x *Exchange) holdLimit() int64 {
	limit := int64(-1)
	if x.attempt.mayRepeat(x) {
		limit = 0
	}
	if s := x.attempt.shown; s != nil && s.Spare() && !x.keyTried {
		limit = max(limit, maxHeld)
	}
	if g := x.route.Group; g != nil && (g.OnStatus429 || g.OnStatus503) && g.Several(&x.several.Choice) {
		limit = max(limit, g.BodyHead)
	}
	return limit
}

// hold holds the request, or lets it go. Its buffer goes along with it, so that nothing
// is copied but what stands behind that part of the body.
func (x *Exchange) hold() {
	c, u := x.client, &x.upload
	limit := x.holdLimit()
	switch length := x.req.Length; {
	case limit < 0 || length > limit || u.Bytes > limit || length < 0 && limit == 0:
		if x.held.in == nil {
			c.in.Consume(int(u.Bytes)) // before dropRequest, which gives the buffer back if that was all
		}
		x.dropRequest()
	case length == 0 || x.held.in != nil:
	default:
		rest := c.in.Bytes()[u.Bytes:]
		x.held, c.in = held{in: c.in, body: int(u.Bytes)}, nil
		if len(rest) > 0 {
			c.in = c.Loop().GetBuf()
			c.in.Add(rest)
		}
		u.Hold = limit
	}
}

// sendable reports whether the request can be sent once more. What an upstream has not
// taken that ended its side is lost.
func (x *Exchange) sendable() bool { return x.req != nil && x.upload.state != uploadRefused }

// bodyHead returns what may be sent of the body along with the head: what has come with
// it.
func (x *Exchange) bodyHead() []byte {
	if x.held.in != nil {
		return x.held.in.Bytes()[:x.held.body]
	}
	return x.client.in.Bytes()[:x.upload.Bytes]
}
