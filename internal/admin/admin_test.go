package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// serve returns the listener's handler with these settings.
func serve(t *testing.T, conf config.Admin, change func(*Options)) http.Handler {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "apim_edge_test", Help: "Test."}, func() float64 { return 7 }))
	o := Options{
		Admin: conf, Registry: registry,
		Ready:  func() error { return nil },
		Config: func() ([]byte, error) { return []byte("listen: {}\n"), nil },
		Reload: func() error { return nil },
		Log:    zerolog.Nop(), Count: func(float64) {},
	}
	if change != nil {
		change(&o)
	}
	server, err := New(o)
	testkit.Must(t, err)
	return server.http.Handler
}

// ask sends one request, as a client on the machine itself would.
func ask(h http.Handler, method, target string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9090"
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// guarded are the pages that tell something or do something.
var guarded = []struct{ method, path string }{
	{"GET", "/metrics"}, {"GET", "/config"}, {"POST", "/reload"}, {"GET", "/debug/pprof/"}, {"GET", "/debug/pprof/heap"},
}

func TestPages(t *testing.T) {
	failing := func(o *Options) {
		o.Ready = func() error { return errors.New("draining") }
		o.Reload = func() error { return errors.New("listen.address: no port") }
		o.Config = func() ([]byte, error) { return nil, errors.New("cannot be shown") }
	}
	for _, tc := range []struct {
		name, method, path string
		change             func(*Options)
		status             int
		want               string
	}{
		{"alive", "GET", "/healthz", nil, 200, "ok"},
		{"alive also while it drains", "GET", "/healthz", failing, 200, "ok"},
		{"ready", "GET", "/readyz", nil, 200, "ready"},
		{"not ready", "GET", "/readyz", failing, 503, "draining"},
		{"metrics", "GET", "/metrics", nil, 200, "apim_edge_test 7"},
		{"configuration", "GET", "/config", nil, 200, "listen: {}"},
		{"configuration that cannot be shown", "GET", "/config", failing, 500, "cannot be shown"},
		{"reload", "POST", "/reload", nil, 200, "reloaded"},
		{"reload that fails says why", "POST", "/reload", failing, 422, "listen.address: no port"},
		{"a page that is none", "GET", "/", nil, 404, ""},
		{"HEAD of a page", "HEAD", "/readyz", nil, 200, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := ask(serve(t, config.Admin{}, tc.change), tc.method, tc.path)
			if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
				t.Errorf("%s %s = %d %q, want %d %q", tc.method, tc.path, w.Code, w.Body, tc.status, tc.want)
			}
		})
	}
}

// TestMethods holds that nothing is changed by a link or an image of a page.
func TestMethods(t *testing.T) {
	h := serve(t, config.Admin{Pprof: true}, func(o *Options) {
		o.Reload = func() error { t.Error("reloaded"); return nil }
	})
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/config", "/debug/pprof/heap"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
			if w := ask(h, method, path); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %d, want 405", method, path, w.Code)
			}
		}
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		if w := ask(h, method, "/reload"); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s /reload = %d, want 405", method, w.Code)
		}
	}
}

// TestANameThatIsNotOursIsRefused holds the guard against DNS rebinding: a page
// that has its own name point here, and one that asks across origins.
func TestANameThatIsNotOursIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields []string
		ok     bool
	}{
		{"an address", []string{"Host: 127.0.0.1:9090"}, true},
		{"an address of a pod", []string{"Host: 10.1.2.3:9090"}, true},
		{"an IPv6 address", []string{"Host: [::1]:9090"}, true},
		{"an IPv6 address without port", []string{"Host: [::1]"}, true},
		{"localhost", []string{"Host: localhost"}, true},
		{"localhost with a port", []string{"Host: localhost:9090"}, true},
		{"a name that is allowed", []string{"Host: edge-admin.example.com:9090"}, true},
		{"a name that is allowed, in capitals", []string{"Host: Edge-Admin.example.com"}, true},
		{"a name that is allowed, with a dot behind it", []string{"Host: edge-admin.example.com.:9090"}, true},
		{"another name", []string{"Host: evil.example.net:9090"}, false},
		{"a name that begins with one of ours", []string{"Host: localhost.evil.example.net"}, false},
		{"a name that looks like an address", []string{"Host: 127.0.0.1.evil.example.net"}, false},
		{"no name", []string{"Host: "}, false},
		{"a page of another origin", []string{"Host: 127.0.0.1:9090", "Origin: https://evil.example.net"}, false},
		{"a page without an origin of its own", []string{"Host: 127.0.0.1:9090", "Origin: null"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reloads := 0
			h := serve(t, config.Admin{Pprof: true, AllowedHosts: []string{"edge-admin.example.com"}}, func(o *Options) {
				o.Reload = func() error { reloads++; return nil }
			})
			for _, page := range guarded {
				w := ask(h, page.method, page.path, tc.fields...)
				if tc.ok != (w.Code == 200) || !tc.ok && w.Code != http.StatusForbidden {
					t.Errorf("%s %s = %d, allowed: %v", page.method, page.path, w.Code, tc.ok)
				}
			}
			if (reloads == 1) != tc.ok {
				t.Errorf("%d reloads, allowed: %v", reloads, tc.ok)
			}
			for _, path := range []string{"/healthz", "/readyz"} {
				if w := ask(h, "GET", path, tc.fields...); w.Code != 200 {
					t.Errorf("GET %s = %d, want 200: probes come by any name", path, w.Code)
				}
			}
		})
	}
}

