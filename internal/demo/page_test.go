package demo

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestPageIsSelfContained(t *testing.T) {
	s := serving(t, atOnce)
	pageURL, edgeURL := s.pageURL, s.edgeURL
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var all strings.Builder
	for _, name := range []string{"/", "/app.js", "/style.css"} {
		resp := testkit.Ask(t, client, http.MethodGet, pageURL+name, "")
		if resp.StatusCode != 200 {
			t.Fatalf("%s: got %d", name, resp.StatusCode)
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, edgeURL) {
			t.Errorf("%s: Content-Security-Policy: got %q", name, csp)
		}
		all.WriteString(resp.Text)
	}
	for _, outside := range []string{"http://", "https://", "@import", "//cdn"} {
		if strings.Contains(all.String(), outside) {
			t.Errorf("the page contains %q, want nothing from outside", outside)
		}
	}
	// e2e drives the page by these.
	for _, id := range []string{"prompt", "send", "stop", "model", "direct", "wrong-key", "answer", "outcome", "status", "events", "seen", "log", "lines", "counters"} {
		if !strings.Contains(all.String(), fmt.Sprintf(`id="%s"`, id)) {
			t.Errorf("the page has no element with id %q", id)
		}
	}
}

// To a browser localhost and 127.0.0.1 are two origins, and one is allowed.
func TestOtherNamesOfTheMachineLeadToTheAllowedOrigin(t *testing.T) {
	pageURL := serving(t, atOnce).pageURL
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
		resp := testkit.Ask(t, client, http.MethodGet, pageURL+"/?a=1", "", "Host", tc.host)
		if got := resp.Header.Get("Location"); got != tc.want {
			t.Errorf("Host %s: got %d to %q, want to %q", tc.host, resp.StatusCode, got, tc.want)
		}
	}
}

// The page shows the edge's log and counters, and nothing of a credential.
func TestPageIsToldWhatTheEdgeTells(t *testing.T) {
	s := serving(t, atOnce)
	pageURL, edgeURL := s.pageURL, s.edgeURL
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var config struct{ Edge, Admin, FirstWord string }
	testkit.JSON(t, testkit.Ask(t, client, http.MethodGet, pageURL+"/config.json", "").Text, &config)
	if config.Edge != edgeURL || config.Admin != s.adminURL || config.FirstWord != "6s" {
		t.Errorf("config.json: %+v", config)
	}
	var edge struct {
		Lines    []string
		Counters []counter
	}
	testkit.JSON(t, testkit.Ask(t, client, http.MethodGet, pageURL+"/edge.json", "").Text, &edge)
	wantLines := []string{
		"12:00:00.000 200 POST " + path + " a-line-of-the-log-that-is-wider-than-the-screen",
		"12:00:00.000 200 OPTIONS " + path + " a-line-of-the-log-that-is-wider-than-the-screen",
	}
	if !reflect.DeepEqual(edge.Lines, wantLines) {
		t.Errorf("lines: got %q, want %q", edge.Lines, wantLines)
	}
	if want := sums(fakeMetrics); !reflect.DeepEqual(edge.Counters, want) {
		t.Errorf("counters: got %+v, want %+v", edge.Counters, want)
	}
	resp := testkit.Ask(t, client, http.MethodGet, pageURL+"/edge.json", "", "Host", "evil.example.net:8081")
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("by another name: got %d, want 403", resp.StatusCode)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		resp := testkit.Ask(t, client, method, pageURL+"/edge.json", "")
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s edge.json: got %d, want 405", method, resp.StatusCode)
		}
	}
}
