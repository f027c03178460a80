package corsx

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rs/cors"
	"pgregory.net/rapid"
)

// The oracle is the library as its users run it: under net/http, with options
// written down here by hand and not taken from the code under test.
//
// Where this package differs from the oracle on purpose:
//
//  1. Nobody is allowed by an empty list of origins; the library allows all.
//     An edge in front of a paid API is closed until its owner opens it.
//  2. An Origin that no browser sends is refused unless every origin is
//     allowed. The library matches a wildcard by what stands before and after
//     it, and echoes what lies between.
//  3. Names in Access-Control-Request-Headers may be in any case, any order,
//     with spaces and more than once. The library wants them as browsers send
//     them, so that checks by hand fail without a reason.
//  4. A list of more than 64 names or 4096 bytes, or with a member that is no
//     field name, is refused, also where "*" allows every name: the library
//     would echo it.
//  5. An empty Access-Control-Request-Method is refused. To the library such a
//     request is no preflight; here IsPreflight has said that it is one.
//  6. Response fields of a family are exposed by name, and Vary is merged with
//     upstream's. The library does not look at the response.
//  7. A page of an allowed origin that asks for a method or a field which is not
//     listed is told what is. From the library it hears nothing, and its browser
//     then complains about the origin.
const (
	exactOrigin  = "https://chat.example.com"
	otherOrigin  = "http://localhost:3000"
	unknown      = "https://evil.example.net"
	sdkPreflight = "authorization,content-type,x-stainless-arch,x-stainless-lang,x-stainless-os,x-stainless-package-version,x-stainless-retry-count,x-stainless-runtime,x-stainless-runtime-version"
)

// oracles are pairs of options that must behave alike.
var oracles = map[string]struct {
	ours   Options
	theirs cors.Options
}{
	"exact origins": {
		Options{AllowedOrigins: []string{exactOrigin, otherOrigin}},
		cors.Options{AllowedOrigins: []string{exactOrigin, otherOrigin}, MaxAge: 600},
	},
	"wildcard origins, credentials, private network": {
		Options{AllowedOrigins: []string{"https://*.example.com", "http://localhost:*", "app://-", "app://*.x"}, AllowCredentials: true, AllowPrivateNetwork: true, MaxAge: -1},
		cors.Options{AllowedOrigins: []string{"https://*.example.com", "http://localhost:*", "app://-", "app://*.x"}, AllowCredentials: true, AllowPrivateNetwork: true, MaxAge: -1},
	},
	"every origin and field": {
		Options{AllowedOrigins: []string{"*"}, AllowedHeaders: []string{"*"}, MaxAge: 5e9},
		cors.Options{AllowedOrigins: []string{"*"}, AllowedHeaders: []string{"*"}, MaxAge: 5},
	},
	"few methods, null origin, own fields": {
		Options{AllowedOrigins: []string{"null", exactOrigin}, AllowedMethods: []string{"GET", "POST"}, AllowedHeaders: []string{"X-Team"}, ExposedHeaders: []string{"X-Cost"}},
		cors.Options{AllowedOrigins: []string{"null", exactOrigin}, AllowedMethods: []string{"GET", "POST"}, AllowedHeaders: []string{"X-Team"}, ExposedHeaders: []string{"X-Cost"}, MaxAge: 600},
	},
}

type pair struct {
	policy          *Policy
	oracle          http.Handler
	any             bool
	methods, fields []string
}

func newPair(tb testing.TB, name string) pair {
	o := oracles[name]
	theirs := o.theirs
	if theirs.AllowedMethods == nil {
		theirs.AllowedMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	}
	theirs.AllowedHeaders = append(slices.Clone(sdkRequestFields), theirs.AllowedHeaders...)
	theirs.ExposedHeaders = append(slices.Clone(sdkResponseFields), theirs.ExposedHeaders...)
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	fields := strings.Split(strings.ToLower(strings.Join(theirs.AllowedHeaders, "\n")), "\n")
	slices.Sort(fields)
	return pair{mustNew(tb, o.ours), cors.New(theirs).Handler(nothing), theirs.AllowedOrigins[0] == "*", theirs.AllowedMethods, fields}
}

