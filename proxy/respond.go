package proxy

import (
	"errors"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
)

// answerError sends the edge's own answer for err. Where that cannot be sent, a part of
// it may be out.
func (x *Exchange) answerError(err error) {
	x.composeError(err)
	if x.sendReply() != nil {
		x.client.Abort(true)
	}
}

// sendReply sends the answer that the edge has composed. reply is let go first: Send
// releases it, whatever comes of it.
func (x *Exchange) sendReply() error {
	out := x.reply
	x.reply = nil
	if _, err := x.client.Send(out); err != nil {
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	return nil
}

// composeError makes reply the edge's own answer for err. Whether the client's
// connection goes on depends on whether the end of its request is known. If it does
// not, the client may still be sending, and has to be read for it to see the answer.
func (x *Exchange) composeError(err error) {
	var e *edgeerr.Error
	if !errors.As(err, &e) {
		e = edgeerr.Wrap(edgeerr.Internal, err)
	}
	x.status = uint16(e.Answer())
	if endsConnection(e.Code) || !x.endsInBuffer() || x.client.retiring() {
		x.closing(nextClose)
	}
	if x.next != nextRequest { // a reset over unread bytes would take the answer with it
		x.closing(nextLinger)
	}
	out := x.client.Loop().GetBuf()
	out.Set(x.ownAnswer(e).Append(out.Empty()))
	x.answer, x.reply = answerError, out
}

// ownAnswer returns the answer for e. Before a route is known, the CORS policy of the
// first route that allows the origin serves.
func (x *Exchange) ownAnswer(e *edgeerr.Error) *head.Own {
	if x.kept.id == (text{}) {
		x.kept.makeID(&x.client.store.random)
	}
	o := &head.Own{
		Err: e, ID: x.kept.of(x.kept.id), Date: time.Now(), Method: x.kept.of(x.kept.method), Origin: x.kept.of(x.kept.origin),
		Close: x.next != nextRequest, HeadOnly: x.traits.Head,
	}
	if x.req != nil && o.Origin == nil {
		o.Origin, o.Method = x.req.Origin, x.req.Method
	}
	rt := x.route
	if rt == nil {
		rt = x.edge.snapshot.Load().Allowing(o.Origin)
	}
	if rt != nil {
		o.CORS = rt.CORS
	}
	return o
}

// endsConnection reports whether nobody can tell, behind an error of this code,
// where the next request begins, or how the edge is.
func endsConnection(code edgeerr.Code) bool {
	switch code {
	case edgeerr.RequestMalformed, edgeerr.RequestTimeout, edgeerr.HeadTooLarge, edgeerr.URITooLong,
		edgeerr.BodyTooLarge, edgeerr.CodingNotSupported, edgeerr.VersionNotSupported,
		edgeerr.ExpectationFailed, edgeerr.MethodNotAllowed, edgeerr.Internal:
		return true
	}
	return false
}

// endsInBuffer reports whether all of the request has been read, so that the next
// one begins right behind it.
func (x *Exchange) endsInBuffer() bool {
	if x.req == nil || x.held.in != nil {
		return x.upload.state != uploadActive
	}
	return x.req.Length >= 0 && int64(x.client.in.Len()) >= x.req.Length
}
