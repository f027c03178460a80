package doctor

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
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

// ending is how a balancer ends a connection that has been silent for too long.
type ending func(client, server *net.TCPConn)

func byReset(client, server *net.TCPConn) {
	_, _ = client.SetLinger(0), server.SetLinger(0)
	_, _ = client.Close(), server.Close()
}

func byFIN(client, server *net.TCPConn) {
	_, _ = client.CloseWrite(), server.CloseWrite()
}

// byForgetting leaves both connections as they are: nothing passes from then on.
func byForgetting(_, _ *net.TCPConn) {}

// balancer starts a relay in front of an API which ends a connection on which nothing
// has passed for some time, as a load balancer of TCP does.
func balancer(t *testing.T, to string, patience time.Duration, end ending) string {
	t.Helper()
	listener := testkit.Listen(t)
	var all sync.WaitGroup
	over := make(chan struct{})
	t.Cleanup(func() { close(over); _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", strings.TrimPrefix(to, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			all.Go(func() { balance(client.(*net.TCPConn), server.(*net.TCPConn), patience, end, over) })
		}
	})
	return "http://" + listener.Addr().String()
}

func balance(client, server *net.TCPConn, patience time.Duration, end ending, over <-chan struct{}) {
	var forgotten atomic.Bool
	moved := make(chan struct{}, 1)
	var both sync.WaitGroup
	pass := func(to, from *net.TCPConn) {
		buf := make([]byte, 4<<10)
		for {
			n, err := from.Read(buf)
			if err != nil {
				if !forgotten.Load() {
					_ = to.CloseWrite()
				}
				return
			}
			if forgotten.Load() {
				continue
			}
			_, _ = to.Write(buf[:n])
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	}
	both.Go(func() { pass(client, server) })
	both.Go(func() { pass(server, client) })
	for silent := time.NewTimer(patience); ; {
		select {
		case <-moved:
			silent.Reset(patience)
			continue
		case <-silent.C:
			forgotten.Store(true)
			end(client, server)
			<-over
		case <-over:
		}
		break
	}
	_, _ = client.Close(), server.Close()
	both.Wait()
}

// impatient starts an API that gives up on a request whose body does not come, and says
// so.
func impatient(t *testing.T, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := io.ReadAll(r.Body); err != nil {
			w.WriteHeader(status)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// hasty starts an API that answers every request from its head alone.
func hasty(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c := http.NewResponseController(w)
		_ = c.EnableFullDuplex()
		w.WriteHeader(http.StatusBadRequest)
		_ = c.Flush()
	}))
	t.Cleanup(s.Close)
	return s.URL
}
