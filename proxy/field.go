package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"

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
	kHopByHop // Keep-Alive, Proxy-Connection, TE, Proxy-Authenticate, Proxy-Authorization
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
	kEdge // X-Apim-Edge-*
	kVary
	kContentType
	kContentEncoding
	kAPIMRequestID
	kTrailer
)

var names = map[string]kind{
	"host":                                   kHost,
	"connection":                             kConnection,
	"content-length":                         kContentLength,
	"transfer-encoding":                      kTransferEncoding,
	"expect":                                 kExpect,
	"upgrade":                                kUpgrade,
	"keep-alive":                             kHopByHop,
	"proxy-connection":                       kHopByHop,
	"te":                                     kHopByHop,
	"proxy-authenticate":                     kHopByHop,
	"proxy-authorization":                    kHopByHop,
	"http2-settings":                         kHopByHop,
	"origin":                                 kOrigin,
	"access-control-request-method":          kRequestMethod,
	"access-control-request-headers":         kRequestHeaders,
	"access-control-request-private-network": kRequestPrivate,
	"user-agent":                             kUserAgent,
	"x-request-id":                           kRequestID,
	"x-forwarded-for":                        kForwardedFor,
	"x-forwarded-proto":                      kForwardedProto,
	"x-forwarded-host":                       kForwardedHost,
	"forwarded":                              kForwarded,
	"vary":                                   kVary,
	"content-type":                           kContentType,
	"content-encoding":                       kContentEncoding,
	"apim-request-id":                        kAPIMRequestID,
	"trailer":                                kTrailer,
}

// byLength holds the entries of names by the length of the name, so that most
// names are dismissed by one look.
var byLength = func() (table [48][]named) {
	for name, k := range names {
		table[len(name)] = append(table[len(name)], named{name, k})
	}
	return table
}()

type named struct {
	name string
	kind kind
}

const edgePrefix = "x-apim-edge-"

func kindOf(name []byte) kind {
	if len(name) < len(byLength) {
		for _, n := range byLength[len(name)] {
			if equalFold(name, n.name) {
				return n.kind
			}
		}
	}
	if len(name) > len(edgePrefix) && equalFold(name[:len(edgePrefix)], edgePrefix) {
		return kEdge
	}
	return kOther
}

// equalFold compares with a lower-case ASCII string.
func equalFold(b []byte, lower string) bool {
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
		end := bytes.IndexByte(head, '\n')
		if end < 1 || head[end-1] != '\r' {
			return fields, kinds, ascii, errBareLF
		}
		line := head[:end-1]
		head = head[end+1:]
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			return fields, kinds, ascii, errFold
		}
		colon := tokenLen(line)
		if colon == 0 || colon == len(line) || line[colon] != ':' {
			return fields, kinds, ascii, errName
		}
		value := trimOWS(line[colon+1:])
		control, plain := inspect(value)
		if control {
			return fields, kinds, ascii, errValue
		}
		ascii = ascii && plain
		if len(fields) == maxFields {
			return fields, kinds, ascii, errManyFlds
		}
		fields = append(fields, rewrite.Field{Name: line[:colon], Value: value})
		kinds = append(kinds, kindOf(line[:colon]))
	}
	return fields, kinds, ascii, nil
}

func trimOWS(v []byte) []byte {
	for len(v) > 0 && (v[0] == ' ' || v[0] == '\t') {
		v = v[1:]
	}
	for len(v) > 0 && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
		v = v[:len(v)-1]
	}
	return v
}

var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

// tokenLen returns the length of the token that p begins with (RFC 9110 section 5.6.2).
func tokenLen(p []byte) int {
	for i, c := range p {
		if !tokenByte[c] {
			return i
		}
	}
	return len(p)
}

// inspect tells whether p contains a control character other than HTAB, and
// whether all of it is ASCII. It looks at eight bytes at a time, the last eight
// overlapping those before: heads are mostly values.
func inspect(p []byte) (control, ascii bool) {
	if len(p) < 8 {
		var all byte
		for _, c := range p {
			all |= c
		}
		return controlIn(p), all < 0x80
	}
	last := binary.LittleEndian.Uint64(p[len(p)-8:])
	all, suspect := last, suspects(last)
	for rest := p; len(rest) > 8; rest = rest[8:] {
		w := binary.LittleEndian.Uint64(rest)
		all |= w
		suspect |= suspects(w)
	}
	return suspect != 0 && controlIn(p), all&highs == 0
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// suspects returns 0 if w has no byte below 0x20 and none that is 0x7f.
func suspects(w uint64) uint64 {
	del := w ^ ones*0x7f
	return ((w-ones*0x20)&^w | (del-ones)&^del) & highs
}

func controlIn(p []byte) bool {
	for _, c := range p {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

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
