package otlp

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/trace"
	"github.com/apim-edge/apim-edge/rewrite"
)

// asked is one request to the collector.
type asked struct {
	path, fieldType string
	header          http.Header
	data            *tracepb.TracesData
}

// stub is a collector that answers as it is told: the next answer each time, and the last
// one for ever. All it is sent has to be what the official messages can read.
type stub struct {
	t       *testing.T
	server  *httptest.Server
	mu      sync.Mutex
	answers []func(w http.ResponseWriter)
	asked   []asked
}

func status(code int, fields ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(code)
	}
}

func startStub(t *testing.T, start func(http.Handler) *httptest.Server, answers ...func(http.ResponseWriter)) *stub {
	s := &stub{t: t, answers: answers}
	s.server = start(s)
	t.Cleanup(s.server.Close)
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	data := &tracepb.TracesData{}
	if err == nil {
		err = proto.Unmarshal(body, data)
	}
	if err != nil || len(data.ProtoReflect().GetUnknown()) > 0 {
		s.t.Errorf("the collector cannot read %x: %v", body, err)
	}
	s.mu.Lock()
	s.asked = append(s.asked, asked{r.URL.Path, r.Header.Get("Content-Type"), r.Header, data})
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.mu.Unlock()
	answer(w)
}

func (s *stub) all() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// exporterTo returns an exporter that waits for nothing between two tries.
func exporterTo(t *testing.T, conf config.Traces) (*Exporter, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	e := newExporter(zerolog.New(&log), "test", time.Millisecond)
	c, err := Compile(conf)
	testkit.Must(t, err)
	if c != nil {
		c.backoff = func(int) time.Duration { return 0 }
	}
	e.Use(c)
	return e, &log
}

// told is the record of one exchange with two attempts.
func told() *record.Record {
	m := record.NewMetrics("test", func() float64 { return 0 })
	now := time.Date(2026, 11, 28, 12, 0, 10, 0, time.UTC)
	x := &trace.Trace{
		Context: trace.Context{ID: [16]byte{1, 2, 3}, Parent: [8]byte{4, 5}, Flags: 1}, Span: [8]byte{6},
		Route: "/openai", Secure: true, Start: time.Second, End: 11 * time.Second, Now: now,
	}
	x.Begin(trace.Attempt{Upstream: "ptu", Address: "ptu.example.com:443", Secure: true, Start: 2 * time.Second})
	*x.Last() = trace.Attempt{Span: x.Last().Span, Upstream: "ptu", Address: "ptu.example.com:443", Secure: true,
		Start: 2 * time.Second, Waits: 2 * time.Second, End: 3 * time.Second, Error: "upstream_connect_failed"}
	x.Begin(trace.Attempt{Upstream: "east", Address: "[2001:db8::1]:8443", Secure: true, Start: 4 * time.Second})
	last := x.Last()
	last.Waits, last.Connected, last.FirstByte, last.End, last.Status = 5*time.Second, 6*time.Second, 8*time.Second, 11*time.Second, 429
	return &record.Record{
		ID: []byte("id-1"), Method: []byte("POST"), Path: []byte("/openai/v1/responses?api-version=1&subscription-key=hunter2"),
		Route: m.Route("api", "ptu"), Upstream: "east", Reason: rewrite.ReasonBearerKey, Status: 429, Trace: x,
	}
}