// TestTheTokenIsAskedFor holds that every page but the probes wants it, and that
// no answer repeats it.
func TestTheTokenIsAskedFor(t *testing.T) {
	const token = "0123456789abcdef"
	t.Setenv("ADMIN_TOKEN", token)
	h := serve(t, config.Admin{Token: "env:ADMIN_TOKEN", Pprof: true}, nil)
	for _, tc := range []struct {
		name  string
		field string
		ok    bool
	}{
		{"the token", "Authorization: Bearer " + token, true},
		{"the token, the scheme in lower case", "Authorization: bearer " + token, true},
		{"no token", "X: y", false},
		{"an empty token", "Authorization: Bearer ", false},
		{"the beginning of the token", "Authorization: Bearer " + token[:8], false},
		{"more than the token", "Authorization: Bearer " + token + "0", false},
		{"the token without a scheme", "Authorization: " + token, false},
		{"the token by another scheme", "Authorization: Basic " + token, false},
		{"the token in another field", "X-Token: " + token, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, page := range guarded {
				w := ask(h, page.method, page.path, tc.field)
				if tc.ok != (w.Code == 200) || !tc.ok && w.Code != http.StatusUnauthorized {
					t.Errorf("%s %s = %d, allowed: %v", page.method, page.path, w.Code, tc.ok)
				}
				if !tc.ok && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer ") {
					t.Errorf("%s %s: WWW-Authenticate %q", page.method, page.path, w.Header().Get("WWW-Authenticate"))
				}
				if strings.Contains(w.Body.String(), token) {
					t.Errorf("%s %s shows the token", page.method, page.path)
				}
			}
			if w := ask(h, "GET", "/readyz", tc.field); w.Code != 200 {
				t.Errorf("GET /readyz = %d, want 200: probes have no token", w.Code)
			}
		})
	}
}

// TestATokenThatCannotBeReadLetsNobodyIn holds that an empty or missing source is
// no token that matches.
func TestATokenThatCannotBeReadLetsNobodyIn(t *testing.T) {
	empty := testkit.File(t, "token", "\n")
	t.Setenv("EMPTY_TOKEN", "")
	for _, ref := range []string{"env:EMPTY_TOKEN", "env:NO_SUCH_TOKEN", "file:" + empty, "file:/no/such/token"} {
		h := serve(t, config.Admin{Token: ref}, nil)
		for _, field := range []string{"X: y", "Authorization: Bearer ", "Authorization: "} {
			if w := ask(h, "GET", "/config", field); w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s, %q: GET /config = %d, want 503", ref, field, w.Code)
			}
		}
	}
}

// TestATokenInAFile holds that a line end behind it does not count.
func TestATokenInAFile(t *testing.T) {
	file := testkit.File(t, "token", "one\n")
	h := serve(t, config.Admin{Token: "file:" + file}, nil)
	if w := ask(h, "GET", "/config", "Authorization: Bearer one"); w.Code != 200 {
		t.Errorf("GET /config = %d, want 200", w.Code)
	}
	if w := ask(h, "GET", "/config", "Authorization: Bearer one\n"); w.Code == 200 {
		t.Error("the line end belongs to the file, not to the token")
	}
}

// TestProfilesAreOffUnlessAskedFor holds it for all of them.
func TestProfilesAreOffUnlessAskedFor(t *testing.T) {
	h := serve(t, config.Admin{}, nil)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/profile", "/debug/pprof/trace", "/debug/pprof/cmdline", "/debug/vars"} {
		if w := ask(h, "GET", path); w.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
	// The command line is nobody's business even then.
	if w := ask(serve(t, config.Admin{Pprof: true}, nil), "GET", "/debug/pprof/cmdline"); w.Code != http.StatusNotFound {
		t.Errorf("GET /debug/pprof/cmdline = %d, want 404", w.Code)
	}
}

// TestALiteralTokenIsRefused holds that the error does not repeat it.
func TestALiteralTokenIsRefused(t *testing.T) {
	_, err := New(Options{Admin: config.Admin{Token: "plain-secret"}})
	if err == nil || strings.Contains(err.Error(), "plain-secret") {
		t.Errorf("New = %v, want an error without the token", err)
	}
}

// TestABrowserIsToldNotToGuess holds that no answer can be taken for a page, and that
// none is kept.
func TestABrowserIsToldNotToGuess(t *testing.T) {
	h := serve(t, config.Admin{}, nil)
	for _, path := range []string{"/healthz", "/readyz", "/config"} {
		w := ask(h, "GET", path)
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("GET %s: %v", path, w.Header())
		}
	}
}
