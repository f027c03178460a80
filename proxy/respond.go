package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// answerError sends the edge's own answer for err. Whether the client's
// connection goes on depends on whether the end of its request is known.
func (x *Exchange) answerError(err error) {
	var e *edgeerr.Error
	if !errors.As(err, &e) {
		e = edgeerr.Wrap(edgeerr.Internal, err)
	}
	x.status = e.Code.Status()
	if endsConnection(e.Code) || !x.endsInBuffer() || x.edge.draining.Load() {
		x.closing(nextClose)
	}
	if x.next != nextRequest {
		x.closing(nextLinger)
	}
	body := errorBody(e)
	out := x.client.Loop().GetBuf()
	head := x.appendErrorHead(out.Empty(), e, len(body))
	if !x.traits.head {
		head = append(head, body...)
	}
	out.Set(head)
	x.answer = answerError
	if _, err := x.client.Send(out); err != nil {
		x.client.Abort(true)
	}
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
	if x.req == nil {
		return x.upload.state != uploadActive
	}
	return x.req.length >= 0 && int64(x.client.in.Len()) >= x.req.length
}

type errorJSON struct {
	StatusCode int    `json:"statusCode"`
	Message    string `json:"message"`
	Error      struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Code    string  `json:"code"`
		Param   *string `json:"param"`
	} `json:"error"`
}

// errorBody is one JSON text for both worlds: OpenAI SDKs show error.message,
// users of APIM know statusCode and message.
func errorBody(e *edgeerr.Error) []byte {
	j := errorJSON{StatusCode: e.Code.Status(), Message: e.Text()}
	j.Error.Message, j.Error.Type, j.Error.Code = e.Text(), e.Code.Type(), e.Code.String()
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // people read it: <key> is to look like <key>
	if err := encoder.Encode(j); err != nil {
		panic("BUG: an error that is no JSON: " + err.Error())
	}
	return body.Bytes()
}

func (x *Exchange) appendErrorHead(dst []byte, e *edgeerr.Error, length int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(e.Code.Status()), 10)
	dst = append(dst, ' ')
	dst = append(dst, fasthttp.StatusMessage(e.Code.Status())...)
	dst = append(dst, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	// An error holds for this moment and this client: a cache in front would keep a
	// 404, 405 or 414 by itself (RFC 9110 section 15.1), and show everybody the id
	// of one request.
	dst = append(dst, "\r\nCache-Control: no-store\r\nDate: "...)
	dst = fasthttp.AppendHTTPDate(dst, time.Now())
	dst = append(dst, "\r\nx-apim-edge-error: "...)
	dst = append(dst, e.Code.String()...)
	dst = append(dst, "\r\nx-request-id: "...)
	if len(x.kept.id) == 0 {
		x.kept.makeID()
	}
	dst = append(dst, x.kept.id...)
	dst = append(dst, "\r\n"...)
	if after := e.Code.RetryAfter(); after > 0 {
		dst = append(dst, "Retry-After: "...)
		dst = strconv.AppendInt(dst, int64(after), 10)
		dst = append(dst, "\r\n"...)
	}
	switch e.Code.Retry() {
	case edgeerr.RetryYes:
		dst = append(dst, "x-should-retry: true\r\n"...)
	case edgeerr.RetryNo:
		dst = append(dst, "x-should-retry: false\r\n"...)
	}
	if e.Code.Status() == 401 { // RFC 9110 section 15.5.2 asks for it
		dst = append(dst, "WWW-Authenticate: Bearer realm=\"apim-edge\"\r\n"...)
	}
	if e.Code == edgeerr.MethodNotAllowed {
		dst = append(dst, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"...)
	}
	dst = x.appendErrorCORS(dst)
	if x.next != nextRequest {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// errorFields are the fields of the edge's own answers that a page may read.
var errorFields = [][]byte{}

// appendErrorCORS appends the CORS fields, so that a browser shows the error and
// not a CORS failure. Before a route is known, the first route whose policy
// allows the origin serves.
func (x *Exchange) appendErrorCORS(dst []byte) []byte {
	origin, method := x.kept.origin, x.kept.method
	if x.req != nil && origin == nil {
		origin, method = x.req.origin, x.req.method
	}
	rt := x.route
	if rt == nil {
		rt = x.edge.snapshot.Load().allowing(origin)
	}
	if rt == nil || rt.cors == nil {
		return dst
	}
	if len(method) == 0 {
		method = []byte("OPTIONS") // the method was not readable; every policy allows this one
	}
	if origin != nil {
		dst, _ = rt.cors.AppendResponse(dst, method, origin, errorFields)
	}
	return rt.cors.AppendVary(dst, nil)
}

// allowing returns the first route whose CORS policy allows the origin, or nil.
func (s *Snapshot) allowing(origin []byte) *route {
	if origin == nil {
		return nil
	}
	for _, r := range s.routes {
		if r.cors != nil && r.cors.Allows(origin) {
			return r
		}
	}
	return nil
}
