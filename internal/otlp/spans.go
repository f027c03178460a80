package otlp

import (
	"net"
	"strconv"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/apim-edge/apim-edge/proxy/trace"
)

// exchange is what is kept of one until it is sent.
type exchange struct {
	*trace.Trace
	id, method, path, route, reason, cause string
	status                                 int
}

// message returns the body of a request to the collector. TracesData is on the wire what
// ExportTraceServiceRequest is (both have resource_spans as field 1), and does not bring
// gRPC with it.
func message(service, version string, batch []*exchange) ([]byte, error) {
	var spans []*tracepb.Span
	for _, x := range batch {
		spans = x.appendSpans(spans)
	}
	return proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			text("service.name", service), text("service.version", version),
		}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "github.com/apim-edge/apim-edge", Version: version},
			Spans: spans,
		}},
	}}})
}

// appendSpans appends a span of the exchange, one of each attempt below it, and one of
// each wait for a connection below that. Names and attributes are those of OpenTelemetry's
// semantic conventions for HTTP spans (1.43), those of the edge begin with apim_edge.
func (x *exchange) appendSpans(dst []*tracepb.Span) []*tracepb.Span {
	method := methodOf(x.method)
	server := x.span(x.Span, x.Parent[:], x.spanName(method), tracepb.Span_SPAN_KIND_SERVER, x.Start, x.End)
	server.Attributes = append(server.Attributes,
		text("http.request.method", method), text("url.scheme", scheme(x.Secure)), text("url.path", x.path),
		text("http.route", x.Route), text("apim_edge.route", x.route), text("apim_edge.request_id", x.id),
		text("apim_edge.reason", x.reason), text("apim_edge.cause", x.cause))
	if method == otherMethod {
		server.Attributes = append(server.Attributes, text("http.request.method_original", x.method))
	}
	addStatus(server, x.status, "", 500)
	if x.cause != complete && x.cause != preflight {
		fail(server, x.cause)
	}
	dst = append(dst, server)
	for i := range x.Attempts {
		dst = x.appendAttempt(dst, method, i)
	}
	return dst
}

// complete and preflight are the causes of exchanges that have not failed.
const complete, preflight = "complete", "preflight"

func (x *exchange) appendAttempt(dst []*tracepb.Span, method string, i int) []*tracepb.Span {
	a := &x.Attempts[i]
	client := x.span(a.Span, x.Span[:], method, tracepb.Span_SPAN_KIND_CLIENT, a.Start, a.End)
	client.Attributes = append(client.Attributes,
		text("http.request.method", method), text("url.scheme", scheme(a.Secure)), text("apim_edge.upstream", a.Upstream))
	if host, port, err := net.SplitHostPort(a.Address); err == nil {
		n, _ := strconv.ParseInt(port, 10, 64)
		client.Attributes = append(client.Attributes, text("server.address", host), number("server.port", n))
	}
	if i > 0 {
		client.Attributes = append(client.Attributes, number("http.request.resend_count", int64(i)))
	}
	addStatus(client, a.Status, a.Error, 400)
	if a.FirstByte > 0 {
		client.Events = append(client.Events, &tracepb.Span_Event{TimeUnixNano: x.at(a.FirstByte), Name: "first_byte"})
	}
	dst = append(dst, client)
	if a.Waits == 0 {
		return dst
	}
	end := a.Connected
	if end == 0 {
		end = a.End
	}
	connect := x.span(trace.NewSpan(), a.Span[:], "connect", tracepb.Span_SPAN_KIND_INTERNAL, a.Waits, end)
	if a.Connected == 0 && a.Error != "" {
		fail(connect, a.Error)
	}
	return append(dst, connect)
}

func (x *exchange) span(id [8]byte, parent []byte, name string, kind tracepb.Span_SpanKind, start, end time.Duration) *tracepb.Span {
	s := &tracepb.Span{
		TraceId: x.ID[:], SpanId: id[:], Name: name, Kind: kind, Flags: uint32(x.Flags) | parentKnown,
		StartTimeUnixNano: x.at(start), EndTimeUnixNano: x.at(end),
	}
	if [8]byte(parent) != [8]byte{} {
		s.ParentSpanId = parent
		if kind == tracepb.Span_SPAN_KIND_SERVER {
			s.Flags |= parentElsewhere
		}
	}
	return s
}

// What Flags says besides those of the traceparent (trace.proto, SpanFlags).
const (
	parentKnown     = uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	parentElsewhere = uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
)

// at returns the wall clock at a time of the loop.
func (x *exchange) at(t time.Duration) uint64 {
	return uint64(x.Now.Add(t - x.End).UnixNano()) //nolint:gosec // it is behind 1970
}

// spanName is the method and the route, as the conventions want it: both are of few
// values.
func (x *exchange) spanName(method string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	return method + " " + x.Route
}

// addStatus adds what an answer has said, or why none came. From failed on a status is an
// error of the span.
func addStatus(s *tracepb.Span, status int, cause string, failed int) {
	if status > 0 {
		s.Attributes = append(s.Attributes, number("http.response.status_code", int64(status)))
	}
	switch {
	case cause != "":
		fail(s, cause)
	case status >= failed:
		fail(s, strconv.Itoa(status))
	}
}

// fail marks a span as failed. The first cause stays.
func fail(s *tracepb.Span, cause string) {
	if s.Status == nil {
		s.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR}
		s.Attributes = append(s.Attributes, text("error.type", cause))
	}
}

const otherMethod = "_OTHER"

// methodOf returns a method of few values.
func methodOf(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY":
		return method
	}
	return otherMethod
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}
