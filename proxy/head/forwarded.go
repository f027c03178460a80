package head

import (
	"net/netip"

	"github.com/apim-edge/apim-edge/rewrite"
)

// Forwarded is the head of a request as an upstream is sent it.
type Forwarded struct {
	Request  *Request
	Policy   *rewrite.Policy
	Decision *rewrite.Decision
	// Own is the line of the credential that the edge itself shows to the upstream, and
	// Replaces takes what must not go there beside it; nil: there is none.
	Own      []byte
	Replaces *rewrite.Policy
	// Strip is taken off the path, Prefix put in front of it.
	Strip, Prefix string
	// Path and Query stand in place of the request's own where Path is not nil; nothing
	// is taken off then. Grown is how much longer than the client says the body is.
	Path, Query []byte
	Grown       int
	// Parameters says which of the query are other ones upstream; nil: none.
	Parameters *rewrite.Parameters
	// Host is what the upstream is called; nil: as the client calls the edge.
	Host []byte
	// ID is the request id where the client has sent none.
	ID     []byte
	Client netip.Addr
	// Name is what the edge calls itself in Via.
	Name []byte
	// Secure tells that the client's connection has TLS.
	Secure bool
	// Sender is AppendSender of Client and Secure; nil: it is made here. All requests of a
	// client have the same.
	Sender []byte
	// Trusted tells that the client is a proxy whose word about others is believed.
	Trusted bool
	// WithholdOrigin keeps the page's origin from the upstream.
	WithholdOrigin bool
	// Claims are the fields that tell the upstream what a token says, and Says is the token;
	// nil: then nothing is said.
	Claims *Claims
	Says   interface{ Value(claim string) string }
	// Traceparent names the edge's own span; nil: what the client says of it passes.
	// TraceAnew tells that the trace begins here, so that no tracestate belongs to it.
	Traceparent []byte
	TraceAnew   bool
}

// Claims are fields that are the edge's own on one route: what comes from outside in
// their names, or in one that some servers read as such, ends here.
type Claims struct {
	// Names are the fields in lower case, Fields as they are written, Of the claims
	// that they are for, one by one.
	Names, Fields, Of []string
}

// Owns reports whether a name is one of them, or too like one.
func (c *Claims) Owns(name []byte) bool {
	for _, own := range c.Names {
		if rewrite.Compare(name, own) != rewrite.Different {
			return true
		}
	}
	return false
}

func (f *Forwarded) appendClaims(dst []byte) []byte {
	for i, field := range f.Claims.Fields {
		if value := f.Says.Value(f.Claims.Of[i]); value != "" {
			dst = append(append(append(append(dst, field...), ": "...), value...), "\r\n"...)
		}
	}
	return dst
}

// Append appends the head: the client's lines in their order and spelling, without
// those that end here, and then what the edge says itself, so that no client can
// remove or forge it.
func (f *Forwarded) Append(dst []byte) []byte {
	r := f.Request
	dst = append(dst, r.Method...)
	dst = append(dst, ' ')
	dst = f.appendTarget(dst)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	if f.Host != nil {
		dst = append(dst, f.Host...)
	} else {
		dst = append(dst, r.Host...)
	}
	dst = f.appendPassing(append(dst, "\r\n"...))
	dst = f.Policy.AppendFields(dst, f.Decision, r.Fields)
	if f.Claims != nil && f.Says != nil {
		dst = f.appendClaims(dst)
	}
	dst = append(dst, f.Own...)
	dst = f.appendForwarding(dst)
	if f.Traceparent != nil {
		dst = appendField(dst, []byte("traceparent"), f.Traceparent)
	}
	if len(r.ID) == 0 {
		dst = append(dst, "X-Request-Id: "...)
		dst = append(dst, f.ID...)
		dst = append(dst, "\r\n"...)
	}
	if r.Websocket {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	}
	if r.HTTP10 {
		dst = append(dst, "Via: 1.0 "...) // as it was received
	} else {
		dst = append(dst, "Via: 1.1 "...)
	}
	dst = append(dst, f.Name...)
	return append(dst, "\r\n\r\n"...)
}

