package proxy

import (
	"strconv"
	"time"

	"github.com/apim-edge/apim-edge/corsx"
)

// appendResponseHead appends the head that goes to the client: the upstream's
// lines in their order and spelling, without those that end here, and the CORS
// fields of the route.
func (x *Exchange) appendResponseHead(dst []byte) []byte {
	r := x.attempt.resp
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, r.line...)
	dst = append(dst, "\r\n"...)
	dst = x.appendUpstreamFields(dst)
	if x.route.cors != nil {
		dst = x.appendCORS(dst)
	}
	debug := &x.snap.config.Debug
	if debug.DecisionHeader {
		dst = append(dst, "X-Apim-Edge-Decision: "...)
		dst = append(dst, x.reason.String()...)
		dst = append(dst, "\r\n"...)
	}
	if debug.ServerTiming {
		dst = append(dst, "Server-Timing: upstream;dur="...)
		dst = strconv.AppendFloat(dst, float64(x.attempt.firstByte)/float64(time.Millisecond), 'f', 1, 64)
		dst = append(dst, "\r\n"...)
	}
	if x.attempt.resp.status == 101 {
		return append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"...)
	}
	if x.next != nextRequest {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func (x *Exchange) appendInterimHead(dst []byte) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, x.attempt.resp.line...)
	dst = append(dst, "\r\n"...)
	return append(x.appendUpstreamFields(dst), "\r\n"...)
}

func (x *Exchange) appendUpstreamFields(dst []byte) []byte {
	r := x.attempt.resp
	for i, k := range r.kinds {
		name := r.fields[i].Name
		switch k {
		case kConnection, kUpgrade, kHopByHop, kEdge, kContentLength | kNeighbour, kTransferEncoding | kNeighbour, kHopByHop | kNeighbour, kEdge | kNeighbour:
			continue
		case kTransferEncoding:
			if x.down.Dechunk {
				continue
			}
		case kVary:
			if x.route.cors != nil {
				continue
			}
		case kRequestMethod, kRequestHeaders, kRequestPrivate:
			if x.route.cors != nil {
				continue
			}
		case kOther, kProxy, kProxy | kNeighbour, kRequestID | kNeighbour, kForwardedFor | kNeighbour, kForwardedProto | kNeighbour, kForwardedHost | kNeighbour:
			if x.route.cors != nil && corsx.Owned(name) {
				continue
			}
			if r.nominates(name) {
				continue
			}
		}
		dst = appendField(dst, name, r.fields[i].Value)
	}
	return dst
}

// appendCORS appends the CORS fields for the page that asks, and Vary.
func (x *Exchange) appendCORS(dst []byte) []byte {
	r := x.attempt.resp
	if x.kept.origin != nil {
		var names [8][]byte
		families := names[:0]
		for _, f := range r.fields {
			if corsx.Family(f.Name) {
				families = append(families, f.Name)
			}
		}
		var allowed bool
		if dst, allowed = x.route.cors.AppendResponse(dst, x.kept.method, x.kept.origin, families); !allowed {
			x.refused = corsx.CauseOrigin
		}
	}
	return x.route.cors.AppendVary(dst, r.vary)
}

// dropsFromRequest reports whether a trailer field of the request may not pass:
// what the edge owns or removes in a head cannot come in behind the body.
func (rt *route) dropsFromRequest(name []byte) bool {
	return neverTrailer(name) || kindOf(name)&^kNeighbour == kRequestID || rt.credential.Governs(name)
}

// dropsFromResponse is dropsFromRequest for the response.
func (rt *route) dropsFromResponse(name []byte) bool {
	return neverTrailer(name) || rt.cors != nil && corsx.Owned(name)
}

// neverTrailer holds the fields for framing, routing and credentials (RFC 9110
// section 6.5.1), those that belong to the connection, and what some readers take
// for one of them.
func neverTrailer(name []byte) bool {
	switch kindOf(name) &^ kNeighbour {
	case kOther:
		return equalFold(name, "authorization") || equalFold(name, "set-cookie")
	case kUserAgent, kRequestID, kAPIMRequestID:
		return false
	}
	return true
}
