// Package admin is the operator's listener: health, readiness, metrics, the masked
// configuration, and a page for browsers. It can change nothing but ask for a reload, and
// what others do to it is no burden for the data path.
package admin

import (
	stdlog "log"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/page"
)

// Options say what the listener shows.
type Options struct {
	Admin    config.Admin
	Registry *prometheus.Registry
	// Ready returns nil, or why no new exchange should be sent here.
	Ready func() error
	// Notes returns what is wrong though exchanges can be sent here; nil: nobody knows.
	Notes func() []string
	// Config returns the effective configuration with secrets masked.
	Config func() ([]byte, error)
	// Reload loads the configuration again and returns why it could not.
	Reload func() error
	// Page is what a browser gets at /; nil: there is none.
	Page *page.Page
	// Pages are further ones behind the guard, by their patterns.
	Pages map[string]http.HandlerFunc
	Log   zerolog.Logger
	// Count is told of each connection that opens (+1) and closes (-1).
	Count func(float64)
}

// Server is the listener.
type Server struct {
	http  *http.Server
	conns *connections
}

// New returns the server; the caller listens.
func New(o Options) (*Server, error) {
	// Each kind of line a few times a minute, whatever others do.
	few := func() zerolog.Logger { return o.Log.Sample(&zerolog.BurstSampler{Burst: 5, Period: time.Minute}) }
	guard, err := newGuard(o.Admin, few())
	if err != nil {
		return nil, err
	}
	crowd := few()
	s := &Server{conns: &connections{open: map[*connection]struct{}{}, count: o.Count, crowded: func(c *connection) {
		crowd.Warn().Str("peer", c.RemoteAddr().String()).Msg("the admin listener has too many connections; the most silent one was closed")
	}}}
	s.http = &http.Server{
		Handler: distrusted(bodiless(pages(o, guard))), ConnContext: withConnection, DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout: headTime, ReadTimeout: requestTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHead, ErrorLog: stdlog.New(errorLines{few()}, "", 0),
	}
	return s, nil
}

// Serve serves l until Close.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(listener{l, s.conns}) }

// Leave stops accepting on l, and has each connection end behind its next answer: whoever
// asks again is answered by another edge there.
func (s *Server) Leave(l net.Listener) {
	_ = l.Close()
	s.http.SetKeepAlivesEnabled(false)
}

// Close closes the listener and its connections.
func (s *Server) Close() error { return s.http.Close() }

func pages(o Options, guard *guard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := o.Ready(); err != nil {
			text(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		said := "ready\n"
		if o.Notes != nil {
			for _, note := range o.Notes() {
				said += note + "\n"
			}
		}
		text(w, http.StatusOK, said)
	})
	all := make(places, maxPages)
	behind := func(pattern string, page http.HandlerFunc) {
		mux.HandleFunc(pattern, guard.protect(all.answer("too many pages are being made; ask again", unhurried(page))))
	}
	reloads := make(places, maxReloads)
	behind("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{}).ServeHTTP)
	behind("GET /config", func(w http.ResponseWriter, _ *http.Request) {
		masked, err := o.Config()
		if err != nil {
			text(w, http.StatusInternalServerError, err.Error()+"\n")
			return
		}
		text(w, http.StatusOK, string(masked))
	})
	behind("POST /reload", reloads.answer("a reload runs and another one waits; ask again", guard.reload(o)))
	if o.Page != nil {
		guard.offer(mux, behind, o.Page)
	}
	for pattern, page := range o.Pages {
		behind(pattern, page)
	}
	if o.Admin.Pprof {
		behind("GET /debug/pprof/", lasting(pprof.Index))
		behind("GET /debug/pprof/profile", lasting(pprof.Profile))
		behind("GET /debug/pprof/trace", lasting(pprof.Trace))
		behind("GET /debug/pprof/symbol", lasting(pprof.Symbol))
	}
	return mux
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

// errorLines brings what net/http has to say into the log.
type errorLines struct{ log zerolog.Logger }

func (e errorLines) Write(line []byte) (int, error) {
	e.log.Warn().Str("error", strings.TrimSpace(string(line[:min(len(line), 4<<10)]))).Msg("admin listener")
	return len(line), nil
}
