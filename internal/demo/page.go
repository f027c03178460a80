package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/url"
	"time"
)

//go:embed page
var pageFiles embed.FS

// listenForPage opens the page's origin; it is served once the edge's URL is
// known.
func (d *demo) listenForPage() (net.Listener, error) {
	var ln net.Listener
	err := d.onFreePort(d.opt.PageAddress, func(address string) (err error) {
		if ln, err = net.Listen("tcp", address); err != nil {
			return fmt.Errorf("start the page: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.pageURL = openable("http://" + ln.Addr().String())
	d.stops = append(d.stops, func() { _ = ln.Close() })
	return ln, nil
}

// servePage serves the page on an origin of its own.
func (d *demo) servePage(ln net.Listener) error {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: d.pageHandler(files), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: log.New(io.Discard, "", 0),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln) // ends with Close
	}()
	d.stops = append(d.stops, func() {
		_ = server.Close()
		<-served
	})
	return nil
}

func (d *demo) pageHandler(files fs.FS) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /config.json", d.serveConfig)
	mux.HandleFunc("GET /exchanges/{id}", d.serveExchange)
	mux.HandleFunc("GET /edge.json", d.serveEdge)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if target, elsewhere := d.sameMachineElsewhere(r); elsewhere {
			http.Redirect(w, r, target, http.StatusFound)
			return
		}
		head := w.Header()
		head.Set("Cache-Control", "no-store") // the ports may be others next time
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "+
			"connect-src 'self' "+d.edgeURL+" "+d.upstreamURL+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		mux.ServeHTTP(w, r)
	})
}

// sameMachineElsewhere is localhost for 127.0.0.1 and the other way round: the
// same page, but to a browser another origin, which the edge would refuse.
func (d *demo) sameMachineElsewhere(r *http.Request) (target string, elsewhere bool) {
	own, err := url.Parse(d.pageURL)
	if err != nil || r.Host == own.Host {
		return "", false
	}
	switch (&url.URL{Host: r.Host}).Hostname() {
	case "localhost", "127.0.0.1", "::1":
		return d.pageURL + r.URL.RequestURI(), true
	}
	return "", false
}

// serveConfig tells the page where to ask. The key is the demo's own.
func (d *demo) serveConfig(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{
		"edge": d.edgeURL, "admin": d.adminURL, "upstream": d.upstreamURL,
		"path": path, "key": subscriptionKey, "firstWord": d.firstWord.String(),
	})
}

// shownLines is how many lines of the edge's log the page shows.
const shownLines = 12

// serveEdge tells what the edge tells of itself: its log, which holds no secret, and
// its counters. The edge lets no page read them, so this page has them from here; one
// that reaches it by a name of its own (DNS rebinding) does not.
func (d *demo) serveEdge(w http.ResponseWriter, r *http.Request) {
	if "http://"+r.Host != d.pageURL {
		http.Error(w, "for the demo's own page only", http.StatusForbidden)
		return
	}
	lines := d.log.latest(shownLines) // first, so that what they tell of is counted
	counters, err := d.counters(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(w, map[string]any{"lines": lines, "counters": counters})
}

// serveExchange tells what the look-alike saw of an exchange: the page itself
// can only know what the edge let through.
func (d *demo) serveExchange(w http.ResponseWriter, r *http.Request) {
	e, ended := d.seen.find(r.PathValue("id"))
	writeJSON(w, map[string]any{
		"ended": ended, "left": e.Left, "events": e.Events, "credential": e.credential,
	})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a page that left asks again
}
