package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/demo"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheDemoShowsTheEdgeAsItIs holds that the page is told what the edge's own log
// and metrics say, under names that exist, and nothing that could be a secret.
func TestTheDemoShowsTheEdgeAsItIs(t *testing.T) {
	page := demoPage(t)
	var config struct{ Edge, Admin, Path, Key string }
	getJSON(t, page+"/config.json", &config)
	secrets := []string{config.Key, "marked-secret-in-the-query"}
	for _, model := range []string{"gpt-4o", "cut-chunked"} {
		body := fmt.Sprintf(`{"model": %q, "stream": true, "messages": [{"role": "user", "content": "Hello"}]}`, model)
		req, err := http.NewRequestWithContext(t.Context(), "POST", config.Edge+config.Path+"?api-key="+secrets[1], strings.NewReader(body))
		testkit.Must(t, err)
		req.Header.Set("Authorization", "Bearer "+config.Key)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		testkit.Must(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if cut := err != nil; resp.StatusCode != 200 || cut != (model == "cut-chunked") {
			t.Errorf("%s: got %d, %v", model, resp.StatusCode, err)
		}
	}
	var edge struct {
		Lines    []string
		Counters []struct {
			Name, Label string
			Value       float64
		}
	}
	raw := ""
	testkit.Await(t, "the page is told of the show's two exchanges and ours", func() bool {
		raw = getText(t, page+"/edge.json")
		return strings.Count(raw, config.Path) >= 4
	}, func() string { return raw })
	testkit.JSON(t, raw, &edge)
	for _, secret := range secrets {
		if strings.Contains(raw, secret) {
			t.Errorf("the page is told %s", raw)
		}
	}
	metrics := getText(t, config.Admin+"/metrics")
	for _, c := range edge.Counters {
		if !strings.Contains(metrics, "\n"+c.Name+"{") || !strings.Contains(metrics, c.Label) {
			t.Errorf("the edge has no series %s{%s}", c.Name, c.Label)
		}
		want := map[string]float64{
			"apim_edge_requests_total": 4, `apim_edge_decisions_total repair="bearer_key"`: 3,
			"apim_edge_preflights_total": 1, "apim_edge_cuts_total": 1,
		}
		if want, known := want[strings.TrimSpace(c.Name+" "+c.Label)]; known && c.Value != want {
			t.Errorf("%s{%s}: got %v, want %v", c.Name, c.Label, c.Value, want)
		}
	}
	if conf := getText(t, config.Admin+"/config"); !strings.Contains(conf, "upstreams:") {
		t.Errorf("/config: got %s", conf)
	}
}

// demoPage runs the demo until the test ends and returns the URL of its page.
func demoPage(t *testing.T) (page string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	testkit.Must(t, err)
	ended := make(chan error, 1)
	go func() {
		ended <- demo.Run(ctx, demo.Options{
			Out: w, Pace: time.Millisecond, EdgeStart: startDemoEdge, Doctor: demoDoctor, Report: demoReport,
			EdgeAddress: "127.0.0.1:0", AdminAddress: "127.0.0.1:0", PageAddress: "127.0.0.1:0", UpstreamAddress: "127.0.0.1:0",
		})
		_ = w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		http.DefaultClient.CloseIdleConnections()
		if err := <-ended; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		_ = r.Close()
	})
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if origin, found := strings.CutPrefix(lines.Text(), "  Origin: "); found {
			page = origin
		}
		if strings.Contains(lines.Text(), "Serving until") {
			return page
		}
	}
	t.Fatal("the demo ended")
	return ""
}

func getText(t *testing.T, url string) string {
	t.Helper()
	answer := testkit.Get(t, url)
	if answer.StatusCode != 200 {
		t.Fatalf("%s: got %d %q", url, answer.StatusCode, answer.Text)
	}
	return answer.Text
}

func getJSON(t *testing.T, url string, into any) {
	t.Helper()
	testkit.JSON(t, getText(t, url), into)
}
