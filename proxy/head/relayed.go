package head

import (
	"slices"
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Relayed is the head of upstream's answer as the client is sent it.
type Relayed struct {
	Response *Response
	// CORS is the policy of the route; nil: upstream's own fields pass.
	CORS *corsx.Policy
	// Method and Origin are those of the request. Origin is nil for none.
	Method, Origin []byte
	// Dechunk tells that the framing of chunks is taken off the body.
	Dechunk bool
	// Close tells that the connection ends behind the answer.
	Close bool
	// Date is added where it is not nil (RFC 9110 section 6.6.1).
	Date []byte
	// Decision is for X-Apim-Edge-Decision, Hint for X-Apim-Edge-Hint, UpstreamTime
	// for Server-Timing. Empty and 0: no such field.
	Decision     string
	Hint         string
	UpstreamTime time.Duration
	// Wait replaces what the upstream says of when to come again; 0: its own word passes.
	Wait time.Duration
}

// Append appends the head: the upstream's lines in their order and spelling,
// without those that end here, and the CORS fields of the route. allowed reports
// whether the page that asks may read the answer; it is true where none asks.
func (a *Relayed) Append(dst []byte) (out []byte, allowed bool) {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, a.Response.line...)
	dst = append(dst, "\r\n"...)
	dst = a.appendUpstreamFields(dst)
	allowed = true
	if a.CORS != nil {
		dst, allowed = a.appendCORS(dst)
	}
	dst = appendWait(dst, a.Wait, true)
	if a.Decision != "" {
		dst = append(dst, "X-Apim-Edge-Decision: "...)
		dst = append(dst, a.Decision...)
		dst = append(dst, "\r\n"...)
	}
	if a.Hint != "" {
		dst = append(dst, "X-Apim-Edge-Hint: "...)
		dst = append(dst, a.Hint...)
		dst = append(dst, "\r\n"...)
	}
	if a.UpstreamTime > 0 {
		dst = append(dst, "Server-Timing: upstream;dur="...)
		dst = strconv.AppendFloat(dst, float64(a.UpstreamTime)/float64(time.Millisecond), 'f', 1, 64)
		dst = append(dst, "\r\n"...)
	}
	if a.Response.Status == 101 {
		return append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"...), allowed
	}
	if a.Date != nil {
		dst = append(dst, "Date: "...)
		dst = append(dst, a.Date...)
		dst = append(dst, "\r\n"...)
	}
	if a.Response.upgrades() {
		dst = append(dst, "Connection: Upgrade\r\n"...)
	}
	if a.Close {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...), allowed
}

// AppendInterim appends the head of an interim response (RFC 9110 section 15.2).
func (a *Relayed) AppendInterim(dst []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, a.Response.line...)
	dst = append(dst, "\r\n"...)
	return append(a.appendUpstreamFields(dst), "\r\n"...)
}

func (a *Relayed) appendUpstreamFields(dst []byte) []byte {
	r, l := a.Response, lines{dst: dst}
	for i, k := range r.kinds {
		name := r.fields[i].Name
		switch k {
		case kUpgrade:
			if !r.upgrades() {
				continue
			}
		case kContentLength, kTransferEncoding:
			// Neither may be in a head that no body can follow, 304 and HEAD aside
			// (RFC 9110 section 8.6, RFC 9112 section 6.1).
			if r.Status < 200 || r.Status == 204 || k == kTransferEncoding && a.Dechunk {
				continue
			}
		case kConnection, kHopByHop, kKeepAlive, kEdge,
			kContentLength | kNeighbour, kTransferEncoding | kNeighbour, kHopByHop | kNeighbour, kKeepAlive | kNeighbour, kEdge | kNeighbour:
			continue
		case kVary, kRequestMethod, kRequestHeaders, kRequestPrivate:
			if a.CORS != nil {
				continue
			}
		case kOther, kVia, kDate, kProxy, kProxy | kNeighbour, kRequestID | kNeighbour, kForwardedFor | kNeighbour, kForwardedProto | kNeighbour, kForwardedHost | kNeighbour:
			if a.CORS != nil && corsx.Owned(name) {
				continue
			}
			if r.nominates(name) || a.Wait > 0 && (EqualFold(name, "retry-after") || EqualFold(name, "retry-after-ms")) {
				continue
			}
		}
		l.pass(&r.fields[i])
	}
	l.flush()
	return l.dst
}

// appendCORS appends the CORS fields for the page that asks, and Vary.
func (a *Relayed) appendCORS(dst []byte) (out []byte, allowed bool) {
	allowed = true
	if a.Origin != nil {
		var names [8][]byte
		families := names[:0]
		for _, f := range a.Response.fields {
			if corsx.Family(f.Name) {
				families = append(families, f.Name)
			}
		}
		dst, allowed = a.CORS.AppendResponse(dst, a.Method, a.Origin, families)
	}
	return a.CORS.AppendVary(dst, a.Response.vary), allowed
}

// DropFromRequest returns what reports whether a trailer field of a request may not
// pass: what the edge owns or removes in a head cannot come in behind the body.
func DropFromRequest(credentials *rewrite.Policy, replaces []*rewrite.Policy, claims *Claims) func(name []byte) bool {
	return func(name []byte) bool {
		return neverTrailer(name) || kindOf(name)&^kNeighbour == kRequestID || credentials.Governs(name) ||
			claims != nil && claims.Owns(name) || slices.ContainsFunc(replaces, func(p *rewrite.Policy) bool { return p.Governs(name) })
	}
}

// DropFromResponse is DropFromRequest for the trailer fields of an answer. cors may
// be nil.
func DropFromResponse(cors *corsx.Policy) func(name []byte) bool {
	return func(name []byte) bool {
		return neverTrailer(name) || cors != nil && corsx.Owned(name)
	}
}

// neverTrailer holds the fields for framing, routing and credentials (RFC 9110
// section 6.5.1), those that belong to the connection, and what some readers take
// for one of them.
func neverTrailer(name []byte) bool {
	switch kindOf(name) &^ kNeighbour {
	case kOther:
		return EqualFold(name, "authorization") || EqualFold(name, "set-cookie")
	case kUserAgent, kRequestID, kAPIMRequestID, kDate:
		return false
	}
	return true
}