// appendPassing appends the client's lines without those that end here.
func (f *Forwarded) appendPassing(dst []byte) []byte {
	r, l, owns := f.Request, lines{dst: dst}, f.Traceparent != nil || f.Claims != nil
	for i, k := range r.kinds {
		field := &r.Fields[i]
		switch {
		case owns && f.owns(field, k):
		case k == kMaxForwards && r.Hops > 0:
			l.number(field, r.Hops-1)
		case k == kContentLength && f.Grown != 0:
			l.number(field, r.Length+int64(f.Grown))
		case f.passes(field, k):
			l.pass(field)
		}
	}
	l.flush()
	return l.dst
}

func appendField(dst, name, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, "\r\n"...)
}

// appendTarget appends path and query byte for byte, save a prefix that is
// taken off, one that is put on, query keys that have become a field, and parameters that
// the route changes.
func (f *Forwarded) appendTarget(dst []byte) []byte {
	r := f.Request
	path, query := r.Path, r.Query
	if f.Path != nil {
		path, query = f.Path, f.Query
	} else if f.Strip != "" {
		path = path[max(0, rewrite.PrefixLen(path, f.Strip, r.Odd)):]
	}
	if len(path) == 1 && path[0] == '*' {
		return append(dst, '*')
	}
	dst = append(dst, f.Prefix...)
	if len(path) == 0 {
		dst = append(dst, '/')
	}
	dst = append(dst, path...)
	mark := len(dst)
	if query != nil {
		dst = f.appendQuery(dst, query)
	}
	if f.Parameters != nil {
		dst = f.Parameters.Edit(dst, mark)
	}
	return dst
}

// appendQuery appends a query without what the credential rules take out of it.
func (f *Forwarded) appendQuery(dst, query []byte) []byte {
	mark := len(dst)
	dst, changed := f.Policy.AppendQuery(append(dst, '?'), query)
	if f.Replaces != nil {
		var more bool // in place: what is left is never longer
		dst, more = f.Replaces.AppendQuery(dst[:mark+1], dst[mark+1:])
		changed = changed || more
	}
	if changed && len(dst) == mark+1 {
		return dst[:mark]
	}
	return dst
}

// passes reports whether a field goes upstream as it is. Neighbours of the edge's
// own do not.
func (f *Forwarded) passes(field *rewrite.Field, k kind) bool {
	r := f.Request
	switch k {
	case kOther, kUserAgent, kTrailer, kMaxForwards, kDate, kContentType, kContentEncoding, kVary, kAPIMRequestID, kLogin, kVia, kTraceparent,
		kRequestMethod, kRequestHeaders, kRequestPrivate:
		if f.Policy.Takes(field) || f.Replaces != nil && f.Replaces.Takes(field) {
			return false
		}
		// A client may not name away what the edge adds or needs (RFC 9110
		// section 7.6.1), so only fields of no meaning here can be nominated.
		return k != kOther && k != kVia && k != kDate && k != kTraceparent || !r.nominates(field.Name)
	case kContentLength, kTransferEncoding:
		return true // one line, and known to be exact
	case kExpect:
		return r.Expect && r.Length != 0
	case kOrigin:
		return !f.WithholdOrigin
	case kRequestID:
		return len(r.ID) > 0 // one line, which is believed
	case kProxy:
		return f.Trusted && !r.nominates(field.Name)
	}
	return false
}

// owns reports whether the edge says itself what a field says: of the trace, or of claims.
func (f *Forwarded) owns(field *rewrite.Field, k kind) bool {
	if f.Traceparent != nil && (k == kTraceparent || f.TraceAnew && k == kOther && EqualFold(field.Name, "tracestate")) {
		return true
	}
	return f.Claims != nil && f.Claims.Owns(field.Name)
}

