package admin

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/page"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// A wrong token at the login holds its place for a while: four guesses a second at most.
const (
	maxLogins  = 4
	wrongPause = time.Second
)

// policy lets a page have nothing but what this listener serves, and nobody frame it.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// distrusted has browsers guess nothing, keep nothing and frame nothing of any answer.
// Referrer-Policy is not no-referrer: forms would come with the Origin null.
func distrusted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store") // a probe asks how it is now
		next.ServeHTTP(w, r)
	})
}

// offer adds what a browser asks for.
func (g *guard) offer(mux *http.ServeMux, behind func(pattern string, page http.HandlerFunc), p *page.Page) {
	behind("GET /{$}", func(w http.ResponseWriter, r *http.Request) { g.show(w, r, p, http.StatusOK, nil) })
	behind("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = p.WriteLive(w)
	})
	for _, name := range []string{"page.css", "page.js", "icon.svg"} {
		mux.HandleFunc("GET /"+name, g.here(func(w http.ResponseWriter, _ *http.Request) {
			content, kind, _ := page.File(name)
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(content)
		}))
	}
	if g.token == nil {
		return
	}
	logins := make(places, maxLogins)
	mux.HandleFunc("GET /login", g.here(func(w http.ResponseWriter, _ *http.Request) { login(w, http.StatusOK, "") }))
	mux.HandleFunc("POST /login", g.here(logins.answer("too many log in at a time; try again in a second", g.login)))
	mux.HandleFunc("POST /logout", g.here(g.logout))
}

// here answers by next what comes from here, whoever it is.
func (g *guard) here(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if g.comesFromHere(w, r) {
			next(w, r)
		}
	}
}

// show writes the page, with the outcome of what was asked for.
func (g *guard) show(w http.ResponseWriter, r *http.Request, p *page.Page, status int, said []string) {
	id := g.session(r)
	var out bytes.Buffer
	if err := p.Write(&out, page.Viewer{CSRF: g.sessions.sign(id), LoggedIn: id != "", Said: said, Failed: status != http.StatusOK}); err != nil {
		text(w, http.StatusInternalServerError, err.Error()+"\n")
		return
	}
	html(w, status, out.Bytes())
}

func html(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// seeOther leads to a page beside the one that was asked for, whatever stands in front.
func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

func login(w http.ResponseWriter, status int, wrong string) {
	var out bytes.Buffer
	_ = page.WriteLogin(&out, wrong) // a template of our own, and a buffer
	html(w, status, out.Bytes())
}

// login opens a session for who sends the token by the form.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	want, err := g.token.Current()
	if err != nil {
		login(w, http.StatusServiceUnavailable, "admin.token cannot be read.")
		return
	}
	if !want.Equal(secret.New(strings.TrimSpace(r.PostFormValue("token")))) {
		g.wrongToken(r, true)
		select {
		case <-time.After(wrongPause):
		case <-r.Context().Done():
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="apim-edge admin"`)
		login(w, http.StatusUnauthorized, "That is not the token.")
		return
	}
	setSession(w, r, g.sessions.begin(want))
	seeOther(w, "./")
}

// logout ends the session of a browser.
func (g *guard) logout(w http.ResponseWriter, r *http.Request) {
	if !g.signedForm(r) {
		text(w, http.StatusForbidden, notOurForm)
		return
	}
	g.sessions.end(sessionOf(r))
	setSession(w, r, "")
	seeOther(w, "login")
}

const notOurForm = "this form is not of a page that was shown to you, or that page is too old: show it anew\n"

// isForm reports whether a request may have a body: that of a form of the page.
func isForm(r *http.Request) bool {
	return r.Method == http.MethodPost && (r.URL.Path == "/login" || r.URL.Path == "/logout" || r.URL.Path == "/reload")
}

// byBrowser reports whether a request comes from a browser: those tell where from, or
// bring a session along. A program does neither.
func byBrowser(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" || sessionOf(r) != ""
}

// reload loads the configuration again. A browser has to send a form of the page, and gets
// the page; a program gets a line.
func (g *guard) reload(o Options) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		browser := o.Page != nil && byBrowser(r)
		if browser && !g.signedForm(r) {
			text(w, http.StatusForbidden, notOurForm)
			return
		}
		err := o.Reload()
		// It may have waited for a file, or for the reload before it.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // an error: a test without a connection
		status, said := http.StatusOK, []string{"reloaded"}
		if err != nil {
			status, said = http.StatusUnprocessableEntity, strings.Split(err.Error(), "\n")
		}
		if browser {
			g.show(w, r, o.Page, status, said)
			return
		}
		text(w, status, strings.Join(said, "\n")+"\n")
	}
}

// signedForm reports whether a form is one that was made for this browser.
func (g *guard) signedForm(r *http.Request) bool {
	return g.sessions.signed(g.session(r), r.PostFormValue("csrf"))
}

// session returns the session of a browser; empty where none is needed.
func (g *guard) session(r *http.Request) string {
	if g.token == nil {
		return ""
	}
	return sessionOf(r)
}
