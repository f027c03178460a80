package rewrite

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzDecide checks the properties of TestEveryCombination for any head.
func FuzzDecide(f *testing.F) {
	for i := range policies {
		f.Add("Host: edge\nAuthorization: Bearer "+key+"\nAccept: */*", byte(i))
		f.Add("authorization: Bearer Bearer "+token+"\napi-key: Bearer "+key+"\n?a&subscription-key=x%20y", byte(i))
		f.Add("api-key: a b\nOcp-Apim-Subscription-Key: "+jwe, byte(i))
		f.Add("api-key: Bearer\nauthorization: bearer bearer bearer", byte(i))
		f.Add("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key."+key+"\nauthorization: Bearer "+token+"\napi_key: x", byte(i))
		f.Add("sec-websocket-protocol: openai-insecure-api-key."+token+" ,x\nsec-websocket-protocol: y\n?subscription-key=EMPTY", byte(i))
		f.Add("api-key: "+token+"\n?subscription-key=Bearer+"+key+"&SUBSCRIPTION%2dKEY=", byte(i))
	}
	compiled := make([]*Policy, len(policies))
	for i, o := range policies {
		compiled[i] = mustPolicy(f, o)
	}
	f.Fuzz(func(t *testing.T, head string, which byte) {
		p := compiled[int(which)%len(compiled)]
		if err := checkProperties(p, head); err != nil {
			t.Errorf("policy %+v\nhead:\n%q\n%v", policies[int(which)%len(compiled)], head, err)
		}
	})
}

// FuzzHasAlg: the verdict on a JOSE header is that of encoding/json.
func FuzzHasAlg(f *testing.F) {
	for _, header := range tokenHeaders {
		f.Add([]byte(header))
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		var members map[string]any
		_ = json.Unmarshal(header, &members) // 1e999 is valid JSON, but an error here
		_, want := members["alg"].(string)
		want = want && json.Valid(header)
		if got := hasAlg(header); got != want {
			t.Errorf("hasAlg(%q) = %v, encoding/json says %v", header, got, want)
		}
		bare := base64.RawURLEncoding.EncodeToString(header)
		padded := base64.URLEncoding.EncodeToString(header)
		for _, value := range []string{bare + "..", padded + ".a.b", bare + ".a.b.c.d"} {
			if got := isToken([]byte(value)); got != want {
				t.Errorf("isToken(%q) = %v, encoding/json says %v of %q", value, got, want, header)
			}
		}
	})
}

// FuzzIsToken: the shape of the whole value.
func FuzzIsToken(f *testing.F) {
	for _, value := range []string{token, jwe, key, "a.b.c", "....", "e30=.a.b", "e30=a.b.c", "eyJhbGciOiIifQ=.a.b", "eyJhbGciOiIifQ.a.b"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		parts := strings.Split(value, ".")
		want := len(parts) == 3 || len(parts) == 5
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		if strings.HasSuffix(parts[0], "=") {
			header, err = base64.URLEncoding.DecodeString(parts[0])
		}
		want = want && err == nil && hasAlg(header)
		if got := isToken([]byte(value)); got != want {
			t.Errorf("isToken(%q) = %v, want %v", value, got, want)
		}
	})
}

// FuzzScan: eight bytes at a time find what one at a time finds.
func FuzzScan(f *testing.F) {
	f.Add([]byte("0123456789abcdef\x7f"))
	f.Add([]byte("0123\x7f567"))
	f.Add([]byte("01234567 89abcde\t\x80"))
	f.Add([]byte("\x01!!!!!!!\x20!!!!!!!"))
	f.Fuzz(func(t *testing.T, value []byte) {
		if got, want := scan(value), scanBytes(value); got != want {
			t.Errorf("scan(%q) = %b, want %b", value, got, want)
		}
	})
}

// governedParameter is a second reading of what a policy's parameter is.
func governedParameter(parameter string, names ...string) bool {
	name, _, _ := strings.Cut(parameter, "=")
	plain, err := url.PathUnescape(name)
	return err == nil && slices.ContainsFunc(names, func(known string) bool { return lowerASCII(plain) == lowerASCII(known) })
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lowerByte(b[i])
	}
	return string(b)
}

// FuzzAppendQuery: governed parameters go, everything else stays byte for byte.
func FuzzAppendQuery(f *testing.F) {
	for _, query := range []string{"", "&", "&&a", "subscription-key", "a=1&subscription-key=k&b=2", "%53ubscription-Key=k&", "sub%zz&a=%", "api-key=k&api-version=1",
		"subscription-key=a&subscription-key=b"} {
		f.Add(query)
	}
	p := mustPolicy(f, Options{QueryAliases: []string{"subscription-key", "Api-Key"}})
	f.Fuzz(func(t *testing.T, query string) {
		parameters := strings.Split(query, "&")
		kept := slices.DeleteFunc(slices.Clone(parameters), func(parameter string) bool {
			return governedParameter(parameter, "subscription-key", "api-key")
		})
		out, changed := p.AppendQuery([]byte("/path?"), []byte(query))
		if want := "/path?" + strings.Join(kept, "&"); string(out) != want || changed != (len(kept) < len(parameters)) {
			t.Errorf("AppendQuery(%q) = %q, %v; want %q", query, out, changed, want)
		}
		if d := p.Decide(nil, []byte(query)); d.Notes.Has(QueryKey) != changed {
			t.Errorf("query %q: changed %v, but notes %s", query, changed, d.Notes)
		}
	})
}

