package service

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// collector keeps what it is sent: protobuf, in which texts stand as they are.
type collector struct {
	url  string
	text testkit.Log
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&c.text, r.Body)
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

// TestTracesFollowTheConfiguration holds that a reload switches traces on and off, that a
// collector which cannot be set up keeps the old configuration, and that what waits is
// sent at the end.
func TestTracesFollowTheConfiguration(t *testing.T) {
	t.Setenv("OTLP_TOKEN", "x")
	c, url := startCollector(t), upstream(t)
	r := start(t, url, minimal)
	text := strings.ReplaceAll(minimal, "{UPSTREAM}", url)
	reload := func(traces string) error {
		r.write(text + traces)
		return r.Reload("signal")
	}
	r.get("/before")
	testkit.Must(t, reload(fmt.Sprintf("traces: {endpoint: '%s', sample: 1, headers: {Authorization: 'env:OTLP_TOKEN'}}\n", c.url)))
	r.get("/while")
	none := testkit.File(t, "none.pem", "x")
	err := reload(fmt.Sprintf("traces: {endpoint: 'https://127.0.0.1:1', ca_file: '%s'}\n", none))
	if err == nil || !strings.Contains(err.Error(), "traces") || !strings.Contains(err.Error(), "no PEM certificate") {
		t.Errorf("the reload says %v", err)
	}
	r.get("/still")
	r.eventually("two traces in the metrics", func() bool {
		_, body := r.admin("GET", "/metrics")
		return strings.Contains(body, `apim_edge_traces_total{result="sent"} 2`)
	})
	r.get("/late")
	r.eventually("the late one", func() bool { return strings.Contains(r.log.String(), "/late") })
	r.Stop("signal")
	told := c.text.String()
	for path, want := range map[string]bool{"/before": false, "/while": true, "/still": true, "/late": true} {
		if strings.Contains(told, path) != want {
			t.Errorf("the collector was told of %s: %v, want %v", path, !want, want)
		}
	}
}
