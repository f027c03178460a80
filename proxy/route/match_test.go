package route

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/head"
	"github.com/apim-edge/apim-edge/rewrite"
)

// routesOf makes a snapshot of nothing but routes, written as host and prefix.
func routesOf(places ...string) *Snapshot {
	s := &Snapshot{}
	for _, p := range places {
		host, prefix, _ := strings.Cut(p, "/")
		s.Routes = append(s.Routes, &Route{Name: p, host: newHostRule(host), prefix: strings.TrimSuffix("/"+prefix, "/")})
	}
	slices.SortFunc(s.Routes, moreSpecific)
	return s
}

// matchText returns the route for a host and a path, or the code of the error.
func (s *Snapshot) matchText(host, path string) string {
	r := &head.Request{Host: []byte(host), Path: []byte(path)}
	var err error
	if r.Odd, err = rewrite.CheckPath(r.Path); err != nil {
		return edgeerr.RequestMalformed.String()
	}
	found, err := s.Match(r)
	if err != nil {
		return edgeerr.CodeOf(err).String()
	}
	return found.Name
}

func TestMatch(t *testing.T) {
	const refused, none = "request_malformed", "route_not_found"
	usual := []string{"/", "/openai", "/openai/v1"}
	for _, tc := range []struct {
		name   string
		routes []string
		path   string
		want   string
	}{
		{"the longest prefix", usual, "/openai/v1/models", "/openai/v1"},
		{"a prefix alone", usual, "/openai", "/openai"},
		{"a slash at the end", usual, "/openai/", "/openai"},
		{"no boundary of a segment", usual, "/openais/x", "/"},
		{"case counts", usual, "/OpenAI/x", "/"},
		{"the target of OPTIONS for the whole server", usual, "*", "/"},
		{"nothing", []string{"/openai"}, "/other", none},
		{"nothing, read in any way", []string{"/openai"}, "/other%2Fx", none},
		{"nothing, though another reader finds something", []string{"/openai"}, "//openai", none},

		{"an unreserved character as an escape", usual, "/%6fpenai/x", "/openai"},
		{"several of them, in both cases of hex", usual, "/%6F%70enai/%761/x", "/openai/v1"},
		{"a dot and a tilde as escapes", []string{"/", "/a.b~c"}, "/a%2Eb%7ec/x", "/a.b~c"},
		{"an escape that is no letter of the prefix", usual, "/%6epenai/x", "/"},
		{"the end of the path within the prefix", usual, "/%6fpen", "/"},
		{"an encoded letter behind the prefix", usual, "/openai%78/y", "/"},
		{"a character beyond ASCII", usual, "/openai/gr%C3%B6%C3%9Fe", "/openai"},
		{"a space in a name", usual, "/openai/a%20b/c", "/openai"},
		{"an encoded slash in the name of a model", usual, "/openai/models/org%2Fmodel", "/openai"},
		{"an encoded reserved character of a prefix", []string{"/", "/a:b"}, "/a%3Ab/x", refused},
		{"one that is sent as it is", []string{"/", "/a:b"}, "/a:b/x", "/a:b"},

		{"two slashes in front", usual, "//openai/x", refused},
		{"two slashes in between", usual, "/openai//v1/x", refused},
		{"two slashes where nothing depends on them", usual, "/openai/x//y", "/openai"},
		{"an encoded slash at the boundary", usual, "/openai%2fx", refused},
		{"an encoded slash in front", usual, "/%2Fopenai/x", refused},
		{"an encoded slash within a prefix", usual, "/openai%2Fv1/x", refused},
		{"a backslash", usual, `/openai\x`, refused},
		{"an encoded backslash", usual, "/openai%5Cx", refused},
		{"a backslash in front", usual, `/\openai/x`, refused},
		{"parameters, as of APIM's revisions", usual, "/openai;rev=2/x", refused},
		{"parameters with an encoded semicolon", usual, "/openai%3brev=2/x", refused},
		{"parameters of an empty segment", usual, "/;a=b/openai/x", refused},
		{"parameters behind the prefix", usual, "/openai/x;a=b/y", "/openai"},
		{"the end of the path within parameters", []string{"/", "/openai"}, "/%3b%2523/openai", refused},
		{"a slash within parameters", []string{"/", "/a/c"}, "/a;b%2Fd/c/x", refused},
		{"a dot at the end of a segment", usual, "/openai./x", refused},
		{"dots at the end of the path", usual, "/openai..", refused},
		{"an encoded dot at the end", usual, "/openai%2E/x", refused},
		{"a space at the end", usual, "/openai%20/x", refused},
		{"a segment of dots", usual, "/.../x", refused},
		{"a dot segment with a space", usual, "/openai/..%20/x", refused},
		{"decoded twice, a letter", usual, "/%256fpenai/x", refused},
		{"decoded twice, a slash", usual, "/openai%252fx", refused},
		{"decoded three times", usual, "/openai%25252fx", refused},
		{"decoded twice, a dot segment", usual, "/openai/%252e%252e/x", refused},
		{"decoded twice, an overlong slash", usual, "/openai%25c0%25afx", refused},
		{"decoded twice, a NUL", usual, "/openai%2500x", refused},
		{"a question mark that a second reading ends the path at", usual, "/openai%3fx", refused},
		{"a fragment likewise", usual, "/openai%23x", refused},
		{"one behind the prefix", usual, "/openai/x%3Fy%23z", "/openai"},
		{"several liberties at once", usual, `/;x//.%2fa\..`, refused},
		{"all of them on the way to a prefix", usual, `/%5c%256fpenai.;a\v1`, refused},

		{"everything where all belongs to one route", []string{"/"}, `//a;b/c%2Fd\e./%252e%252e/f%3Fg/...`, "/"},
		{"a dot segment that leads out of the only route", []string{"/openai"}, "/openai/%252e%252e/x", refused},
		{"a model below the only route", []string{"/openai"}, "/openai/models/org%2Fmodel", "/openai"},

		{"a prefix with a parameter of its own", []string{"/", "/openai", "/openai;rev=2"}, "/openai;rev=2/x", "/openai;rev=2"},
		{"an odd path below it", []string{"/", "/openai", "/openai;rev=2"}, "/openai;rev=2/a%2Fb;c", "/openai;rev=2"},
		{"another revision", []string{"/", "/openai", "/openai;rev=2"}, "/openai;rev=3/x", refused},
		{"an odd way to it", []string{"/", "/openai;rev=2"}, "//openai;rev=2/x", refused},
		{"a longer route below it", []string{"/", "/openai;rev=2", "/openai;rev=2/v1"}, "/openai;rev=2//v1", refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := routesOf(tc.routes...).matchText("edge", tc.path); got != tc.want {
				t.Errorf("routes %q, path %q: %s, want %s", tc.routes, tc.path, got, tc.want)
			}
		})
	}
}

