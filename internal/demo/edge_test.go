package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// twist changes what the edge of a test does, to see that the demo notices.
type twist func(out *http.Request)

// fakeDoctor and fakeReport say what the real ones say of the demo's API, in short; those
// are shown by cmd/apim-edge.
func fakeDoctor(context.Context, string, string) (Verdict, error) {
	return Verdict{Asked: 14, KeyField: "api-key", Way: "one with more words than the lines of a narrow screen have room for", Findings: []Finding{
		{Kind: "ok", Text: "key: it is looked for in api-key"},
		{Kind: "problem", Text: "cors: no page may call", Do: "say which pages may", Problem: true},
	}}, nil
}

func fakeReport(context.Context, Edge) (Account, error) {
	return Account{Summary: "The edge is still needed.", Callers: []string{"key:ab, go: its key comes as Authorization: Bearer"}, Needed: true}, nil
}

// fakeMetrics is what the edge of a test tells of itself.
const fakeMetrics = `# HELP apim_edge_requests_total Finished exchanges.
# TYPE apim_edge_requests_total counter
apim_edge_requests_total{client="curl",reason="bearer_key",route="default",status="2xx"} 3
apim_edge_requests_total{client="go",reason="token",route="a b",status="2xx"} 2
apim_edge_decisions_total{client="curl",repair="bearer_key",route="default"} 3
apim_edge_decisions_total{client="curl",repair="none",route="default"} 9
apim_edge_decisions_total_of_another{repair="bearer_key"} 50
apim_edge_events_total{route="default"} 1.5e+02
apim_edge_streams_open 1
`

// startEdge is the idea of apim-edge in a few lines of the standard library;
// the real one is shown by cmd/apim-edge and held by e2e.
func startEdge(change twist) func(EdgeOptions) (Edge, error) {
	return func(o EdgeOptions) (Edge, error) {
		target, err := url.Parse(o.UpstreamURL)
		if err != nil {
			return Edge{}, err
		}
		transport := &http.Transport{}
		proxy := fakeProxy(target, transport, o.AllowedOrigin, change)
		edgeURL, stopEdge, err := serve(o.Address, func(w http.ResponseWriter, r *http.Request) {
			defer logged(o, r)
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Origin", o.AllowedOrigin)
				w.WriteHeader(http.StatusNoContent)
				return
			}
			// The whole body first: net/http closes it when the answer begins,
			// and a Transport that still looks for its end then breaks off the
			// answer (1 run in 100 here).
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			proxy.ServeHTTP(w, r)
		})
		if err != nil {
			return Edge{}, err
		}
		page := func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/metrics":
				_, _ = io.WriteString(w, fakeMetrics)
			case "/":
				_, _ = io.WriteString(w, "<title>apim-edge: ready</title>")
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}
		adminURL, stopAdmin, err := serve(o.AdminAddress, page)
		if errors.Is(err, syscall.EADDRINUSE) { // somebody has taken it since it was found free
			adminURL, stopAdmin, err = serve("127.0.0.1:0", page)
		}
		if err != nil {
			stopEdge()
			return Edge{}, err
		}
		return Edge{URL: edgeURL, AdminURL: adminURL, Stop: func() {
			stopAdmin()
			stopEdge()
			transport.CloseIdleConnections()
		}}, nil
	}
}

func fakeProxy(target *url.URL, transport *http.Transport, allowedOrigin string, change twist) http.Handler {
	return &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			key := strings.TrimPrefix(r.In.Header.Get("Authorization"), "Bearer ")
			r.Out.Header.Del("Authorization")
			r.Out.Header.Set("api-key", key)
			if change != nil {
				change(r.Out)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Access-Control-Allow-Origin", allowedOrigin)
			return nil
		},
	}
}

// logged writes a line of an exchange in two parts, as a log may.
func logged(o EdgeOptions, r *http.Request) {
	green, plain := "", ""
	if o.Color {
		green, plain = "\x1b[32m", "\x1b[0m"
	}
	fmt.Fprintf(o.Log, "12:00:00.000 %s2", green)
	fmt.Fprintf(o.Log, "00%s %s %s a-line-of-the-log-that-is-wider-than-the-screen\n", plain, r.Method, r.URL.Path)
}

// serve serves handler until it is stopped.
func serve(address string, handler http.HandlerFunc) (url string, stop func(), err error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln)
	}()
	return "http://" + ln.Addr().String(), func() {
		_ = server.Close()
		<-served
	}, nil
}
