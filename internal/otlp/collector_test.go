package otlp

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// settled waits until the exporter has sent, or dropped, so many exchanges.
func (e *Exporter) settled(t *testing.T, n int64) {
	t.Helper()
	sum := int64(0)
	testkit.Await(t, fmt.Sprintf("%d exchanges have an end", n), func() bool {
		sum = 0
		for i := range e.results {
			sum += e.results[i].Load()
		}
		return sum == n
	}, func() string { return fmt.Sprint(sum, " have") })
}

// rejecting is the answer of a collector that does not want two spans.
func rejecting(w http.ResponseWriter) {
	success := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 2)
	success = protowire.AppendString(protowire.AppendTag(success, 2, protowire.BytesType), "no room")
	_, _ = w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), success))
}

// TestWhatACollectorMayAnswer holds what is sent again, and what is given up.
func TestWhatACollectorMayAnswer(t *testing.T) {
	later := status(503, "Retry-After", "0")
	for _, tc := range []struct {
		name    string
		answers []func(http.ResponseWriter)
		want    result
		asked   int
		log     string
	}{
		{"taken", []func(http.ResponseWriter){status(200)}, sent, 1, ""},
		{"taken, with words", []func(http.ResponseWriter){func(w http.ResponseWriter) { _, _ = w.Write([]byte{0x0a, 0}) }}, sent, 1, ""},
		{"some of it rejected", []func(http.ResponseWriter){rejecting}, refused, 1, "rejected 2 spans"},
		{"not wanted", []func(http.ResponseWriter){status(400)}, refused, 1, "400 Bad Request"},
		{"not allowed", []func(http.ResponseWriter){status(401)}, refused, 1, "401 Unauthorized"},
		{"elsewhere, which is not asked", []func(http.ResponseWriter){status(307, "Location", "/elsewhere")}, refused, 1, "307"},
		{"too much for now", []func(http.ResponseWriter){status(429), status(200)}, sent, 2, ""},
		{"not there for now", []func(http.ResponseWriter){status(502), later, status(504), status(200)}, sent, 4, ""},
		{"not there", []func(http.ResponseWriter){status(503)}, unreachable, tries, "503"},
		{"the connection ends", []func(http.ResponseWriter){func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, status(200)}, sent, 2, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startStub(t, httptest.NewServer, tc.answers...)
			e, log := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
			e.Observe(told())
			e.settled(t, 1)
			e.Close()
			if got := e.results[tc.want].Load(); got != 1 || len(s.all()) != tc.asked {
				t.Errorf("%s: %d, asked %d times; want 1, %d", tc.want, got, len(s.all()), tc.asked)
			}
			if !strings.Contains(log.String(), tc.log) || (tc.log == "") != (log.Len() == 0) {
				t.Errorf("the log has %q, want %q", log, tc.log)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-1": 0, "x": 0, "86400": longestWait, "99999999999999999999": 0,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  longestWait,
	} {
		if got := retryAfter(text); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestRetryAfterIsHeeded holds it with a wait that ends only where Close ends it: the
// batch is then sent once more.
func TestRetryAfterIsHeeded(t *testing.T) {
	s := startStub(t, httptest.NewServer, status(429, "Retry-After", "3600"), status(200))
	e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
	e.Observe(told())
	for len(s.all()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if n := e.results[sent].Load(); n != 0 {
		t.Errorf("%d are sent before the end", n)
	}
	e.Close()
	if n := e.results[sent].Load(); n != 1 || len(s.all()) != 2 {
		t.Errorf("%d are sent, the collector was asked %d times", n, len(s.all()))
	}
}

// TestBackoffGrows holds its bounds.
func TestBackoffGrows(t *testing.T) {
	for try, most := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, longestWait, longestWait} {
		for range 100 {
			if d := backoff(try); d < most/2 || d > most {
				t.Fatalf("behind try %d there are %v, want %v to %v", try, d, most/2, most)
			}
		}
	}
}

// TestNobodyThere holds that a collector that is not there costs its spans, and is told of
// once; and that it is told when it is back.
func TestNobodyThere(t *testing.T) {
	s := startStub(t, httptest.NewServer, status(200))
	e, log := exporterTo(t, config.Traces{Endpoint: "http://user:hunter2@127.0.0.1:1", ServiceName: "x"})
	for i := range int64(3) {
		e.Observe(told())
		e.settled(t, i+1)
	}
	c, err := Compile(config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
	testkit.Must(t, err)
	e.Use(c)
	e.Observe(told())
	e.settled(t, 4)
	e.Use(nil)
	e.Observe(told())
	e.Close()
	if e.results[unreachable].Load() != 3 || e.results[sent].Load() != 1 || e.results[noCollector].Load() != 1 {
		t.Errorf("results %v", &e.results)
	}
	text := log.String()
	if strings.Count(text, "cannot be sent") != 1 || strings.Count(text, "can be sent again") != 1 || strings.Contains(text, "hunter2") {
		t.Errorf("the log has\n%s", text)
	}
}

// TestTheQueueIsBounded holds that nobody waits for a collector that does not answer, and
// that what finds no room is counted.
func TestTheQueueIsBounded(t *testing.T) {
	release, hanging := make(chan struct{}), make(chan struct{}, 1)
	s := startStub(t, httptest.NewServer, func(http.ResponseWriter) { hanging <- struct{}{}; <-release }, status(200))
	e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
	e.collector.Load().client.Timeout = 0 // however slow the machine is
	r := told()
	e.Observe(r)
	<-hanging
	const beyond = 10
	for range queueSize + beyond {
		e.Observe(r)
	}
	if n := e.results[queueFull].Load(); n != beyond {
		t.Errorf("%d are dropped, want %d", n, beyond)
	}
	close(release)
	e.settled(t, 1+queueSize+beyond)
	e.Close()
	if n := e.results[sent].Load(); n != 1+queueSize {
		t.Errorf("%d are sent, want %d", n, 1+queueSize)
	}
	for _, a := range s.all() {
		if n := len(a.data.ResourceSpans[0].ScopeSpans[0].Spans); n > 5*batchSize {
			t.Errorf("%d spans in one batch", n)
		}
	}
}

// TestACollectorThatDoesNotAnswer is given up, and keeps the end for closeTime at most.
func TestACollectorThatDoesNotAnswer(t *testing.T) {
	release, hanging := make(chan struct{}), make(chan struct{}, 1)
	s := startStub(t, httptest.NewServer, func(http.ResponseWriter) { hanging <- struct{}{}; <-release })
	defer close(release)
	e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
	e.Observe(told())
	<-hanging
	e.Close()
	if n := e.results[unreachable].Load(); n != 1 {
		t.Errorf("results %v", &e.results)
	}
}

// TestTLS holds that the authorities of ca_file are believed, and nobody else.
func TestTLS(t *testing.T) {
	made := testcert.Temp(t, "edge.test")
	start := func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.TLS = made.Server()
		s.StartTLS()
		return s
	}
	for _, tc := range []struct {
		name, file string
		want       result
	}{{"its authority", made.CertFile, sent}, {"the system's", "", unreachable}} {
		t.Run(tc.name, func(t *testing.T) {
			s := startStub(t, start, status(200))
			e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x", CAFile: tc.file})
			e.Observe(told())
			e.settled(t, 1)
			e.Close()
			if e.results[tc.want].Load() != 1 {
				t.Errorf("results %v, want %s", &e.results, tc.want)
			}
		})
	}
	for name, content := range map[string]string{"missing": "", "none.pem": "x"} {
		file := filepath.Join(t.TempDir(), name)
		if content != "" {
			testkit.Write(t, file, content)
		}
		if _, err := Compile(config.Traces{Endpoint: "https://x", CAFile: file}); err == nil {
			t.Errorf("%s is taken for certificates", file)
		}
	}
}

// TestHeadersAreReadWhenTheyAreNeeded holds that a file that changes counts without a
// reload, and that no value is told.
func TestHeadersAreReadWhenTheyAreNeeded(t *testing.T) {
	t.Setenv("OTLP_TOKEN", "Bearer hunter2")
	file := filepath.Join(t.TempDir(), "tenant")
	testkit.Write(t, file, "first")
	s := startStub(t, httptest.NewServer, status(200), status(401))
	e, log := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x", Headers: map[string]string{
		"authorization": "env:OTLP_TOKEN", "X-Scope-OrgID": "file:" + file,
	}})
	r, n := told(), int64(0)
	tenant := func() string {
		e.Observe(r)
		n++
		e.settled(t, n)
		h := s.all()[n-1].header
		if h.Get("Authorization") != "Bearer hunter2" {
			t.Errorf("%d: %v", n, h)
		}
		return h.Get("X-Scope-OrgID")
	}
	if got := tenant(); got != "first" {
		t.Errorf("the collector is shown %q, want first", got)
	}
	testkit.Write(t, file, "the second")
	testkit.Await(t, "the collector is shown the second value", func() bool { return tenant() == "the second" })
	e.Close()
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "401") {
		t.Errorf("the log has %s", log)
	}
}

// TestAHeaderThatIsNotThere holds that nothing is sent without it.
func TestAHeaderThatIsNotThere(t *testing.T) {
	s := startStub(t, httptest.NewServer, status(200))
	e, log := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x", Headers: map[string]string{"authorization": "env:NOT_SET_ANYWHERE"}})
	e.Observe(told())
	e.settled(t, 1)
	e.Close()
	if len(s.all()) != 0 || e.results[unreachable].Load() != 1 || !strings.Contains(log.String(), "NOT_SET_ANYWHERE") {
		t.Errorf("asked %d times; results %v; log %s", len(s.all()), &e.results, log)
	}
}
