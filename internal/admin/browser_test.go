package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/page"
)

const token = "0123456789abcdef"

// withPage has a listener offer a page.
func withPage(t *testing.T) func(*Options) {
	t.Helper()
	registry := prometheus.NewRegistry()
	return func(o *Options) {
		o.Page = page.New(page.Options{
			Metrics: registry, Brief: registry, Ready: o.Ready, Notes: func() []string { return nil }, Config: o.Config,
			Upstreams: func() map[string]string { return nil },
		})
		t.Cleanup(o.Page.Close)
	}
}

// browser keeps cookies and sends what browsers send.
type browser struct {
	t       *testing.T
	handler http.Handler
	origin  string
	cookies map[string]string
}

func browse(t *testing.T, h http.Handler) *browser {
	return &browser{t: t, handler: h, origin: "http://127.0.0.1:9090", cookies: map[string]string{}}
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	r.Host = "127.0.0.1:9090"
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// post sends a form, as name and value one after the other.
func (b *browser) post(path string, fields ...string) *httptest.ResponseRecorder {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", b.origin)
	return b.do(r)
}

// csrf returns what the forms of the page bring along.
func (b *browser) csrf() string {
	b.t.Helper()
	found := regexp.MustCompile(`name="csrf" value="([^"]+)"`).FindStringSubmatch(b.get("/").Body.String())
	if found == nil {
		b.t.Fatal("the page has no form")
	}
	return found[1]
}

func (b *browser) login() {
	b.t.Helper()
	if w := b.post("/login", "token", token); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "./" {
		b.t.Fatalf("the login answers %d %s", w.Code, w.Body)
	}
}

// isPage and isLogin tell what a browser is shown.
func isPage(w *httptest.ResponseRecorder) bool {
	return w.Code == 200 && strings.Contains(w.Body.String(), `id="now"`)
}

func isLogin(w *httptest.ResponseRecorder) bool {
	return w.Code == http.StatusSeeOther && w.Header().Get("Location") == "login"
}

// TestABrowserLogsIn holds the way through: to the form, in, through all pages, out.
func TestABrowserLogsIn(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	b := browse(t, serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t)))
	for _, path := range []string{"/", "/config", "/metrics"} {
		if w := b.get(path); !isLogin(w) {
			t.Errorf("%s before the login: %d", path, w.Code)
		}
	}
	if w := b.get("/login"); w.Code != 200 || !strings.Contains(w.Body.String(), `type="password"`) {
		t.Errorf("/login: %d", w.Code)
	}
	w := b.post("/login", "token", " "+token+"\n")
	set := w.Header().Get("Set-Cookie")
	for _, want := range []string{"apim_edge_session_9090=", "; Path=/", "; Max-Age=3600", "; HttpOnly", "; SameSite=Strict"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q lacks %q", set, want)
		}
	}
	if strings.Contains(set, token) || strings.Contains(set, "Secure") {
		t.Errorf("the cookie is %q", set)
	}
	for _, path := range []string{"/config", "/metrics", "/live"} {
		if w := b.get(path); w.Code != 200 {
			t.Errorf("%s after the login: %d", path, w.Code)
		}
	}
	if w := b.get("/"); !isPage(w) || !strings.Contains(w.Body.String(), "Log out") || strings.Contains(w.Body.String(), token) {
		t.Errorf("/ after the login: %d", w.Code)
	}
	kept := b.cookies["apim_edge_session_9090"]
	if w := b.post("/logout", "csrf", "made up"); w.Code != http.StatusForbidden || !isPage(b.get("/")) {
		t.Errorf("a logout that nobody asked for: %d", w.Code)
	}
	if w := b.post("/logout", "csrf", b.csrf()); !isLogin(w) || len(b.cookies) != 0 {
		t.Errorf("the logout: %d, cookies %v", w.Code, b.cookies)
	}
	b.cookies["apim_edge_session_9090"] = kept
	if w := b.get("/"); !isLogin(w) {
		t.Errorf("the session lives on after the logout: %d", w.Code)
	}
}

// TestASessionIsNeitherLongNorForged holds how it ends, and that nothing else opens the page.
func TestASessionIsNeitherLongNorForged(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	handler := serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t))
	synctest.Test(t, func(t *testing.T) {
		b := browse(t, handler)
		b.login()
		time.Sleep(sessionTime - time.Second)
		if !isPage(b.get("/")) {
			t.Error("the session ends too early")
		}
		time.Sleep(2 * time.Second)
		if !isLogin(b.get("/")) || b.get("/live").Code == 200 {
			t.Error("the session does not end")
		}
		b.login()
		for _, forged := range []string{"", token, b.cookies["apim_edge_session_9090"] + "x", strings.ToLower(b.cookies["apim_edge_session_9090"])} {
			other := browse(t, handler)
			other.cookies["apim_edge_session_9090"] = forged
			if !isLogin(other.get("/")) {
				t.Errorf("%q opens the page", forged)
			}
		}
		t.Setenv("ADMIN_TOKEN", "another-token-of-the-file")
		if !isLogin(b.get("/")) {
			t.Error("the session outlives its token")
		}
	})
}

