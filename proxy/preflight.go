package proxy

import (
	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// answerPreflight answers a browser's question whether a page may call. It comes
// before limits and upstream state, so that a page sees the real error of its
// real request and not a CORS failure.
func (x *Exchange) answerPreflight() error {
	if x.route.cors == nil || !x.req.isPreflight() {
		return nil
	}
	r := x.req
	out := x.client.Loop().GetBuf()
	head := append(out.Empty(), "HTTP/1.1 204 No Content\r\n"...)
	head, allowed, cause := x.route.cors.Preflight(head, corsx.PreflightRequest{
		Origin: r.origin, Method: r.requestMethod, Headers: r.requestHeaders, PrivateNetwork: r.requestPrivate,
	})
	if !allowed {
		x.refused = cause
	}
	if !x.endsInBuffer() || x.edge.draining.Load() {
		x.closing(nextClose)
	}
	if x.next != nextRequest {
		x.closing(nextLinger)
		head = append(head, "Connection: close\r\n"...)
	}
	out.Set(append(head, "\r\n"...))
	x.status, x.answer = 204, answerPreflight
	if _, err := x.client.Send(out); err != nil {
		return edgeerr.Wrap(edgeerr.ClientLeft, err)
	}
	return errAnswered
}
