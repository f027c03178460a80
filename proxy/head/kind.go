package head

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/rewrite"
)

// kind names the fields that the data path treats specially. Names are looked
// up once, while the head is scanned.
type kind uint8

const (
	kOther kind = iota
	kHost
	kConnection
	kContentLength
	kTransferEncoding
	kExpect
	kUpgrade
	kHopByHop // Proxy-Connection, TE, Proxy-Authenticate, Proxy-Authorization
	kOrigin
	kRequestMethod  // Access-Control-Request-Method
	kRequestHeaders // Access-Control-Request-Headers
	kRequestPrivate // Access-Control-Request-Private-Network
	kUserAgent
	kRequestID
	kForwardedFor   // X-Forwarded-For
	kForwardedProto // X-Forwarded-Proto
	kForwardedHost  // X-Forwarded-Host
	kForwarded
	kProxy // what else a proxy says of who asks, and for what: X-Forwarded-*, X-Real-IP, X-Original-URL ...
	kEdge  // X-Apim-Edge-*
	kVary
	kContentType
	kContentEncoding
	kAPIMRequestID
	kTrailer
	kMaxForwards
	kDate
	kLogin // WWW-Authenticate, Persistent-Auth
	kKeepAlive
	kVia
	kTraceparent

	// kNeighbour is set for a field that has not quite a name of the kind. Servers
	// that hand fields over as CGI variables (RFC 3875 section 4.1.18) cannot tell
	// X-Forwarded-For, X_Forwarded_For and, with lighttpd and PHP, X.Forwarded~For
	// apart, so a client could forge the one in the spelling of the other.
	kNeighbour kind = 0x80
)

// names are the fields as they are mostly written.
var names = map[string]kind{
	"Host":                                   kHost,
	"Connection":                             kConnection,
	"Content-Length":                         kContentLength,
	"Transfer-Encoding":                      kTransferEncoding,
	"Expect":                                 kExpect,
	"Upgrade":                                kUpgrade,
	"Keep-Alive":                             kKeepAlive,
	"Proxy-Connection":                       kHopByHop,
	"TE":                                     kHopByHop,
	"Proxy-Authenticate":                     kHopByHop,
	"Proxy-Authorization":                    kHopByHop,
	"HTTP2-Settings":                         kHopByHop,
	"Origin":                                 kOrigin,
	"Access-Control-Request-Method":          kRequestMethod,
	"Access-Control-Request-Headers":         kRequestHeaders,
	"Access-Control-Request-Private-Network": kRequestPrivate,
	"User-Agent":                             kUserAgent,
	"X-Request-Id":                           kRequestID,
	"X-Forwarded-For":                        kForwardedFor,
	"X-Forwarded-Proto":                      kForwardedProto,
	"X-Forwarded-Host":                       kForwardedHost,
	"Forwarded":                              kForwarded,
	"X-Real-IP":                              kProxy,
	"X-Client-IP":                            kProxy,
	"X-Cluster-Client-IP":                    kProxy,
	"True-Client-IP":                         kProxy,
	"X-Original-URL":                         kProxy,
	"X-Original-URI":                         kProxy,
	"X-Original-Host":                        kProxy,
	"X-Original-For":                         kProxy,
	"X-Original-Proto":                       kProxy,
	"X-Rewrite-URL":                          kProxy,
	"Vary":                                   kVary,
	"Content-Type":                           kContentType,
	"Content-Encoding":                       kContentEncoding,
	"apim-request-id":                        kAPIMRequestID,
	"Trailer":                                kTrailer,
	"Max-Forwards":                           kMaxForwards,
	"Date":                                   kDate,
	"WWW-Authenticate":                       kLogin,
	"Persistent-Auth":                        kLogin,
	"Via":                                    kVia,
	"traceparent":                            kTraceparent,
}

// plain are fields that many clients and upstreams send, and of which nothing special is made.
var plain = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "api-key", "Cache-Control", "Server",
	"X-Stainless-Arch", "X-Stainless-Async", "X-Stainless-Lang", "X-Stainless-OS", "X-Stainless-Runtime",
	"x-stainless-read-timeout", "x-stainless-retry-count", "x-ms-client-request-id", "x-ms-region", "x-request-id",
}

