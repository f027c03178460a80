package proxy

import (
	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// checkUpgrade refuses the WebSocket handshake of a page whose origin is not
// allowed. Browsers let every page begin one, and send along what they hold for
// the edge (RFC 6455 section 10.2). Who is no browser can say any origin, or
// none, and gains nothing by it.
func (x *Exchange) checkUpgrade() error {
	if !x.req.Websocket || x.req.Origin == nil || x.route.CORS.Allows(x.req.Origin) {
		return nil
	}
	x.refused = corsx.CauseOrigin
	return edgeerr.New(edgeerr.OriginNotAllowed, "")
}

// refusedOfPage returns why the page may not read an answer: where its origin may,
// it is the method, which a browser has sent without asking (Fetch standard,
// CORS-safelisted method).
func (x *Exchange) refusedOfPage() string {
	if !x.route.CORS.Allows(x.kept.of(x.kept.origin)) {
		return corsx.CauseOrigin
	}
	x.kept.asked = x.kept.method
	return corsx.CauseMethod
}

// answerPreflight answers a browser's question whether a page may call. It comes
// before limits and upstream state, so that a page sees the real error of its
// real request and not a CORS failure. It says nothing of Cache-Control: answers
// to OPTIONS are not cached (RFC 9110 section 9.3.7), and how long a browser
// remembers the permission itself is said by Access-Control-Max-Age alone (Fetch
// standard, CORS-preflight cache).
func (x *Exchange) answerPreflight() error {
	if !x.req.IsPreflight() {
		return nil
	}
	out := x.client.Loop().GetBuf()
	answer := append(out.Empty(), "HTTP/1.1 204 No Content\r\n"...)
	asked := x.req.Preflight()
	answer, allowed, cause := x.route.CORS.Preflight(answer, asked)
	if !allowed {
		x.refused = cause
		x.kept.asked = x.kept.keep([]byte(x.route.CORS.Unlisted(asked, cause)), record.AskedBytes)
	}
	x.status, x.answer = 204, answerPreflight
	return x.answerHere(out, answer, "")
}

// answerLastHop answers an OPTIONS that may be forwarded no further, as whoever is
// asked last does (RFC 9110 section 7.6.2).
func (x *Exchange) answerLastHop() error {
	if x.req.Hops != 0 {
		return nil
	}
	out := x.client.Loop().GetBuf()
	x.status, x.answer = 204, answerOptions
	return x.answerHere(out, append(out.Empty(), "HTTP/1.1 204 No Content\r\n"+head.Allow...), "")
}

// answerHere ends answer, a head that is complete but for what all have, and sends it
// in out with a body.
func (x *Exchange) answerHere(out *wire.Buf, answer []byte, body string) error {
	answer = append(answer, "Date: "...)
	answer = append(append(answer, x.client.store.date.at(x.client.Loop().Now())...), "\r\n"...)
	if !x.endsInBuffer() || x.client.retiring() {
		x.closing(nextClose)
	}
	if x.next != nextRequest {
		x.closing(nextLinger)
		answer = append(answer, "Connection: close\r\n"...)
	}
	answer = append(answer, "\r\n"...)
	if !x.traits.Head {
		answer = append(answer, body...)
	}
	out.Set(answer)
	x.reply = out
	return errAnswered
}