// ask returns the fields that the oracle puts into its answer.
func (p pair) ask(method string, fields http.Header) http.Header {
	r := httptest.NewRequest("GET", "/openai/v1/chat/completions", nil)
	r.Method, r.Header = method, fields
	w := httptest.NewRecorder()
	p.oracle.ServeHTTP(w, r)
	return w.Header()
}

func (p pair) comparePreflight(t tester, r PreflightRequest) {
	t.Helper()
	fields := http.Header{}
	set := func(name, value string) {
		if value != "" {
			fields.Set(name, value)
		}
	}
	set("Origin", string(r.Origin))
	set("Access-Control-Request-Method", string(r.Method))
	names, fits := asBrowsersSend(string(r.Headers)) // difference 3
	set("Access-Control-Request-Headers", names)
	if r.PrivateNetwork {
		set("Access-Control-Request-Private-Network", "true")
	}
	want := p.ask("OPTIONS", fields)
	refused := (!p.any && !fromBrowser(string(r.Origin))) || !fits || len(r.Method) == 0 // 2, 4, 5
	if refused {
		want = http.Header{"Vary": p.ask("OPTIONS", http.Header{"Access-Control-Request-Method": {"GET"}})["Vary"]}
	}
	_, ok := want["Access-Control-Allow-Origin"]
	if !ok && (p.any || fromBrowser(string(r.Origin))) {
		p.offer(want, r, fits)
	}
	out, allowed, cause := p.policy.Preflight(nil, r)
	if got := parse(t, out); !reflect.DeepEqual(got, want) {
		t.Fatalf("Preflight(%q, %q, %q, %v)\n got  %v\n want %v", r.Origin, r.Method, r.Headers, r.PrivateNetwork, got, want)
	}
	if allowed != ok || allowed != (cause == "") {
		t.Fatalf("Preflight(%q, %q, %q): allowed %v, cause %q, want allowed %v", r.Origin, r.Method, r.Headers, allowed, cause, ok)
	}
}

// offer adds to a refusal what difference 7 says. A method that browsers send
// whatever they are told is refused without a word, and so is what is none.
func (p pair) offer(want http.Header, r PreflightRequest, fits bool) {
	method := string(r.Method)
	listed := method == "OPTIONS" || slices.Contains(p.methods, method)
	if listed && !fits || !listed && (!nameRe.MatchString(method) || slices.Contains([]string{"GET", "HEAD", "POST"}, method)) {
		return
	}
	answer := p.ask("OPTIONS", http.Header{"Origin": {string(r.Origin)}})
	if answer.Get("Access-Control-Allow-Origin") == "" {
		return
	}
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		if v := answer.Get(name); v != "" {
			want.Set(name, v)
		}
	}
	want.Set("Access-Control-Allow-Methods", strings.Join(p.methods, ", "))
	want.Set("Access-Control-Allow-Headers", strings.Join(p.fields, ", "))
}

func (p pair) compareResponse(t tester, method, origin string) {
	t.Helper()
	fields := http.Header{}
	if origin != "" {
		fields.Set("Origin", origin)
	}
	want := p.ask(method, fields)
	if !p.any && !fromBrowser(origin) { // 2
		want = http.Header{"Vary": {"Origin"}}
	}
	for range 2 { // asked, then remembered
		out, allowed := p.policy.AppendResponse(nil, []byte(method), []byte(origin), nil)
		out = p.policy.AppendVary(out, nil)
		if got := parse(t, out); !reflect.DeepEqual(got, want) {
			t.Fatalf("AppendResponse(%q, %q)\n got  %v\n want %v", method, origin, got, want)
		}
		if _, ok := want["Access-Control-Allow-Origin"]; allowed != ok {
			t.Fatalf("AppendResponse(%q, %q): allowed %v, want %v", method, origin, allowed, ok)
		}
	}
}

