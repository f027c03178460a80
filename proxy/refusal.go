package proxy

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// A Refusal is what connections beyond limits.connections are told, whatever they
// ask: no request is read. So it has no CORS fields: without an Origin no policy
// can be asked, and the preflight of a page fails by its status in any case.
//
// One serves all of them, on the loop that accepts: nothing is made for a connection
// that is refused.
type Refusal struct {
	edge   *Edge
	text   []byte        // but for the id always the same
	id     int           // where the request id stands in it
	record record.Record // of the exchange that there would have been
}

// requestIDSize is the length of an id that the edge has made.
const requestIDSize = 32

// PlainOnTLS returns what a client is told that speaks plain HTTP where TLS is
// spoken.
func PlainOnTLS() []byte {
	o := head.Own{
		Err: edgeerr.New(edgeerr.RequestMalformed, "this is plain HTTP on a TLS port; use https:// in base_url"),
		ID:  appendID(nil, rand.Uint64(), rand.Uint64()), Date: time.Now(), Close: true,
	}
	return o.Append(nil)
}

// HandshakeFailed counts a TLS handshake with a client that has failed.
func (e *Edge) HandshakeFailed(reason string) { e.metrics.Handshake(reason).Inc() }

// ExpectHandshakeFailures has the reason in the metrics before it has occurred.
func (e *Edge) ExpectHandshakeFailures(reason string) { e.metrics.Handshake(reason) }

// NewRefusal makes the text, once for all.
func (e *Edge) NewRefusal() *Refusal {
	err := edgeerr.New(edgeerr.EdgeOverloaded, "limits.connections is reached; wait and repeat, or raise it")
	body, status := head.ErrorBody(err), err.Code.Status()
	text := []byte("HTTP/1.1 " + strconv.Itoa(status) + " " + fasthttp.StatusMessage(status) +
		"\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nx-apim-edge-error: " + err.Code.String() + "\r\nRetry-After: " + strconv.Itoa(err.Code.RetryAfter()) +
		"\r\nx-should-retry: true\r\nCache-Control: no-store\r\nConnection: close\r\nx-request-id: ")
	r := &Refusal{edge: e, id: len(text), record: record.Record{Status: status, Code: err.Code, Err: err}}
	text = append(text, bytes.Repeat([]byte{'0'}, requestIDSize)...)
	r.text = append(append(text, "\r\n\r\n"...), body...)
	return r
}

// Next returns the text with an id of its own, until it is called again.
func (r *Refusal) Next() []byte {
	appendID(r.text[:r.id], rand.Uint64(), rand.Uint64())
	return r.text
}

// Record writes the access line of a request that got the last text.
func (r *Refusal) Record() {
	r.record.ID = r.text[r.id : r.id+requestIDSize]
	r.edge.tell(&r.record)
}

// Refused counts a connection beyond limits.connections.
func (e *Edge) Refused() { e.metrics.Refused() }
