package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const testKey = "canary-0123456789abcdef"

// loadOn runs the command against a handler and returns what a caller gets.
func loadOn(t *testing.T, handler http.HandlerFunc, args ...string) (code int, text string, s *summary) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	t.Setenv("LOAD_TEST_KEY", testKey)
	args = append([]string{"--target", server.URL, "--key-from", "env:LOAD_TEST_KEY", "--rate", "200/s", "--duration", "100ms", "--json", "-"}, args...)
	var stdout, stderr bytes.Buffer
	code = command(context.Background(), args, &stdout, &stderr)
	s = &summary{}
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), s); err != nil {
			t.Fatalf("summary is no JSON: %v\n%s", err, stdout.String())
		}
	}
	var people bytes.Buffer
	s.writeText(&people)
	return code, stdout.String() + stderr.String() + people.String(), s
}

func TestOutcomesAreToldApart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		args    []string
		code    int
		want    string // in the text
	}{
		{"a good answer succeeds", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, nil, exitWell, "succeeded  20"},
		{"a stream with [DONE] is complete", events("data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"), []string{"--stream"}, exitWell, "60 in 20 streams; 0 incomplete, 0 cut"},
		{"a stream of the Responses API is complete", events("event: response.created\ndata: {}\n\nevent: response.completed\ndata: {}\n\n"), nil, exitWell, "0 incomplete"},
		{"a stream that just ends is incomplete", events("data: 1\n\n"), []string{"--max-errors", "100"}, exitWell, "20 incomplete"},
		{"a stream that is cut is cut", cutStream, []string{"--max-errors", "100"}, exitWell, "20 cut"},
		{"errors beyond the limit stop the load", status(503), []string{"--max-errors", "3"}, exitErrors, "stopped: more errors"},
		{"errors within the limit do not", status(429), []string{"--max-errors", "20"}, exitWell, "20 x status 429"},
		{"what the edge says is counted", edgeSays, []string{"--max-errors", "20"}, exitWell, "20 x x-apim-edge-error: upstream_connect_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, text, _ := loadOn(t, tc.handler, tc.args...)
			if code != tc.code || !strings.Contains(text, tc.want) {
				t.Errorf("code %d, want %d; want %q in:\n%s", code, tc.code, tc.want, text)
			}
			if strings.Contains(text, testKey) {
				t.Errorf("the key was printed:\n%s", text)
			}
		})
	}
}

func TestTheKeyArrivesAsBearer(t *testing.T) {
	seen := make(chan string, 100)
	loadOn(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") })
	if got := <-seen; got != "Bearer "+testKey {
		t.Errorf("Authorization = %q, want Bearer and the key", got)
	}
}

func TestWrongUseSendsNothing(t *testing.T) {
	t.Setenv("LOAD_TEST_KEY", testKey)
	for _, tc := range []struct {
		name string
		args string
		want string
	}{
		{"no target", "--key-from env:LOAD_TEST_KEY", "--target is missing"},
		{"no key", "--target http://127.0.0.1:1", "--key-from"},
		{"an empty key", "--target http://127.0.0.1:1 --key-from env:LOAD_TEST_NONE", "nothing there"},
		{"a key in the URL", "--target http://u:p@127.0.0.1:1 --key-from env:LOAD_TEST_KEY", "--target"},
		{"no rate", "--target http://127.0.0.1:1 --key-from env:LOAD_TEST_KEY --rate often", "--rate"},
		{"too fast for a strange host", "--target https://edge.example.com --key-from env:LOAD_TEST_KEY --rate 50/s", "--yes"},
		{"too much for a strange host", "--target https://edge.example.com --key-from env:LOAD_TEST_KEY --rate 10/s --duration 10m", "--yes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if code := command(context.Background(), strings.Fields(tc.args), io.Discard, &stderr); code != exitUsage {
				t.Errorf("code %d, want %d", code, exitUsage)
			}
			if !strings.Contains(stderr.String(), tc.want) || strings.Contains(stderr.String(), testKey) {
				t.Errorf("stderr = %q, want %q in it and no key", stderr.String(), tc.want)
			}
		})
	}
}

func TestTooManyInFlightIsAnError(t *testing.T) {
	silent := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server watch the client
		<-r.Context().Done()
	}
	code, text, s := loadOn(t, silent, "--in-flight", "2", "--max-errors", "3")
	if code != exitErrors || s.Sent != 2 || !strings.Contains(text, "too many in flight") {
		t.Errorf("code %d, sent %d; want %d, 2 and the reason in:\n%s", code, s.Sent, exitErrors, text)
	}
}

func events(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, body)
	}
}

func cutStream(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "data: 1\n\n")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func edgeSays(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Apim-Edge-Error", "upstream_connect_failed")
	w.WriteHeader(http.StatusBadGateway)
}
