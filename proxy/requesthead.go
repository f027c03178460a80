package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/netip"

	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// appendRequestHead appends the head that goes upstream: the client's lines in
// their order and spelling, without those that end here, and then what the edge
// says itself, so that no client can remove or forge it.
func (x *Exchange) appendRequestHead(dst []byte) []byte {
	r, rt := x.req, x.route
	dst = append(dst, r.method...)
	dst = append(dst, ' ')
	dst = x.appendTarget(dst)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	if host := x.attempt.target.Host; host != nil {
		dst = append(dst, host...)
	} else {
		dst = append(dst, r.host...)
	}
	dst = append(dst, "\r\n"...)
	trusted := x.snap.trusts(x.client.address)
	for i, k := range r.kinds {
		if x.forwards(i, k, trusted) {
			dst = appendField(dst, r.fields[i].Name, r.fields[i].Value)
		}
	}
	dst = rt.credential.AppendFields(dst, &x.decision, r.fields)
	dst = x.appendForwarded(dst, trusted)
	if len(r.id) == 0 {
		dst = append(dst, "X-Request-Id: "...)
		dst = append(dst, x.kept.id...)
		dst = append(dst, "\r\n"...)
	}
	if r.websocket {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	return append(dst, "Via: 1.1 apim-edge\r\n\r\n"...)
}

func appendField(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// appendTarget appends path and query byte for byte, save a prefix that is
// taken off, one that is put on, and query keys that have become a field.
func (x *Exchange) appendTarget(dst []byte) []byte {
	r, rt := x.req, x.route
	path := r.path
	if rt.strip != "" {
		path = path[max(0, rewrite.PrefixLen(path, rt.strip, r.odd)):]
	}
	if len(path) == 1 && path[0] == '*' {
		return append(dst, '*')
	}
	dst = append(dst, x.attempt.target.Prefix...)
	if len(path) == 0 {
		dst = append(dst, '/')
	}
	dst = append(dst, path...)
	if r.query == nil {
		return dst
	}
	mark := len(dst)
	dst, changed := rt.credential.AppendQuery(append(dst, '?'), r.query)
	if changed && len(dst) == mark+1 {
		return dst[:mark]
	}
	return dst
}

// forwards reports whether field i goes upstream as it is. Neighbours of the edge's
// own do not.
func (x *Exchange) forwards(i int, k kind, trusted bool) bool {
	r := x.req
	switch k {
	case kOther, kUserAgent, kTrailer, kContentType, kContentEncoding, kVary, kAPIMRequestID, kLogin,
		kRequestMethod, kRequestHeaders, kRequestPrivate:
		if x.route.credential.Takes(&r.fields[i]) {
			return false
		}
		// A client may not name away what the edge adds or needs (RFC 9110
		// section 7.6.1), so only fields of no meaning here can be nominated.
		return k != kOther || !r.nominates(r.fields[i].Name)
	case kContentLength, kTransferEncoding:
		return true // one line, and known to be exact
	case kExpect:
		return r.expect && r.length != 0
	case kOrigin:
		return !x.route.withhold
	case kRequestID:
		return len(r.id) > 0 // one line, which is believed
	case kProxy:
		return trusted && !r.nominates(r.fields[i].Name)
	}
	return false
}

// appendForwarded appends who asks, by which scheme and for which host. What a
// trusted proxy has said of that is kept and continued; anybody else's word for
// it has been dropped.
func (x *Exchange) appendForwarded(dst []byte, trusted bool) []byte {
	proto := "http"
	if x.client.tls {
		proto = "https"
	}
	dst = append(dst, "X-Forwarded-For: "...)
	dst, _ = x.appendSaid(dst, kForwardedFor, trusted, ", ")
	dst = x.client.address.AppendTo(dst)
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst, said := x.appendSaid(dst, kForwardedProto, trusted, "")
	if !said {
		dst = append(dst, proto...)
	}
	dst = append(dst, "\r\nX-Forwarded-Host: "...)
	if dst, said = x.appendSaid(dst, kForwardedHost, trusted, ""); !said {
		dst = append(dst, x.req.host...)
	}
	dst = append(dst, "\r\n"...)
	if !trusted {
		return dst
	}
	mark := len(dst)
	dst = append(dst, "Forwarded: "...)
	if dst, said = x.appendSaid(dst, kForwarded, trusted, ", "); !said {
		return dst[:mark]
	}
	return x.appendForwardedElement(dst, proto)
}

// appendForwardedElement appends this hop in the form of RFC 7239 section 4.
func (x *Exchange) appendForwardedElement(dst []byte, proto string) []byte {
	dst = append(dst, "for="...)
	if x.client.address.Is6() {
		dst = append(dst, "\"["...)
		dst = x.client.address.AppendTo(dst)
		dst = append(dst, "]\""...)
	} else {
		dst = x.client.address.AppendTo(dst)
	}
	dst = append(dst, ";proto="...)
	dst = append(dst, proto...)
	return append(dst, "\r\n"...)
}

// appendSaid appends what a trusted proxy has said in the fields of a kind, each
// followed by behind; where that is empty, the last word counts.
func (x *Exchange) appendSaid(dst []byte, k kind, trusted bool, behind string) (out []byte, said bool) {
	mark := len(dst)
	for i, other := range x.req.kinds {
		if !trusted || other != k || len(x.req.fields[i].Value) == 0 {
			continue
		}
		if behind == "" {
			dst = dst[:mark]
		}
		said = true
		dst = append(dst, x.req.fields[i].Value...)
		dst = append(dst, behind...)
	}
	return dst, said
}

// trusts tells whether what the peer says of others is believed.
func (s *Snapshot) trusts(a netip.Addr) bool {
	for _, p := range s.trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// readID keeps the client's request id, if it has sent one, once. Any other is
// replaced, so that upstream, the log and the client read the same one.
func (r *request) readID(v []byte) {
	if r.id != nil || !isID(v) {
		v = v[:0]
	}
	r.id = v
}

// isID reports whether an id can be kept: it is short, of visible characters that
// stand in a log as they are, and no secret by its shape.
func isID(v []byte) bool {
	if len(v) == 0 || len(v) > record.IDBytes {
		return false
	}
	for _, c := range v {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return !rewrite.HoldsSecret(v)
}

// appendID appends a request id: 128 random bits in hexadecimal.
func appendID(dst []byte) []byte {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return hex.AppendEncode(dst, id[:])
}
