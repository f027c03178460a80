package config

import (
	"errors"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Traces says which exchanges are told as spans, and to whom.
type Traces struct {
	// Where the collector takes OTLP over HTTP, such as http://collector:4318. The
	// path /v1/traces is put behind it. Empty: nothing is traced, and traceparent
	// passes as it comes.
	Endpoint string `koanf:"endpoint" secret:"userinfo"`
	// The share of requests that begin a trace: 0.01 is one in a hundred. A request
	// with a traceparent is traced where that says so, whatever stands here.
	Sample Share `koanf:"sample"`
	// Fields that the collector asks for, each with env:NAME, file:/path or
	// keyvault:URL of its value: {Authorization: env:OTLP_TOKEN}.
	Headers map[string]string `koanf:"headers" secret:"reference"`
	// What apim-edge is called in traces (service.name).
	ServiceName string `koanf:"service_name"`
	// PEM file with the certificate authorities to trust at an https collector,
	// instead of the system's.
	CAFile string `koanf:"ca_file"`
}

// Share is a part of a whole: a number from 0 to 1.
type Share struct{ Of float64 }

// UnmarshalText reads a number from 0 to 1.
func (s *Share) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > 1 {
		return errors.New("not a number from 0 to 1")
	}
	s.Of = v
	return nil
}

// String writes all digits that it takes.
func (s Share) String() string { return strconv.FormatFloat(s.Of, 'f', -1, 64) }

// respellShare takes a percentage for what it means.
func respellShare(word string) string {
	percent, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(word, "%")), 64)
	if err != nil || !strings.HasSuffix(word, "%") || percent < 0 || percent > 100 {
		return ""
	}
	return Share{percent / 100}.String()
}

// tracesPath is the path of the collector for spans (OTLP, section OTLP/HTTP Request).
const tracesPath = "/v1/traces"

func (v *checker) traces() {
	t := v.config.Traces
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		key := option.Child("traces.headers", name)
		v.fault(key, "", referenceFault(t.Headers[name]), "")
		if rewrite.FieldFault(name) != "" {
			v.fault(key, option.Show(name), "this is no name of a field", "")
		}
	}
	if t.Endpoint == "" {
		return
	}
	fault, meant := urlFault(t.Endpoint)
	v.fault("traces.endpoint", option.Show(maskURL(t.Endpoint)), fault, meant)
	u, err := url.Parse(t.Endpoint)
	if fault != "" || err != nil {
		return
	}
	if before, ok := strings.CutSuffix(strings.TrimSuffix(t.Endpoint, "/"), tracesPath); ok {
		v.fault("traces.endpoint", option.Show(maskURL(t.Endpoint)), tracesPath+" is put behind it", before)
	}
	if u.Port() == "4317" {
		v.fault("traces.endpoint", option.Show(maskURL(t.Endpoint)), "4317 is the port of OTLP over gRPC, which is not spoken here; over HTTP it is 4318, mostly", "")
	}
	if t.CAFile != "" && u.Scheme != "https" {
		v.fault("traces.ca_file", "", "there is no TLS to a collector whose endpoint begins with http://", "")
	}
	if t.ServiceName == "" {
		v.fault("traces.service_name", "", "the name is missing, such as apim-edge", "")
	}
}

// tracesWarnings tells of what has no effect, and of what can be read on the way.
func (v *checker) tracesWarnings() {
	t := v.config.Traces
	if t.Endpoint == "" && (len(t.Headers) > 0 || t.CAFile != "") {
		v.fault("traces", "", "nothing here has an effect while endpoint is empty", "")
	}
	if u, err := url.Parse(t.Endpoint); err == nil && u.Scheme == "http" && len(t.Headers) > 0 && !isLoopback(u.Hostname()) {
		v.fault("traces.endpoint", option.Show(maskURL(t.Endpoint)), "over http:// the headers can be read on the way", "")
	}
}

// URL returns where spans are posted to.
func (t Traces) URL() string { return strings.TrimSuffix(t.Endpoint, "/") + tracesPath }

// Sources returns where the values of the headers come from, by the names of the fields.
func (t Traces) Sources() (map[string]secret.Source, error) {
	sources := map[string]secret.Source{}
	for name, ref := range t.Headers {
		source, err := secret.Parse(ref)
		if err != nil {
			return nil, err
		}
		sources[name] = source
	}
	return sources, nil
}