func TestMatchHost(t *testing.T) {
	s := routesOf("/", "api.example.com/", "[::1]/", "2001:DB8:0::2/", "192.0.2.7/", "other.example.com./", "narrow.example.com/openai")
	for _, tc := range []struct{ host, want string }{
		{"api.example.com", "api.example.com/"},
		{"API.Example.com", "api.example.com/"},
		{"api.example.com:443", "api.example.com/"},
		{"api.example.com:", "api.example.com/"},
		{"api.example.com.", "api.example.com/"},
		{"api.example.com.:8443", "api.example.com/"},
		{"api.example.com..", "api.example.com/"},
		{"api.example.comx", "/"},
		{"api.example.com.evil.example", "/"},
		{"xapi.example.com", "/"},
		{"other.example.com", "other.example.com./"},
		{"[::1]", "[::1]/"},
		{"[::1]:8080", "[::1]/"},
		{"[0:0:0:0:0:0:0:1]", "[::1]/"},
		{"[::2]", "/"},
		{"[2001:db8::2]", "2001:DB8:0::2/"},
		{"[2001:0db8:0:0:0:0:0:2]:443", "2001:DB8:0::2/"},
		{"192.0.2.7:80", "192.0.2.7/"},
		{"", "/"},
	} {
		t.Run(tc.host, func(t *testing.T) {
			if got := s.matchText(tc.host, "/x"); got != tc.want {
				t.Errorf("host %q: %s, want %s", tc.host, got, tc.want)
			}
		})
	}
	// A host that has nothing but the route for all paths refuses nothing.
	for host, want := range map[string]string{"api.example.com": "api.example.com/", "edge": "/", "narrow.example.com": "request_malformed"} {
		if got := s.matchText(host, "//openai%2Fx"); got != want {
			t.Errorf("host %q, an odd path: %s, want %s", host, got, want)
		}
	}
}

// TestMatchSaysWhatIsOdd holds that the refusal says what to change.
func TestMatchSaysWhatIsOdd(t *testing.T) {
	for path, want := range map[string]string{
		"//openai/x": "two slashes in a row", "/openai%2Fx": "%2F", `/openai\x`: "backslash", "/openai;rev=2/x": ";rev=2",
		"/openai./x": "dots", "/openai%252fx": "decode twice", "/openai%3fx": "percent-encoded",
	} {
		r := &head.Request{Path: []byte(path)}
		r.Odd, _ = rewrite.CheckPath(r.Path)
		if _, err := routesOf("/", "/openai").Match(r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("path %q: %v, want %q in it", path, err, want)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	s := routesOf("/", "/openai", "api.example.com/v1")
	for _, path := range []string{"/openai/v1/chat/completions", "/%6fpenai/models/org%2Fmodel", "/x;a=b//c"} {
		r := &head.Request{Host: []byte("api.example.com."), Path: []byte(path)}
		r.Odd, _ = rewrite.CheckPath(r.Path)
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Match(r) }); n != 0 {
			t.Errorf("path %q: %v allocations, want 0", path, n)
		}
	}
}

