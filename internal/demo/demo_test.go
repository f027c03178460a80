package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// twist changes what the edge of a test does, to see that the demo notices.
type twist func(out *http.Request)

// startEdge is the idea of apim-edge in a few lines of the standard library;
// the real one is shown by cmd/apim-edge and held by e2e.
func startEdge(change twist) func(address, upstreamURL, allowedOrigin string) (string, func(), error) {
	return func(address, upstreamURL, allowedOrigin string) (string, func(), error) {
		target, err := url.Parse(upstreamURL)
		if err != nil {
			return "", nil, err
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			return "", nil, err
		}
		transport := &http.Transport{}
		proxy := &httputil.ReverseProxy{
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
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				w.Header().Set("Access-Control-Allow-Origin", allowedOrigin)
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
		})}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = server.Serve(ln)
		}()
		return "http://" + ln.Addr().String(), func() {
			_ = server.Close()
			<-served
			transport.CloseIdleConnections()
		}, nil
	}
}

func anyPorts(out io.Writer) Options {
	return Options{
		Out: out, Pace: time.Millisecond, EdgeStart: startEdge(nil),
		EdgeAddress: "127.0.0.1:0", PageAddress: "127.0.0.1:0", UpstreamAddress: "127.0.0.1:0",
	}
}

func TestOnceShowsBothSides(t *testing.T) {
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once = true
	if err := Run(t.Context(), opt); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	at := 0
	for _, want := range []string{
		"401 Unauthorized",
		`{ "statusCode": 401, "message": "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API." }`,
		"200 OK",
		"You said: Hello",
		"55 events in ",
		"api-key: " + subscriptionKey + ",",
		"Access-Control-Allow-Origin: http://127.0.0.1:",
	} {
		i := strings.Index(out.String()[at:], want)
		if i < 0 {
			t.Fatalf("want %q after byte %d of\n%s", want, at, &out)
		}
		at += i
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("want no colours unless asked for")
	}
}

func TestOnceNoticesABrokenEdge(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change twist
		want   string
	}{
		{"that moves no key", func(out *http.Request) { out.Header.Del("api-key") }, "the edge should have relayed a 200"},
		{"that leaks the key in Authorization", func(out *http.Request) { out.Header.Set("Authorization", "Bearer x") }, "Authorization should not reach API Management"},
		{"that loses the question", func(out *http.Request) {
			body := `{"model":"gpt-4o","stream":true,"messages":[]}`
			out.Body, out.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}, "the answer should repeat the question"},
		{"whose stream is not finished", func(out *http.Request) { out.Header.Set("x-lookalike-fault", "no-done") }, "the stream should end with [DONE]"},
		{"whose stream breaks off", func(out *http.Request) { out.Header.Set("x-lookalike-fault", "cut-chunked") }, "the stream broke off"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			opt := anyPorts(&out)
			opt.Once, opt.EdgeStart = true, startEdge(tc.change)
			err := Run(t.Context(), opt)
			if err == nil || !strings.Contains(out.String(), "NOT AS PROMISED: "+tc.want) {
				t.Errorf("got error %v and\n%s\nwant it to say %q", err, &out, tc.want)
			}
		})
	}
}

func TestTheEdgeThatDoesNotStartIsReported(t *testing.T) {
	wanted := errors.New("no such luck")
	opt := anyPorts(io.Discard)
	opt.EdgeStart = func(string, string, string) (string, func(), error) { return "", nil, wanted }
	if err := Run(t.Context(), opt); !errors.Is(err, wanted) {
		t.Errorf("got %v, want %v", err, wanted)
	}
}

func TestTakenPortsAreReplaced(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	var out bytes.Buffer
	opt := anyPorts(&out)
	opt.Once = true
	opt.EdgeAddress, opt.PageAddress, opt.UpstreamAddress = address, address, address
	if err := Run(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), address+" is taken by another program"); n != 3 {
		t.Errorf("got %d notices of a taken port, want 3:\n%s", n, &out)
	}
}

// serving runs the demo until the test ends, and returns its output once it
// invites.
func serving(t *testing.T, pace time.Duration) (pageURL, edgeURL string, lines *bufio.Scanner) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe() // holds what is printed, so that nobody waits for the reader
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		opt := anyPorts(w)
		opt.Pace = pace
		ended <- Run(ctx, opt)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("after Ctrl-C: got %v, want no error", err)
		}
		r.Close()
	})
	lines = bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if address, isEdge := strings.CutSuffix(line, "apim-edge in front of it"); isEdge {
			edgeURL = strings.TrimSpace(address)
		}
		if line == "Page" && lines.Scan() {
			pageURL = strings.TrimSpace(lines.Text())
		}
		if strings.HasPrefix(line, "Serving until") {
			return pageURL, edgeURL, lines
		}
	}
	t.Fatal("the demo ended before it invited")
	return "", "", nil
}

func TestServingShowsWhatUpstreamSaw(t *testing.T) {
	pageURL, edgeURL, lines := serving(t, readingPace) // slow enough to leave in the middle
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, "POST", edgeURL+path, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+subscriptionKey)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	id := resp.Header.Get("apim-request-id")
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	leave() // as the page's stop button does
	resp.Body.Close()

	for lines.Scan() && !strings.Contains(lines.Text(), "the client left") {
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	var end struct {
		Ended, Left bool
		Events      int
		Credential  string
	}
	get(t, client, pageURL+"/exchanges/"+id, &end)
	if !end.Ended || !end.Left || end.Events == 0 || end.Credential != "key-field" {
		t.Errorf("got %+v, want an exchange that the client left, by the key in its field", end)
	}
	get(t, client, pageURL+"/exchanges/none", &end)
	if end.Ended {
		t.Error("an exchange that never was has ended")
	}
}

func TestPageIsSelfContained(t *testing.T) {
	pageURL, edgeURL, _ := serving(t, time.Millisecond)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var all strings.Builder
	for _, name := range []string{"/", "/app.js", "/style.css"} {
		resp, err := client.Get(pageURL + name)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: got %d %v", name, resp.StatusCode, err)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, edgeURL) {
			t.Errorf("%s: Content-Security-Policy: got %q", name, csp)
		}
		all.Write(body)
	}
	for _, outside := range []string{"http://", "https://", "@import", "//cdn"} {
		if strings.Contains(all.String(), outside) {
			t.Errorf("the page contains %q, want nothing from outside", outside)
		}
	}
	// e2e drives the page by these.
	for _, id := range []string{"prompt", "send", "stop", "model", "direct", "wrong-key", "chat", "outcome", "status", "seen"} {
		if !strings.Contains(all.String(), fmt.Sprintf(`id="%s"`, id)) {
			t.Errorf("the page has no element with id %q", id)
		}
	}
}

// To a browser localhost and 127.0.0.1 are two origins, and one is allowed.
func TestOtherNamesOfTheMachineLeadToTheAllowedOrigin(t *testing.T) {
	pageURL, _, _ := serving(t, time.Millisecond)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, tc := range []struct {
		host, want string
	}{
		{"localhost:8081", pageURL + "/?a=1"},
		{"[::1]:8081", pageURL + "/?a=1"},
		{"demo.example.com", ""},
		{strings.TrimPrefix(pageURL, "http://"), ""},
	} {
		req, err := http.NewRequest("GET", pageURL+"/?a=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tc.host
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Location"); got != tc.want {
			t.Errorf("Host %s: got %d to %q, want to %q", tc.host, resp.StatusCode, got, tc.want)
		}
	}
}

func get(t *testing.T, client *http.Client, url string, into any) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}
