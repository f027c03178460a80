package head

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/rewrite"
)

// TestAValueEndsAtItsFirstControlCharacter puts each byte at each place of values
// around the eight bytes that are looked at together, alone and behind another one.
func TestAValueEndsAtItsFirstControlCharacter(t *testing.T) {
	for length := 1; length <= 25; length++ {
		for at := range length {
			for c := range 256 {
				for _, fill := range []byte{'a', '\t', 0xe4, 0x1f} {
					value := append(bytes.Repeat([]byte{'a'}, at), bytes.Repeat([]byte{fill}, length-at)...)
					value[at] = byte(c)
					want := slices.IndexFunc(value, func(c byte) bool { return c < 0x20 && c != '\t' || c == 0x7f })
					if want < 0 {
						want = length
					}
					got, ascii := untilControl(value)
					if wantASCII := !slices.ContainsFunc(value[:want], func(c byte) bool { return c >= 0x80 }); got != want || ascii != wantASCII {
						t.Fatalf("%q: %d, ascii %v", value, got, ascii)
					}
				}
			}
		}
	}
}

// TestKindOf: names by their letters, in any case; those that are one
// of the edge's but for what stands between their letters; and all others.
func TestKindOf(t *testing.T) {
	for name, want := range map[string]kind{
		"Content-Length": kContentLength, "content-length": kContentLength, "content_length": kContentLength | kNeighbour, "Content.Length": kContentLength | kNeighbour,
		"Transfer+Encoding": kTransferEncoding | kNeighbour, "Keep_Alive": kKeepAlive | kNeighbour, "Proxy-Authorization": kHopByHop, "HTTP2_Settings": kHopByHop | kNeighbour,
		"X-Request-Id": kRequestID, "X-Request_Id": kRequestID | kNeighbour, "x~request~id": kRequestID | kNeighbour,
		"X-Forwarded-For": kForwardedFor, "X_FORWARDED_FOR": kForwardedFor | kNeighbour, "x.forwarded.proto": kForwardedProto | kNeighbour, "X-Forwarded_Host": kForwardedHost | kNeighbour,
		"X-Forwarded-Port": kProxy, "x-forwarded-client_ip": kProxy, "X_Forwarded_Anything": kProxy | kNeighbour, "X-Real-IP": kProxy, "X_Original-URL": kProxy | kNeighbour,
		"X-Apim-Edge-Error": kEdge, "X_Apim-Edge_Error": kEdge | kNeighbour, "x-apim-edge-a_b": kEdge, "X-Apim-Edge-": kOther, "X_Forwarded_": kOther, "X-Forwarded": kOther,
		"Content_Type": kOther, "User_Agent": kOther, "Access_Control_Request_Method": kOther, "apim_request_id": kOther, // nobody here sets these
		"ContentXLength": kOther, "content-length-": kOther, "Content-Lengtk": kOther, "x0forwarded0for": kOther, "api_key": kOther, "X-Stainless-Lang": kOther, "": kOther,
	} {
		if got := kindOf([]byte(name)); got != want {
			t.Errorf("kindOf(%q) = %x, want %x", name, got, want)
		}
	}
}

// TestNoKeyGoesIntoAFieldOfTheEdge: a name that ends here, or that the edge writes,
// is refused in a configuration, in its own spelling and in that of a neighbour.
func TestNoKeyGoesIntoAFieldOfTheEdge(t *testing.T) {
	for name, k := range names {
		switch k {
		case kUserAgent, kVary, kAPIMRequestID, kLogin, kMaxForwards, kDate:
			continue // odd, but it would work
		}
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ReplaceAll(name, "-", "_")} {
			if _, err := rewrite.NewPolicy(rewrite.Options{Header: spelling}); err == nil {
				t.Errorf("header: %s is accepted", spelling)
			}
		}
	}
}

// TestManyBytesAtATimeAreJudgedAsOneByOne puts each byte at each place of texts of each length,
// between bytes that a carry or a borrow could make of it.
func TestManyBytesAtATimeAreJudgedAsOneByOne(t *testing.T) {
	one := func(p []byte, is func(c byte) bool) (n int) {
		for n < len(p) && is(p[n]) {
			n++
		}
		return n
	}
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				for _, beside := range []byte{'a', '!', '~', ' ', 0xff} {
					p := bytes.Repeat([]byte{beside}, size)
					p[at] = byte(c)
					if got, want := visible(p), one(p, func(c byte) bool { return c > 0x20 && c < 0x7f }) == size; got != want {
						t.Fatalf("visible(%q) = %v", p, got)
					}
					if got, want := tokenLen(p), one(p, func(c byte) bool { return tokenByte[c] }); got != want {
						t.Fatalf("tokenLen(%q) = %d, want %d", p, got, want)
					}
					before, ascii := untilControl(p)
					want := one(p, func(c byte) bool { return !isControl(c) })
					if before != want || ascii != (one(p[:want], func(c byte) bool { return c < 0x80 }) == want) {
						t.Fatalf("untilControl(%q) = %d, %v", p, before, ascii)
					}
				}
			}
		}
	}
}

// TestANameIsKnownAtAGlanceForWhatItIs holds that who looks at eight letters at a time comes to
// what comes of looking at each, and takes no other name for one that it knows.
func TestANameIsKnownAtAGlanceForWhatItIs(t *testing.T) {
	all := slices.Concat(slices.Collect(maps.Keys(names)), plain)
	for _, name := range all {
		line := []byte(name + ":\r\n\r\n\r\n")
		k, known := usualKind(line, len(name))
		if want := len(name) <= longestUsual; known != want {
			t.Errorf("%s is known at a glance: %v, want %v", name, known, want)
		}
		if known && k != kindOf([]byte(name)) {
			t.Errorf("%s is of kind %d, want %d", name, k, kindOf([]byte(name)))
		}
		for i := range name {
			for _, c := range []byte("\x00\t :aZ-_\xff") {
				other := []byte(name)
				other[i] = c
				if _, known := usualKind(append(other, ":\r\n\r\n\r\n"...), len(other)); known && !slices.Contains(all, string(other)) {
					t.Errorf("%q is taken for a name that is known", other)
				}
			}
		}
		for cut := 1; cut < len(name); cut++ { // a colon within it, which the name then ends with
			if k, known := usualKind(line, cut); known && k != kindOf(line[:cut]) {
				t.Errorf("%s is of kind %d, want %d", name[:cut], k, kindOf(line[:cut]))
			}
		}
	}
}