func TestTheAnswersAreThoseOfTheLibraryUnderNetHTTP(t *testing.T) {
	origins := []string{
		exactOrigin, otherOrigin, unknown, "", "null", "HTTPS://CHAT.example.com", "https://a.b.example.com",
		"https://.example.com", "https://example.com", "http://localhost:", "http://localhost:80:90", "http://[::1]:3000",
		"app://-", "app://.", "app://", "app://..x", "app://a/.x", "app://-:", "APP://-", "HTTPS://..example.com",
		"https://evil.test/.example.com", "https://evil.test:1.example.com", "*", "https://chat.example.com, https://chat.example.com",
	}
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "post", "PURGE", "CONNECT", ""}
	headers := []string{
		"", sdkPreflight, "authorization", "Authorization", "content-type, authorization", "content-type,authorization,content-type",
		"x-team", "X-TEAM", "x-unknown", ",,,authorization,,", strings.Repeat(",", 40) + "api-key", "api key", "x\x00y",
		strings.Repeat("accept,", 65), strings.Repeat("x", maxNameBytes+1),
	}
	for name := range oracles {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			for _, origin := range origins {
				for _, method := range methods {
					p.compareResponse(t, method, origin)
					for _, h := range headers {
						p.comparePreflight(t, PreflightRequest{[]byte(origin), []byte(method), []byte(h), len(h)%2 == 0})
					}
				}
			}
		})
	}
}

func TestTheAnswersAreThoseOfTheLibraryForDrawnRequests(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(oracles)) {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, name)
			rapid.Check(t, func(t *rapid.T) {
				origin := drawOrigin.Draw(t, "origin")
				method := drawMethod.Draw(t, "method")
				names := rapid.SliceOfN(drawName, 0, 70).Draw(t, "names")
				private := rapid.Bool().Draw(t, "private network")
				p.compareResponse(t, method, origin)
				p.comparePreflight(t, PreflightRequest{[]byte(origin), []byte(method), []byte(strings.Join(names, ",")), private})
			})
		})
	}
}

var (
	drawOrigin = rapid.Custom(func(t *rapid.T) string {
		whole := rapid.SampledFrom([]string{exactOrigin, otherOrigin, unknown, "null", "https://x.example.com", "app://-", "app://y.x", ""}).Draw(t, "whole")
		if rapid.Bool().Draw(t, "as it is") {
			return whole
		}
		cut := rapid.IntRange(0, len(whole)).Draw(t, "cut")
		return whole[:cut] + rapid.StringMatching(`[a-zA-Z0-9.:/@*\-]{0,6}`).Draw(t, "inserted") + whole[cut:]
	})
	drawMethod = rapid.OneOf(
		rapid.SampledFrom([]string{"GET", "POST", "DELETE", "PATCH", "OPTIONS", ""}),
		rapid.StringMatching(`[A-Za-z!-]{1,8}`))
	drawName = rapid.OneOf(
		rapid.SampledFrom(sdkRequestFields),
		rapid.SampledFrom([]string{"x-team", "X-Team", " Authorization", "api-key\t", "", " "}),
		rapid.StringMatching(`[a-zA-Z\-; ]{1,10}`))
)

