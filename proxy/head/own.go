package head

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// Own is an answer of the edge itself, for an error.
type Own struct {
	Err  *edgeerr.Error
	ID   []byte // of the request
	Date time.Time
	// CORS is the policy by which a page may read the answer, nil for none.
	CORS *corsx.Policy
	// Method and Origin are those of the request, nil where they are not known.
	Method, Origin []byte
	// Close tells that the connection ends behind the answer.
	Close bool
	// HeadOnly leaves the body out, as after HEAD.
	HeadOnly bool
}

// Append appends head and body.
func (o *Own) Append(dst []byte) []byte {
	body := ErrorBody(o.Err)
	dst = o.appendHead(dst, len(body))
	if o.HeadOnly {
		return dst
	}
	return append(dst, body...)
}

// Idempotent reports whether a request with this method may run twice (RFC 9110 section
// 9.2.2). nil: it is not known, so it may not.
func Idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		return true
	}
	return false
}

// Allow names the methods that are known to be forwarded (RFC 9110 section 10.2.1).
const Allow = "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"

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

// ErrorBody returns one JSON text for both worlds: OpenAI SDKs show error.message,
// users of APIM know statusCode and message.
func ErrorBody(e *edgeerr.Error) []byte {
	j := errorJSON{StatusCode: e.Answer(), Message: e.Text()}
	j.Error.Message, j.Error.Type, j.Error.Code = e.Text(), e.Code.Type(), e.Code.String()
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // people read it: <key> is to look like <key>
	if err := encoder.Encode(j); err != nil {
		panic("BUG: an error that is no JSON: " + err.Error())
	}
	return body.Bytes()
}

func (o *Own) appendHead(dst []byte, length int) []byte {
	e := o.Err
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(e.Answer()), 10)
	dst = append(dst, ' ')
	dst = append(dst, fasthttp.StatusMessage(e.Answer())...)
	dst = append(dst, "\r\nContent-Type: application/json\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(length), 10)
	// An error holds for this moment and this client: a cache in front would keep a
	// 404, 405 or 414 by itself (RFC 9110 section 15.1), and show everybody the id
	// of one request.
	dst = append(dst, "\r\nCache-Control: no-store\r\nDate: "...)
	dst = fasthttp.AppendHTTPDate(dst, o.Date)
	dst = append(dst, "\r\nx-apim-edge-error: "...)
	dst = append(dst, e.Code.String()...)
	dst = append(dst, "\r\nx-request-id: "...)
	dst = append(dst, o.ID...)
	dst = append(dst, "\r\n"...)
	dst = appendWait(dst, e.Wait(), e.After > 0)
	switch e.Retry(Idempotent(o.Method)) {
	case edgeerr.RetryYes:
		dst = append(dst, "x-should-retry: true\r\n"...)
	case edgeerr.RetryNo:
		dst = append(dst, "x-should-retry: false\r\n"...)
	}
	dst = appendChallenge(dst, e)
	if e.Code == edgeerr.MethodNotAllowed {
		dst = append(dst, Allow...)
	}
	dst = o.appendCORS(dst)
	if o.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// appendWait appends when to come again. Where that is known to the millisecond (exact),
// it is said so as well: SDKs prefer it, and whole seconds would be up to one too many.
func appendWait(dst []byte, wait time.Duration, exact bool) []byte {
	if wait <= 0 {
		return dst
	}
	dst = append(dst, "Retry-After: "...)
	dst = strconv.AppendInt(dst, roundUp(wait, time.Second), 10)
	dst = append(dst, "\r\n"...)
	if exact {
		dst = append(dst, "retry-after-ms: "...)
		dst = strconv.AppendInt(dst, roundUp(wait, time.Millisecond), 10)
		dst = append(dst, "\r\n"...)
	}
	return dst
}

func roundUp(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

// appendChallenge appends how to do better. RFC 9110 section 15.5.2 asks for it with a
// 401; its error is that of RFC 6750 section 3.1, which has none where nothing was sent.
func appendChallenge(dst []byte, e *edgeerr.Error) []byte {
	reason := ""
	switch e.Code {
	case edgeerr.TokenInvalid, edgeerr.TokenExpired, edgeerr.ClientUnknown, edgeerr.ClientExpired:
		reason = `, error="invalid_token"`
	case edgeerr.ClaimMissing, edgeerr.ClientNotAllowed:
		reason = `, error="insufficient_scope"`
	default:
		if e.Code.Status() != 401 {
			return dst
		}
	}
	dst = append(dst, "WWW-Authenticate: Bearer realm=\"apim-edge\""...)
	return append(append(dst, reason...), "\r\n"...)
}

// errorFields are the fields of the edge's own answers that a page may read.
var errorFields = [][]byte{}

// appendCORS appends the CORS fields, so that a browser shows the error and not a
// CORS failure.
func (o *Own) appendCORS(dst []byte) []byte {
	if o.CORS == nil {
		return dst
	}
	method := o.Method
	if len(method) == 0 {
		method = []byte("OPTIONS") // it was not readable; every policy allows this one
	}
	if o.Origin != nil {
		dst, _ = o.CORS.AppendResponse(dst, method, o.Origin, errorFields)
	}
	return o.CORS.AppendVary(dst, nil)
}
