package doctor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

// echo starts an API that answers with what it was sent, in every place that is shown.
func echo(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Get("Api-Key") + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Ocp-Apim-Subscription-Key")
		query, _ := url.QueryUnescape(r.URL.RawQuery)
		h := w.Header()
		h.Set("WWW-Authenticate", `AzureApiManagementKey name="`+sent+`",type="header"`)
		h.Set("Access-Control-Allow-Origin", sent)
		h.Set("X-Apim-Edge-Error", r.Header.Get("Api-Key"))
		if status == http.StatusBadRequest {
			h.Del("X-Apim-Edge-Error")
		}
		h.Set("Location", "/"+sent)
		w.WriteHeader(status)
		parts := ""
		for _, v := range []string{r.Header.Get("Api-Key"), r.Header.Get("Authorization")} {
			if len(v) > 20 {
				parts += " ends with " + v[len(v)-10:] + ", begins with sk-" + v[:10] + "...,"
			}
		}
		_, _ = io.WriteString(w, `{"statusCode":401,"message":"Access denied due to missing subscription key: `+sent+" "+query+parts+`"}`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

type countKey struct{} // of the requests on a connection

// forgetful starts an API that serves two requests on a connection, and from then on says
// nothing there, as if a box on the way had forgotten it.
func forgetful(t *testing.T) string {
	t.Helper()
	held := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if on := r.Context().Value(countKey{}).(*atomic.Int64); r.Method == http.MethodGet && on.Add(1) > 2 {
			select {
			case <-held:
			case <-r.Context().Done():
			}
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, countKey{}, new(atomic.Int64))
	}
	s.Start()
	t.Cleanup(func() { close(held); s.Close() })
	return s.URL
}

// inQueryAlone starts an API that looks for its key in a parameter, and names nothing.
func inQueryAlone(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get(name) == testKey {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{ "statusCode": 401, "message": "Access denied due to missing subscription key." }`)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// rude starts an API that takes the key in a field, and else says 401 in words of its
// own, with a challenge or without.
func rude(t *testing.T, field, challenge string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get(field) == testKey, r.Header.Get(field) == "Bearer "+testKey && field == "Authorization":
			w.WriteHeader(http.StatusBadRequest)
			return
		case challenge != "":
			w.Header().Set("WWW-Authenticate", challenge)
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, "go away")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// connectProxy starts a forward proxy that takes every CONNECT to the one address.
func connectProxy(t *testing.T, to string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(up, down); _ = up.Close() }()
		_, _ = io.Copy(down, up)
		_ = down.Close()
	}))
	t.Cleanup(s.Close)
	return s.URL
}
