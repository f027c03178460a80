package doctor

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	testKey   = "0123456789abcdef0123456789abcdef"
	testToken = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ0ZXN0In0.c2ln"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// legacy starts a look-alike and returns its URL.
func legacy(t *testing.T, o lookalike.Options) string {
	t.Helper()
	s := lookalike.New(o)
	u, err := s.Start("127.0.0.1:0")
	testkit.Must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return u
}

// ask examines the API at a URL with the test's key.
func ask(t *testing.T, u string, with func(*Options)) Examination {
	t.Helper()
	conf, err := config.Load(config.Options{Upstream: u})
	testkit.Must(t, err)
	targets, err := Targets(conf, nil, false)
	testkit.Must(t, err)
	o := Options{
		Key: secret.New(testKey), APIVersion: "2024-10-21", Origin: "https://chat.example.com", Timeout: time.Minute,
		Agent: "test", Progress: func(string) {},
	}
	if with != nil {
		with(&o)
	}
	return Examine(context.Background(), targets, o).Examined[0]
}

// finding returns the first finding about something of a kind, as text.
func (e *Examination) finding(kind Kind, about string) string {
	for _, f := range e.Findings {
		if f.Kind == kind && f.About == about {
			return f.Text
		}
	}
	return ""
}

// TestEachRefusalIsExplained: a good key, and an API that turns each request away.
func TestEachRefusalIsExplained(t *testing.T) {
	all := map[string]struct {
		about, text string
		none        bool
	}{
		"application-credentials": {"key", "a token of a client application", false},
		"invalid-key":             {"key", "unknown, suspended or expired", false},
		"jwt-missing":             {"", "", true},
		"jwt-invalid":             {"", "", true},
		"quota":                   {"key", "the quota of the subscription is used up", false},
		"ip-filter":               {"key", "an ip-filter policy", false},
		"rate-limit":              {"key", "a rate-limit policy", false},
		"token-limit":             {"key", "a token-limit policy", false},
		"policy-error":            {"key", "an expression or policy failed", false},
		"pool":                    {"key", "every member of API Management's backend pool", false},
		"service-key":             {"key", "the model's resource refused the key", true},
		"audience":                {"key", "found no token, or one that has expired", true},
		"role":                    {"key", "lacks a role", true},
		"keys-disabled":           {"key", "the service takes tokens only", true},
		"firewall":                {"key", "refuses the network", false},
		"private":                 {"key", "refuses the network", false},
		"no-resource":             {"service", "the service knows no such path", false},
		"no-deployment":           {"", "", false},
		"api-version":             {"service", "a request in the v1 shape has reached a legacy path", false},
		"old-version":             {"service", "needs a later api-version", false},
		"operation":               {"service", "the model does not have this operation", false},
		"data-type":               {"service", "the body does not fit", false},
		"content-filter":          {"", "", false},
		"timeout":                 {"service", "the model took too long", false},
		"busy":                    {"service", "capacity that customers share", false},
		"deployment-429":          {"service", "the quota of the deployment is used up", false},
		"page":                    {"network", "a page came instead", true},
		"login":                   {"network", "wants a login", true},
	}
	for _, name := range lookalike.Refusals() {
		want, there := all[name]
		if !there {
			t.Errorf("nothing is wanted of %s", name)
		}
		t.Run(name, func(t *testing.T) {
			e := ask(t, legacy(t, lookalike.Options{PrimaryKey: testKey, Refuse: name}), nil)
			if got := e.finding(Problem, want.about); !strings.Contains(got, want.text) {
				t.Errorf("the problem about %q is %q, want %q; all: %+v", want.about, got, want.text, e.Findings)
			}
			if (e.WhyNone != "") != want.none || (e.Configuration == "") != want.none {
				t.Errorf("none because %q, configuration %q", e.WhyNone, e.Configuration)
			}
			if problem := want.about != ""; problem == (&Report{[]Examination{e}}).Healthy() {
				t.Errorf("healthy: %v; all: %+v", !problem, e.Findings)
			}
		})
	}
}

// TestThereIsNoSecretInAReport: an upstream repeats whatever it is sent, whole and in
// part, in every place that is shown.
func TestThereIsNoSecretInAReport(t *testing.T) {
	for _, u := range []string{echo(t, 401), echo(t, 400), echo(t, 200), echo(t, 302)} {
		e := ask(t, u, func(o *Options) { o.Token = secret.New(testToken) })
		text, err := json.Marshal(e)
		testkit.Must(t, err)
		var out strings.Builder
		Printer{Out: &out}.Print(Report{[]Examination{e}})
		for _, part := range []string{testKey, testToken, testKey[:window], testKey[len(testKey)-window:], "eyJhbGciOiJSUzI1NiJ9", "c2ln"} {
			if strings.Contains(string(text), part) || strings.Contains(out.String(), part) {
				t.Errorf("%s: %q is shown in\n%s\n%s", u, part, text, out.String())
			}
		}
	}
}

