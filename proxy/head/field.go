package head

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
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

// byLength holds the entries of names by the length of the name, so that most
// names are dismissed by one look.
var byLength = func() (table [48][]named) {
	for name, k := range names {
		table[len(name)] = append(table[len(name)], named{strings.ToLower(name), name, k})
	}
	return table
}()

type named struct {
	name, usual string // in lower case, and as it is mostly written
	kind        kind
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
			if name[0]|0x20 != n.name[0] || name[last]|0x20 != n.name[last] {
				continue // most names end here
			}
			if string(name) == n.usual || EqualFold(name, n.name) {
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

// EqualFold compares with a lower-case ASCII string.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c != lower[i] && (c|0x20 != lower[i] || c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// The ways in which a field line can be refused. None names a value.
var (
	errFold     = errors.New("a line of the head begins with a space: folded lines are obsolete (RFC 9112 section 5.2)")
	errBareLF   = errors.New("a line of the head does not end with CRLF (RFC 9112 section 2.2)")
	errName     = errors.New("a field name is empty or contains a character that none may contain (RFC 9110 section 5.1)")
	errValue    = errors.New("a field value contains a control character (RFC 9110 section 5.5)")
	errManyFlds = errors.New("the head has more than 500 fields")
)

const maxFields = 500

// scanFields splits the field lines of a head, each ending in CRLF, into fields
// and kinds; it refuses what two parsers could read differently. ascii tells
// that no value has a byte beyond ASCII. The fields alias head.
func scanFields(head []byte, fields []rewrite.Field, kinds []kind) (_ []rewrite.Field, _ []kind, ascii bool, _ error) {
	ascii = true
	for len(head) > 0 {
		colon := tokenLen(head)
		if colon == 0 || colon == len(head) || head[colon] != ':' {
			return fields, kinds, ascii, faultOf(head)
		}
		value, plain := untilControl(head[colon+1:])
		end := colon + 1 + len(value)
		if end+2 > len(head) || head[end] != '\r' || head[end+1] != '\n' {
			return fields, kinds, ascii, faultOf(head)
		}
		ascii = ascii && plain
		if len(fields) == maxFields {
			return fields, kinds, ascii, errManyFlds
		}
		fields = append(fields, rewrite.Field{Name: head[:colon], Value: trimOWS(value)})
		kinds = append(kinds, kindOf(head[:colon]))
		head = head[end+2:]
	}
	return fields, kinds, ascii, nil
}

// faultOf tells what is wrong with the line that head begins with.
func faultOf(head []byte) error {
	end := bytes.IndexByte(head, '\n')
	if end < 1 || head[end-1] != '\r' {
		return errBareLF
	}
	line := head[:end-1]
	if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		return errFold
	}
	if colon := tokenLen(line); colon == 0 || colon == len(line) || line[colon] != ':' {
		return errName
	}
	return errValue
}

func trimOWS(v []byte) []byte {
	if len(v) > 1 && v[0] == ' ' && v[1] > ' ' && v[len(v)-1] > ' ' {
		return v[1:] // as nearly every value stands in its line
	}
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

// tokenByte is 1 for what a token is made of.
var tokenByte = func() (t [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = 1
	}
	return t
}()

// tokenLen returns the length of the token that p begins with (RFC 9110 section 5.6.2).
// It looks at four bytes at a time.
//
//go:noinline
func tokenLen(p []byte) int {
	table, n := &tokenByte, 0
	for len(p) >= 4 {
		w := (*[4]byte)(p)
		if table[w[0]]&table[w[1]]&table[w[2]]&table[w[3]] == 0 {
			break
		}
		p = p[4:]
		n += 4
	}
	for _, c := range p {
		if table[c] == 0 {
			break
		}
		n++
	}
	return n
}

// untilControl returns what of p stands before the first control character other
// than HTAB, and whether it is ASCII. It looks at eight bytes at a time: heads are
// mostly values.
func untilControl(p []byte) (before []byte, ascii bool) {
	var all uint64
	i := 0
	for i+8 <= len(p) {
		w := binary.LittleEndian.Uint64(p[i:])
		if (w|(w-ones*0x20)|(w+ones))&highs == 0 { // nearly always: ASCII, and no control character
			i += 8
			continue
		}
		control := controls(w)
		if control == 0 {
			all |= w
			i += 8
			continue
		}
		at := bits.TrailingZeros64(control) &^ 7
		all |= w & (1<<at - 1)
		if i += at / 8; p[i] != '\t' {
			return p[:i], all&highs == 0
		}
		i++
	}
	for ; i < len(p) && !isControl(p[i]); i++ {
		all |= uint64(p[i])
	}
	return p[:i], all&highs == 0
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// controls marks control characters by the high bits of their bytes in w. Only the
// lowest mark is sure: the subtraction borrows from the bytes above.
func controls(w uint64) uint64 {
	del := w ^ ones*0x7f
	return ((w-ones*0x20)&^w | (del-ones)&^del) & highs
}

// visible reports whether all of p is visible ASCII, without a space.
func visible(p []byte) bool {
	for len(p) >= 8 {
		if w := binary.LittleEndian.Uint64(p); (w|(w-ones*0x21)|(w+ones))&highs != 0 {
			return false // a byte above 0x7f, below 0x21, or 0x7f
		}
		p = p[8:]
	}
	for _, c := range p {
		if c <= 0x20 || c >= 0x7f {
			return false
		}
	}
	return true
}

func isControl(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f }

func controlIn(p []byte) bool { return slices.ContainsFunc(p, isControl) }

// parseLength reads the value of Content-Length: digits alone (RFC 9110 section
// 8.6). ok is false for anything else, a list or a sign included.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 18 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// nextToken splits the next member off a comma-separated list.
func nextToken(list []byte) (token, rest []byte) {
	before, after, _ := bytes.Cut(list, []byte{','})
	return trimOWS(before), after
}