// byLength holds the entries of names by the length of the name, so that most
// names are dismissed by one look.
var byLength = func() (table [48][]named) {
	for usual, k := range names {
		lower := strings.ToLower(usual)
		table[len(usual)] = append(table[len(usual)], named{lower[0], lower[len(lower)-1], k, lower})
	}
	return table
}()

type named struct {
	first, last byte // of name
	kind        kind
	name        string // in lower case
}

// usual has the names of both as they are mostly written, in order of their length. Nearly all
// fields are known by it at a glance, and need not be looked at letter by letter.
var usual = func() (t struct {
	from  [longestUsual + 2]uint8 // where the names of a length begin
	names [64]glance
}) {
	all := slices.AppendSeq(slices.Clone(plain), maps.Keys(names))
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
	n := 0
	for _, name := range all {
		if len(name) > longestUsual {
			break
		}
		t.names[n] = glanceAt([]byte(name+":      "), len(name))
		t.names[n].kind = kindOf([]byte(name))
		n++
		for longer := len(name) + 1; longer < len(t.from); longer++ {
			t.from[longer] = uint8(n) //nolint:gosec // names has room for fewer
		}
	}
	return t
}()

const longestUsual = 24

// A glance is what a name of at most longestUsual bytes consists of: its first eight, its last
// eight, and the eight behind the first of one of more than 16.
type glance struct {
	front, back, middle uint64
	kind                kind
}

// glanceAt returns that of the name of size bytes that head begins with, without its kind.
// head has eight bytes at least.
func glanceAt(head []byte, size int) (g glance) {
	g.front = binary.LittleEndian.Uint64(head)
	if size < 8 {
		g.front &= 1<<(8*uint(size)&63) - 1
		return g
	}
	g.back = binary.LittleEndian.Uint64(head[size-8:])
	if size > 16 {
		g.middle = binary.LittleEndian.Uint64(head[8:])
	}
	return g
}

// usualKind returns the kind of the field whose name of size bytes head begins with, if the
// name is written as it mostly is.
func usualKind(head []byte, size int) (k kind, known bool) {
	if size > longestUsual || len(head) < 8 {
		return 0, false
	}
	g := glanceAt(head, size)
	for i := usual.from[size]; i < usual.from[size+1]; i++ {
		u := &usual.names[i%uint8(len(usual.names))] // as i is, which the compiler does not know
		if u.front == g.front && u.back == g.back && u.middle == g.middle {
			return u.kind, true
		}
	}
	return 0, false
}

// Families are kinds of all names that begin so. Their length is the same, and
// their third letter tells them apart.
const (
	edgeFamily   = "x-apim-edge-"
	proxyFamily  = "x-forwarded-"
	familyLength = len(edgeFamily)
)

func kindOf(name []byte) kind {
	last := len(name) - 1
	if len(name) < len(byLength) {
		known := byLength[len(name)]
		for i := range known {
			n := &known[i]
			if name[0]|0x20 != n.first || name[last]|0x20 != n.last {
				continue // most names end here
			}
			if EqualFold(name, n.name) {
				return n.kind
			}
			if found := rewrite.Compare(name, n.name); found != rewrite.Different {
				return n.kind.of(found)
			}
		}
	}
	if len(name) > familyLength {
		switch name[2] | 0x20 {
		case edgeFamily[2]:
			return kEdge.of(rewrite.Compare(name[:familyLength], edgeFamily))
		case proxyFamily[2]:
			return kProxy.of(rewrite.Compare(name[:familyLength], proxyFamily))
		}
	}
	return kOther
}

// of returns what a name that is so like one of the kind makes of a field. Only
// what the edge owns can be forged: the edge sets it, or it ends here.
func (k kind) of(found rewrite.Likeness) kind {
	switch found {
	case rewrite.Equal:
		return k
	case rewrite.Different:
		return kOther
	}
	switch k {
	case kContentLength, kTransferEncoding, kHopByHop, kKeepAlive, kRequestID, kForwardedFor, kForwardedProto, kForwardedHost, kProxy, kEdge:
		return k | kNeighbour
	}
	return kOther
}