// appendForwarding appends who asks, by which scheme and for which host. What a
// trusted proxy has said of that is kept and continued; anybody else's word for
// it has been dropped.
func (f *Forwarded) appendForwarding(dst []byte) []byte {
	if !f.Trusted {
		return f.appendStranger(dst)
	}
	proto := scheme(f.Secure)
	dst = append(dst, "X-Forwarded-For: "...)
	dst, _ = f.appendSaid(dst, kForwardedFor, ", ")
	dst = f.Client.AppendTo(dst)
	dst = append(dst, "\r\nX-Forwarded-Proto: "...)
	dst, said := f.appendSaid(dst, kForwardedProto, "")
	if !said {
		dst = append(dst, proto...)
	}
	dst = append(dst, "\r\n"...)
	mark := len(dst)
	dst = append(dst, "X-Forwarded-Host: "...)
	if dst, said = f.appendSaid(dst, kForwardedHost, ""); !said {
		dst = append(dst, f.Request.Host...)
	}
	if dst = append(dst, "\r\n"...); !said && len(f.Request.Host) == 0 {
		dst = dst[:mark] // HTTP/1.0 can do without Host
	}
	mark = len(dst)
	dst = append(dst, "Forwarded: "...)
	if dst, said = f.appendSaid(dst, kForwarded, ", "); !said {
		return dst[:mark]
	}
	return f.appendForwardedElement(dst, proto)
}

// appendStranger is appendForwarding for a client who is not believed in what he says.
func (f *Forwarded) appendStranger(dst []byte) []byte {
	if f.Sender != nil {
		dst = append(dst, f.Sender...)
	} else {
		dst = AppendSender(dst, f.Client, f.Secure)
	}
	if host := f.Request.Host; len(host) > 0 { // HTTP/1.0 can do without
		dst = append(append(append(dst, "X-Forwarded-Host: "...), host...), "\r\n"...)
	}
	return dst
}

// AppendSender appends the lines that tell of a client and of the scheme by which it asks.
func AppendSender(dst []byte, client netip.Addr, secure bool) []byte {
	dst = client.AppendTo(append(dst, "X-Forwarded-For: "...))
	return append(append(append(dst, "\r\nX-Forwarded-Proto: "...), scheme(secure)...), "\r\n"...)
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// appendForwardedElement appends this hop in the form of RFC 7239 section 4.
func (f *Forwarded) appendForwardedElement(dst []byte, proto string) []byte {
	dst = append(dst, "for="...)
	if f.Client.Is6() {
		dst = append(dst, "\"["...)
		dst = f.Client.AppendTo(dst)
		dst = append(dst, "]\""...)
	} else {
		dst = f.Client.AppendTo(dst)
	}
	dst = append(dst, ";proto="...)
	dst = append(dst, proto...)
	return append(dst, "\r\n"...)
}

// appendSaid appends what a trusted proxy has said in the fields of a kind, each
// followed by behind; where that is empty, the last word counts.
func (f *Forwarded) appendSaid(dst []byte, k kind, behind string) (out []byte, said bool) {
	mark := len(dst)
	for i, other := range f.Request.kinds {
		if other != k || len(f.Request.Fields[i].Value) == 0 {
			continue
		}
		if behind == "" {
			dst = dst[:mark]
		}
		said = true
		dst = append(dst, f.Request.Fields[i].Value...)
		dst = append(dst, behind...)
	}
	return dst, said
}

// readID keeps the client's request id, if it has sent one, once. Any other is
// replaced, so that upstream, the log and the client read the same one.
func (r *Request) readID(v []byte) {
	if r.ID != nil || !isID(v) {
		v = v[:0]
	}
	r.ID = v
}

// maxID bounds the request ids that are kept.
const maxID = 128

// isID reports whether an id can be kept: it is short, of visible characters that
// stand in a log as they are, and no secret by its shape.
func isID(v []byte) bool {
	if len(v) == 0 || len(v) > maxID {
		return false
	}
	for _, c := range v {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return !rewrite.HoldsSecret(v)
}
