package otlp

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// shown writes a span as text: all of it but its ids.
func shown(s *tracepb.Span) string {
	var lines []string
	for _, a := range s.Attributes {
		v := a.Value.GetStringValue()
		if v == "" {
			v = fmt.Sprint(a.Value.GetIntValue())
		}
		lines = append(lines, a.Key+"="+v)
	}
	slices.Sort(lines)
	second := func(t uint64) string { return time.Unix(0, int64(t)).UTC().Format("05") }
	for _, e := range s.Events {
		lines = append(lines, e.Name+" at "+second(e.TimeUnixNano))
	}
	return fmt.Sprintf("%s %s %s-%s %s\n%s", s.Name, strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_"),
		second(s.StartTimeUnixNano), second(s.EndTimeUnixNano), s.Status.GetCode(), strings.Join(lines, "\n"))
}

// TestSpansOfAnExchange holds what a collector gets, as the official messages read it.
func TestSpansOfAnExchange(t *testing.T) {
	s := startStub(t, httptest.NewServer, status(200))
	e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL + "/", ServiceName: "edge-1"})
	e.Observe(told())
	e.Observe(&record.Record{}) // one that is not traced
	e.Close()
	all := s.all()
	if len(all) != 1 || all[0].path != "/v1/traces" || all[0].fieldType != "application/x-protobuf" || all[0].header.Get("User-Agent") != "apim-edge/test" {
		t.Fatalf("the collector was asked %+v", all)
	}
	from := all[0].data.ResourceSpans[0]
	if a := from.Resource.Attributes; a[0].Key != "service.name" || a[0].Value.GetStringValue() != "edge-1" || a[1].Value.GetStringValue() != "test" {
		t.Errorf("resource %v", a)
	}
	spans := from.ScopeSpans[0].Spans
	want := []string{`POST /openai SERVER 00-10 STATUS_CODE_UNSET
apim_edge.cause=complete
apim_edge.reason=bearer_key
apim_edge.request_id=id-1
apim_edge.route=api
http.request.method=POST
http.response.status_code=429
http.route=/openai
url.path=/openai/v1/responses
url.scheme=https`, `POST CLIENT 01-02 STATUS_CODE_ERROR
apim_edge.upstream=ptu
error.type=upstream_connect_failed
http.request.method=POST
server.address=ptu.example.com
server.port=443
url.scheme=https`, `connect INTERNAL 01-02 STATUS_CODE_ERROR
error.type=upstream_connect_failed`, `POST CLIENT 03-10 STATUS_CODE_ERROR
apim_edge.upstream=east
error.type=429
http.request.method=POST
http.request.resend_count=1
http.response.status_code=429
server.address=2001:db8::1
server.port=8443
url.scheme=https
first_byte at 07`, `connect INTERNAL 04-05 STATUS_CODE_UNSET
`}
	if len(spans) != len(want) {
		t.Fatalf("%d spans, want %d", len(spans), len(want))
	}
	ids := map[string]bool{}
	for i, span := range spans {
		if got := shown(span); got != want[i] {
			t.Errorf("span %d:\n%s\nwant\n%s", i, got, want[i])
		}
		ids[string(span.SpanId)] = true
		if len(span.TraceId) != 16 || len(span.SpanId) != 8 || string(span.TraceId) != string(spans[0].TraceId) {
			t.Errorf("span %d has the ids %x and %x", i, span.TraceId, span.SpanId)
		}
	}
	if len(ids) != len(spans) {
		t.Errorf("%d ids for %d spans", len(ids), len(spans))
	}
	for child, parent := range map[int]int{1: 0, 2: 1, 3: 0, 4: 3} {
		if string(spans[child].ParentSpanId) != string(spans[parent].SpanId) || spans[child].Flags != 0x101 {
			t.Errorf("span %d is not below span %d: flags %x", child, parent, spans[child].Flags)
		}
	}
	if server := spans[0]; string(server.ParentSpanId) != "\x04\x05\x00\x00\x00\x00\x00\x00" || server.Flags != 0x301 {
		t.Errorf("the parent is %x, flags %x", server.ParentSpanId, server.Flags)
	}
	if text := all[0].data.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "api-version") {
		t.Errorf("a query is told: %s", text)
	}
}

// TestOddExchanges holds what is told where there is less to tell, or more than wanted.
func TestOddExchanges(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*record.Record)
		want   []string
		not    string
	}{
		{"an error of the edge", func(r *record.Record) {
			r.Status, r.Code, r.Trace.Attempts = 401, edgeerr.CredentialMissing, nil
		}, []string{"SERVER 00-10 STATUS_CODE_ERROR", "error.type=credential_missing", "http.response.status_code=401"}, "CLIENT"},
		{"no answer", func(r *record.Record) { r.Status, r.Code = 0, edgeerr.ClientLeft }, []string{"error.type=client_left"}, "status_code=0"},
		{"a method that nobody knows", func(r *record.Record) { r.Method = []byte("BREW") },
			[]string{"HTTP /openai SERVER", "http.request.method=_OTHER", "http.request.method_original=BREW", "_OTHER CLIENT"}, ""},
		{"a trace that begins here", func(r *record.Record) { r.Trace.Parent = [8]byte{} }, []string{"POST /openai SERVER"}, ""},
		{"a path that is no text", func(r *record.Record) { r.Path = []byte("/\xff") }, []string{"url.path=/\ufffd"}, ""},
		{"an upstream's own failure", func(r *record.Record) { r.Status = 503 }, []string{"error.type=503"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startStub(t, httptest.NewServer, status(200))
			e, _ := exporterTo(t, config.Traces{Endpoint: s.server.URL, ServiceName: "x"})
			r := told()
			tc.change(r)
			e.Observe(r)
			e.Close()
			text := ""
			for _, span := range s.all()[0].data.ResourceSpans[0].ScopeSpans[0].Spans {
				text += shown(span) + "\n"
			}
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("want %q in\n%s", want, text)
				}
			}
			if tc.not != "" && strings.Contains(text, tc.not) {
				t.Errorf("there is %q in\n%s", tc.not, text)
			}
		})
	}
}