// readers are servers that could stand behind the edge, and steps of which longer
// chains of them are made. Each is written for the test, with the standard library.
var readers = []struct {
	name string
	read func(string) string
}{
	{"merges slashes", mergeSlashes},
	{"decodes, as nginx does", decode},
	{"takes a backslash for a slash, as IIS does", func(p string) string { return strings.ReplaceAll(p, `\`, "/") }},
	{"drops parameters, as Tomcat does", dropParameters},
	{"drops dots and spaces at the end of a name, as Windows does", func(p string) string {
		return eachSegment(p, func(s string) string {
			if s == "." || s == ".." {
				return s
			}
			return strings.TrimRight(s, ". ")
		})
	}},
	{"decodes what is unreserved, as RFC 3986 says", func(p string) string {
		for c := range 0x7f {
			if s := string(rune(c)); url.PathEscape(s) == s && !strings.Contains("$&+,/:;=@", s) {
				p = strings.ReplaceAll(strings.ReplaceAll(p, fmt.Sprintf("%%%02x", c), s), fmt.Sprintf("%%%02X", c), s)
			}
		}
		return p
	}},
	{"ends a string at NUL", func(p string) string { p, _, _ = strings.Cut(p, "\x00"); return p }},
	{"ends a path at a question mark", func(p string) string { p, _, _ = strings.Cut(p, "?"); return p }},
	{"ends a path at a fragment", func(p string) string { p, _, _ = strings.Cut(p, "#"); return p }},
	{"takes an overlong slash for one", func(p string) string { return strings.ReplaceAll(p, "\xc0\xaf", "/") }},
	{"walks up", func(p string) string {
		if strings.HasPrefix(p, "/") {
			return path.Clean(p)
		}
		return p
	}},
}

func decode(p string) string {
	if d, err := url.PathUnescape(p); err == nil {
		return d
	}
	return p
}

func mergeSlashes(p string) string {
	for strings.Contains(p, "//") {
		p = strings.ReplaceAll(p, "//", "/")
	}
	return p
}

func dropParameters(p string) string {
	return eachSegment(p, func(s string) string { s, _, _ = strings.Cut(s, ";"); return s })
}

func eachSegment(p string, f func(string) string) string {
	segments := strings.Split(p, "/")
	for i := range segments {
		segments[i] = f(segments[i])
	}
	return strings.Join(segments, "/")
}

// pathParts are what a fuzzer would have to find byte by byte.
var pathParts = []string{
	"/", "//", "/openai", "openai", "/v1", "v1", "/a/b", "/x.y:z", "a", "b", ";", "%3b", ".", "..", "%2e", "%252e", " ", "%20", "%2520", `\`, "%5c", "%255c",
	"%2f", "%252f", "%25", "25", "2f", "5c", "3b", "2e", "6f", "%6f", "%256f", "%3f", "%253f", "%23", "%2523", "%2500", "%25c0%25af", "%25%63", "%c3%bc", "=",
}

// pathFromDraft makes a path: bytes from 0x80 on stand for parts.
func pathFromDraft(draft string) string {
	path := "/"
	for i, c := range []byte(draft) {
		switch {
		case c >= 0x80:
			path += pathParts[int(c&0x7f)%len(pathParts)]
		case c != '?' && (i > 0 || c != '/'): // which ends a path on the wire
			path += string(rune(c))
		}
	}
	return path
}

// FuzzMatch holds for every path and every chain of readers: the route of the path
// as the last of them reads it is the one that the edge has found, or the request
// is refused; and where one route has all paths nothing is refused.
func FuzzMatch(f *testing.F) {
	for _, p := range []string{
		"/openai/v1", "//openai", "/openai%2fv1", `/%5copenai\v1`, "/openai;a=b/v1", "/openai./v1", "/openai%20/x", "/%256fpenai", "/openai%252fx",
		"/openai/%252e%252e/x", "/openai%25c0%25afx", "/openai%2500x", "/openai%3fx", "/a;b%2fc/v1", "/%25%32%66openai", "/openai%25%32%66v1", "/...//openai", "/.;/openai", "/openai/..;x%252f..",
	} {
		for i := range readers {
			f.Add(p, []byte{byte(i), 1, byte(i), 4, 0})
		}
	}
	several, one := routesOf("/", "/openai", "/openai/v1", "/a/b", "/x.y:z"), routesOf("/")
	f.Fuzz(func(t *testing.T, draft string, chain []byte) {
		if len(chain) > 12 {
			t.Skip()
		}
		path := pathFromDraft(draft)
		got := several.matchText("edge", path)
		if all := one.matchText("edge", path); all != "/" && got != all {
			t.Fatalf("path %q: %s with one route, %s with several", path, all, got)
		}
		if got == edgeerr.RequestMalformed.String() {
			return
		}
		read := path
		for _, c := range chain {
			read = readers[int(c)%len(readers)].read(read)
		}
		if want := several.first([]byte("edge"), []byte(read), 0).Name; want != got {
			t.Errorf("path %q is on route %s, but readers %v read %q, of route %s", path, got, chain, read, want)
		}
	})
}