// TestSessionsAreBounded holds that the oldest one goes.
func TestSessionsAreBounded(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	handler := serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t))
	synctest.Test(t, func(t *testing.T) {
		var all []*browser
		for range maxSessions + 1 {
			b := browse(t, handler)
			b.login()
			all = append(all, b)
			time.Sleep(time.Second)
		}
		for i, b := range all {
			if isPage(b.get("/")) != (i > 0) {
				t.Errorf("session %d of %d: %v", i, len(all), i == 0)
			}
		}
	})
}

// TestWrongTokensAreSlow holds that each holds its place for a while, that the others are
// told to wait, and that who knows the token is let in afterwards.
func TestWrongTokensAreSlow(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	handler := serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		answers := make(chan *httptest.ResponseRecorder, maxLogins)
		for i := range maxLogins {
			wrong := []string{"wrong", "", token[:8], token + "0"}[i%4]
			go func() { answers <- browse(t, handler).post("/login", "token", wrong) }()
		}
		synctest.Wait()
		if w := browse(t, handler).post("/login", "token", "another"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one guess more: %d", w.Code)
		}
		for range maxLogins {
			w := <-answers
			if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "not the token") || len(w.Result().Cookies()) != 0 {
				t.Errorf("a wrong token: %d %s", w.Code, w.Body)
			}
		}
		if took := time.Since(start); took != wrongPause {
			t.Errorf("%d guesses took %v", maxLogins, took)
		}
		browse(t, handler).login()
	})
}

// TestAReloadOfABrowserIsAForm holds that no other page can ask for one, with a login and
// without, and that programs need none.
func TestAReloadOfABrowserIsAForm(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	for _, tc := range []struct {
		name string
		conf config.Admin
	}{{"with a login", config.Admin{Token: "env:ADMIN_TOKEN"}}, {"without", config.Admin{}}} {
		t.Run(tc.name, func(t *testing.T) {
			reloads, fault := 0, error(nil)
			offered := withPage(t)
			b := browse(t, serve(t, tc.conf, func(o *Options) {
				o.Reload = func() error { reloads++; return fault }
				offered(o)
			}))
			if tc.conf.Token != "" {
				b.login()
			}
			csrf := b.csrf()
			if w := b.post("/reload", "csrf", csrf); !isPage(w) || reloads != 1 || !strings.Contains(w.Body.String(), "reloaded") {
				t.Errorf("the form of the page: %d, %d reloads", w.Code, reloads)
			}
			fault = errors.New("routes.a: no upstream\nlisten.address: no port")
			if w := b.post("/reload", "csrf", csrf); w.Code != 422 || !strings.Contains(w.Body.String(), "<p>listen.address: no port</p>") || !strings.Contains(w.Body.String(), `role="alert"`) {
				t.Errorf("a reload that fails: %d %s", w.Code, w.Body)
			}
			reloads = 0
			for name, post := range map[string]func() *httptest.ResponseRecorder{
				"no value":         func() *httptest.ResponseRecorder { return b.post("/reload") },
				"a value made up":  func() *httptest.ResponseRecorder { return b.post("/reload", "csrf", csrf+"x") },
				"value in the URL": func() *httptest.ResponseRecorder { return b.post("/reload?csrf=" + url.QueryEscape(csrf)) },
				"that of another process": func() *httptest.ResponseRecorder {
					return b.post("/reload", "csrf", browse(t, serve(t, config.Admin{}, withPage(t))).csrf())
				},
				"another origin": func() *httptest.ResponseRecorder {
					other := *b
					other.origin = "http://127.0.0.1:9091"
					return other.post("/reload", "csrf", csrf)
				},
				"no origin, as a sandboxed page": func() *httptest.ResponseRecorder {
					other := *b
					other.origin = "null"
					return other.post("/reload", "csrf", csrf)
				},
				"too large a form": func() *httptest.ResponseRecorder {
					return b.post("/reload", "fill", strings.Repeat("x", maxForm), "csrf", csrf)
				},
			} {
				if w := post(); w.Code != http.StatusForbidden || reloads != 0 {
					t.Errorf("%s: %d, %d reloads", name, w.Code, reloads)
				}
			}
			fault = nil
			if w := ask(b.handler, "POST", "/reload", "Authorization: Bearer "+token); w.Code != 200 || w.Body.String() != "reloaded\n" || reloads != 1 {
				t.Errorf("a program: %d %s", w.Code, w.Body)
			}
		})
	}
}