// TestAKeyThatIsFoundNowhere: no configuration is made up.
func TestAKeyThatIsFoundNowhere(t *testing.T) {
	e := ask(t, inQueryAlone(t, "subscription-key"), nil)
	if e.finding(Problem, "key") != "the key is found in the query alone" || e.Configuration != "" || !strings.Contains(e.WhyNone, "never puts a key into a URL") {
		t.Errorf("in the query: %+v, none: %q", e.Findings, e.WhyNone)
	}
	last := e.Answers[len(e.Answers)-3] // pages are asked behind it
	if last.Path != "/openai/v1/chat/completions?subscription-key=***" && !strings.HasSuffix(last.Path, "***") {
		t.Errorf("the path is shown as %q", last.Path)
	}
	e = ask(t, inQueryAlone(t, "another"), nil)
	if got := e.finding(Problem, "key"); !strings.HasPrefix(got, "the key was not seen in any place that was tried") || e.Configuration != "" {
		t.Errorf("nowhere: %+v", e.Findings)
	}
}

// TestOwnWords: an operator has rewritten what API Management says.
func TestOwnWords(t *testing.T) {
	for _, tc := range []struct {
		name, field, challenge, want string
		way                          Way
	}{
		{"no challenge", "api-key", "", "api-key", ByClients},
		{"no challenge, another field", "Ocp-Apim-Subscription-Key", "", "Ocp-Apim-Subscription-Key", ByClients},
		{"no challenge, Authorization", "Authorization", "", "Authorization", Renamed},
		{"a challenge", "x-own", `AzureApiManagementKey realm="x",name="x-own",type="header"`, "x-own", ByClients},
		{"in a field that nobody names", "x-secret-name", "", "", Unclear},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := ask(t, rude(t, tc.field, tc.challenge), nil)
			if e.KeyField != tc.want || e.Way != tc.way || (e.Configuration == "") != (tc.way == Unclear) {
				t.Errorf("%s in %q, want %s in %q; all: %+v", e.Way, e.KeyField, tc.way, tc.want, e.Findings)
			}
		})
	}
}

// TestThroughAForwardProxy: nobody here looks the name up, and TLS shows all the same.
func TestThroughAForwardProxy(t *testing.T) {
	cert := testcert.Temp(t, "legacy.test")
	up, err := url.Parse(legacy(t, lookalike.Options{PrimaryKey: testKey, TLS: cert.Server()}))
	testkit.Must(t, err)
	targets, err := Targets(config.Config{
		Upstreams: map[string]config.Upstream{"legacy": {URL: "https://legacy.test", Proxy: connectProxy(t, up.Host), TLS: config.UpstreamTLS{CAFile: cert.CertFile}}},
		Routes:    map[string]config.Route{"openai": {PathPrefix: "/", Upstream: "legacy"}},
	}, nil, false)
	testkit.Must(t, err)
	o := Options{Key: secret.New(testKey), Timeout: time.Minute, Progress: func(string) {}, Origin: "https://chat.example.com"}
	e := Examine(context.Background(), targets, o).Examined[0]
	if e.Network.Proxy == "" || len(e.Network.Addresses) > 0 || e.Network.TLS == nil || e.KeyField != "api-key" {
		t.Errorf("network %+v, key in %q; all: %+v", e.Network, e.KeyField, e.Findings)
	}
}

// TestStreams: what tells is in how many pieces the events come, and not when.
func TestStreams(t *testing.T) {
	for _, tc := range []struct {
		name   string
		opt    lookalike.Options
		kind   Kind
		want   string
		model  string
		events bool
	}{
		{"as they come", lookalike.Options{EventInterval: 30 * time.Millisecond}, OK, "it is not buffered", "gpt-4o", true},
		{"collected", lookalike.Options{EventInterval: time.Millisecond, Buffer: true}, Problem, "it is buffered on the way", "gpt-4o", true},
		{"cut", lookalike.Options{EventInterval: 5 * time.Millisecond}, Problem, "it broke", "cut-chunked", true},
		{"without its end", lookalike.Options{EventInterval: 30 * time.Millisecond}, Problem, "it ended without its final event", "no-done", true},
		{"refused", lookalike.Options{}, Problem, "it was refused: 429", "429", false},
		{"in the legacy shape", lookalike.Options{EventInterval: 30 * time.Millisecond, Shape: lookalike.LegacyShape}, OK, "it is not buffered", "gpt-4o", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.opt.PrimaryKey = testKey
			e := ask(t, legacy(t, tc.opt), func(o *Options) { o.Stream, o.Deployment = true, tc.model })
			if got := e.finding(tc.kind, "stream"); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%q, want %q; all: %+v", got, tc.want, e.Findings)
			}
			if len(e.Streams) != 1 || e.Streams[0].Events > 0 != tc.events {
				t.Errorf("streams %+v", e.Streams)
			}
		})
	}
}