// FuzzAppendRedactedQuery: wherever a secret parameter stands, however its name
// is spelled and whatever follows, its value does not come out.
func FuzzAppendRedactedQuery(f *testing.F) {
	const secret = "S3cr3tV4lu3"
	f.Add("", byte(0), uint64(0), "")
	f.Add("a=1&", byte(1), uint64(5), "&b=2")
	f.Add("a=1;", byte(2), ^uint64(0), ";token=x&c")
	f.Add("?code=", byte(5), uint64(1), "=;?&")
	f.Add("key", byte(7), uint64(2), "%")
	p := mustPolicy(f, Options{Header: "X-Custom-Key", QueryAliases: []string{"custom.param"}})
	names := []string{"x-custom-key", "custom.param", "subscription_key", "x-amz-security-token"}
	for _, word := range secretWords {
		names = append(names, strings.ReplaceAll(word, "*", ""), strings.ReplaceAll(word, "*", "x"), "a-"+strings.ReplaceAll(word, "*", ""))
	}
	f.Fuzz(func(t *testing.T, before string, which byte, spelling uint64, after string) {
		if strings.Contains(before+after, secret) {
			return
		}
		if before != "" && !strings.HasSuffix(before, "&") && !strings.HasSuffix(before, ";") && !strings.HasSuffix(before, "?") {
			before += "&"
		}
		name := spell(names[int(which)%len(names)], spelling)
		query := before + name + "=" + secret + after
		out := string(p.AppendRedactedQuery(nil, []byte(query)))
		if strings.Contains(out, secret) {
			t.Errorf("AppendRedactedQuery(%q) = %q leaks", query, out)
		}
		if got, want := strings.Count(out, "&"), strings.Count(query, "&"); got != want {
			t.Errorf("AppendRedactedQuery(%q) = %q: %d separators, want %d", query, out, got, want)
		}
		if again := string(p.AppendRedactedQuery(nil, []byte(out))); again != out {
			t.Errorf("AppendRedactedQuery(%q) = %q, a second time", out, again)
		}
	})
}

// FuzzAppendRedactedPath: a key behind a segment that names it, a token and a named
// value do not come out, whatever stands around them and however it is spelled.
func FuzzAppendRedactedPath(f *testing.F) {
	const secret = "S3cr3tV4lu3"
	f.Add("", byte(0), uint64(0), "")
	f.Add("/a", byte(1), uint64(5), "/b")
	f.Add("/%2f", byte(2), ^uint64(0), "%2f;x")
	f.Add("/a.b.", byte(3), uint64(9), ".c")
	f.Fuzz(func(t *testing.T, before string, which byte, spelling uint64, after string) {
		if strings.Contains(before+after, secret) || strings.HasSuffix(before, "%") || len(before) > 1 && before[len(before)-2] == '%' {
			return
		}
		path := before + []string{
			"/" + spell("api-key", spelling) + "/" + secret + "-0123456789",
			"%2F" + spell("token", spelling) + "%5C" + secret + "-0123456789",
			"/a;" + spell("sig", spelling) + "=" + secret,
			"/" + token + "." + secret,
			"/x%3F" + spell("subscription-key", spelling) + "%3D" + secret,
		}[int(which)%5] + after
		var p *Policy
		out := string(p.AppendRedactedPath(nil, []byte(path)))
		if strings.Contains(out, secret) {
			t.Errorf("AppendRedactedPath(%q) = %q leaks", path, out)
		}
		if again := string(p.AppendRedactedPath(nil, []byte(out))); again != out {
			t.Errorf("AppendRedactedPath(%q) = %q, a second time", out, again)
		}
	})
}

// spell writes a name with some letters in upper case and some as escapes.
func spell(name string, spelling uint64) string {
	var out strings.Builder
	for i := range len(name) {
		switch spelling >> (2 * i % 64) & 3 {
		case 1:
			out.WriteString(strings.ToUpper(name[i : i+1]))
		case 2:
			out.WriteByte('%')
			out.WriteString(strings.ToUpper(string("0123456789abcdef"[name[i]>>4])))
			out.WriteByte("0123456789abcdef"[name[i]&15])
		default:
			out.WriteByte(name[i])
		}
	}
	return out.String()
}

// FuzzCheckPath: the verdict is that of a second reading, and an accepted path
// keeps its segments however it is decoded and cleaned.
func FuzzCheckPath(f *testing.F) {
	for _, tc := range pathCases {
		f.Add([]byte(tc.path))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, got := CheckPath(raw)
		if want := readPath(string(raw)); (got == nil) != want {
			t.Fatalf("CheckPath(%q) = %v, a second reading accepts: %v", raw, got, want)
		}
		if got != nil {
			return
		}
		decoded, err := url.PathUnescape(string(raw))
		if err != nil {
			t.Fatalf("CheckPath accepts %q, which net/url refuses: %v", raw, err)
		}
		for _, reading := range []string{string(raw), decoded, strings.ReplaceAll(string(raw), `\`, "/"), strings.ReplaceAll(decoded, `\`, "/")} {
			if before, after := segments(reading), segments(path.Clean("/"+reading)); before != after {
				t.Errorf("CheckPath accepts %q; read as %q it has %d segments, cleaned %d", raw, reading, before, after)
			}
		}
	})
}

// readPath says the same as CheckPath with the standard library and no state.
func readPath(raw string) bool {
	decoded, err := url.PathUnescape(raw)
	if err != nil || strings.ContainsAny(raw, "# ") || !utf8.ValidString(decoded) {
		return false
	}
	for i := range len(raw) {
		if raw[i] > 0x7f {
			return false
		}
	}
	for i := range len(decoded) {
		if c := decoded[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(decoded, `\`, "/"), "/") {
		if name, _, _ := strings.Cut(segment, ";"); name == "." || name == ".." {
			return false
		}
	}
	return true
}

func segments(path string) int {
	n := 0
	for segment := range bytes.SplitSeq([]byte(path), []byte("/")) {
		if len(segment) > 0 {
			n++
		}
	}
	return n
}