// Each intended difference is a real one: the oracle answers otherwise.
func TestEachListedDifferenceIsReal(t *testing.T) {
	preflight := func(p pair, origin, method, names string) (ours, theirs bool) {
		_, ours, _ = p.policy.Preflight(nil, PreflightRequest{Origin: []byte(origin), Method: []byte(method), Headers: []byte(names)})
		answer := p.ask("OPTIONS", http.Header{
			"Origin": {origin}, "Access-Control-Request-Method": {method}, "Access-Control-Request-Headers": {names}})
		return ours, answer.Get("Access-Control-Allow-Origin") != ""
	}
	for _, tc := range []struct {
		name, options, origin, method, headers string
		ours, theirs                           bool
	}{
		{"2: text between the ends of a wildcard", "wildcard origins, credentials, private network", "https://evil.test/.example.com", "POST", "", false, true},
		{"3: upper case", "exact origins", exactOrigin, "POST", "Authorization", true, false},
		{"3: no order", "exact origins", exactOrigin, "POST", "content-type,authorization", true, false},
		{"3: wide spaces", "exact origins", exactOrigin, "POST", "authorization,   content-type", true, false},
		{"3: a name twice", "exact origins", exactOrigin, "POST", "api-key,api-key", true, false},
		{"4: a member that is no name", "every origin and field", exactOrigin, "POST", "a b", false, true},
		{"4: too many names", "every origin and field", exactOrigin, "POST", strings.Repeat("a,", 65), false, true},
		{"5: no method", "exact origins", exactOrigin, "", "", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := preflight(newPair(t, tc.options), tc.origin, tc.method, tc.headers)
			if ours != tc.ours || theirs != tc.theirs {
				t.Errorf("ours %v, library %v; want %v and %v", ours, theirs, tc.ours, tc.theirs)
			}
		})
	}
	t.Run("1: no origin listed", func(t *testing.T) {
		library := cors.New(cors.Options{}).Handler(http.NotFoundHandler())
		p := pair{policy: mustNew(t, Options{}), oracle: library}
		if ours, theirs := preflight(p, exactOrigin, "GET", ""); ours || !theirs {
			t.Errorf("ours %v, library %v; want false and true", ours, theirs)
		}
	})
}

var nameRe = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// asBrowsersSend is written for the test and for clarity, not for speed.
func asBrowsersSend(list string) (names string, fits bool) {
	if len(list) > 4096 {
		return "", false
	}
	var out []string
	for _, n := range strings.Split(list, ",") {
		n = strings.Trim(n, " \t")
		if n == "" {
			continue
		}
		if !nameRe.MatchString(n) {
			return "", false
		}
		out = append(out, strings.ToLower(n))
	}
	if len(out) > 64 {
		return "", false
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ","), true
}

var (
	originRe = regexp.MustCompile(`^[0-9A-Za-z+.-]+://([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Za-z:.]+\])(:[0-9]+)?$`)
	webRe    = regexp.MustCompile(`(?i)^https?://`)
	appRe    = regexp.MustCompile(`^[0-9A-Za-z+.-]+://([0-9A-Za-z_.~-]+(:[0-9]+)?)?$`)
)

// fromBrowser states difference 2 a second time.
func fromBrowser(origin string) bool {
	if origin == "null" {
		return true
	}
	at := strings.LastIndexByte(origin, ':') + 1
	port := origin[at:]
	if strings.HasPrefix(port, "//") || strings.HasSuffix(port, "]") {
		port = ""
	}
	fits := originRe.MatchString(origin) || !webRe.MatchString(origin) && appRe.MatchString(origin)
	return len(origin) <= 512 && fits && (port == "" || fitsPort(port))
}

func fitsPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n < 1<<16
}

type tester interface {
	Helper()
	Fatalf(string, ...any)
}

// parse reads field lines as a client would.
func parse(t tester, lines []byte) http.Header {
	t.Helper()
	fields := http.Header{}
	for _, line := range strings.SplitAfter(string(lines), "\r\n") {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": ")
		if !ok || !strings.HasSuffix(line, "\r\n") || strings.ContainsAny(name+value, "\r\n\x00") {
			t.Fatalf("%q is no field line", line)
		}
		fields.Add(textproto.CanonicalMIMEHeaderKey(name), value)
	}
	return fields
}

func mustNew(tb testing.TB, o Options) *Policy {
	tb.Helper()
	p, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