// TestAFormBelongsToOneLogin holds that another session's does not count.
func TestAFormBelongsToOneLogin(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	h := serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t))
	one, other := browse(t, h), browse(t, h)
	one.login()
	other.login()
	if w := one.post("/reload", "csrf", other.csrf()); w.Code != http.StatusForbidden {
		t.Errorf("the form of another session: %d", w.Code)
	}
}

// TestOtherPagesCannotAsk holds what browsers say of who asks.
func TestOtherPagesCannotAsk(t *testing.T) {
	h := serve(t, config.Admin{}, withPage(t))
	for _, tc := range []struct {
		name   string
		fields []string
		ok     bool
	}{
		{"a program", nil, true},
		{"a page of ours", []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"}, true},
		{"a page of ours, with its origin", []string{"Origin: http://127.0.0.1:9090"}, true},
		{"an address that was typed", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, true},
		{"a link elsewhere", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, true},
		{"a frame elsewhere", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, false},
		{"a picture elsewhere", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}, false},
		{"a script elsewhere", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: script"}, false},
		{"another port of this machine", []string{"Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors"}, false},
		{"another origin", []string{"Origin: http://127.0.0.1:9091"}, false},
		{"a name that is pointed here", []string{"Host: evil.example.net:9090", "Sec-Fetch-Site: same-origin"}, false},
	} {
		for _, path := range []string{"/", "/live", "/config", "/page.js"} {
			if w := ask(h, "GET", path, tc.fields...); (w.Code == 200) != tc.ok || !tc.ok && w.Code != http.StatusForbidden {
				t.Errorf("%s: GET %s = %d, allowed: %v", tc.name, path, w.Code, tc.ok)
			}
		}
	}
}

// TestTheCookieFollowsTheListener holds that it goes by TLS alone where TLS ends in front,
// and that ports have their own.
func TestTheCookieFollowsTheListener(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	h := serve(t, config.Admin{Token: "env:ADMIN_TOKEN", AllowedHosts: []string{"edge.example.com"}}, withPage(t))
	r := httptest.NewRequest("POST", "/login", strings.NewReader("token="+token))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://edge.example.com")
	r.Host = "edge.example.com"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if set := w.Header().Get("Set-Cookie"); !strings.HasPrefix(set, "apim_edge_session=") || !strings.Contains(set, "; Secure") {
		t.Errorf("the cookie is %q", set)
	}
}

// TestEveryAnswerIsGuarded holds the fields by which browsers distrust an answer.
func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	h := serve(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t))
	for _, path := range []string{"/", "/login", "/page.css", "/page.js", "/icon.svg", "/metrics", "/config", "/healthz", "/nothing"} {
		for _, fields := range [][]string{nil, {"Authorization: Bearer " + token}} {
			got := ask(h, "GET", path, fields...).Header()
			if !strings.HasPrefix(got.Get("Content-Security-Policy"), "default-src 'self'; ") || !strings.Contains(got.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
				strings.Contains(got.Get("Content-Security-Policy"), "unsafe") || got.Get("X-Frame-Options") != "DENY" || got.Get("Cache-Control") != "no-store" ||
				got.Get("X-Content-Type-Options") != "nosniff" || got.Get("Referrer-Policy") != "same-origin" || got.Get("Cross-Origin-Resource-Policy") != "same-origin" {
				t.Errorf("GET %s: %v", path, got)
			}
		}
	}
}

// TestAFormThatNeverComesHoldsNothing holds that a body is waited for only where a form
// may come, and no longer than for any request.
func TestAFormThatNeverComesHoldsNothing(t *testing.T) {
	t.Setenv("ADMIN_TOKEN", token)
	l := listen(t, config.Admin{Token: "env:ADMIN_TOKEN"}, withPage(t), func(s *http.Server) { s.ReadTimeout = 200 * time.Millisecond })
	for _, path := range []string{"/login", "/logout", "/reload"} {
		c := l.say(head("POST", path, "Content-Type: application/x-www-form-urlencoded", "Content-Length: 100"))
		if status, _ := l.answer(c); status != http.StatusUnauthorized && status != http.StatusForbidden {
			t.Errorf("POST %s = %d", path, status)
		}
	}
}
