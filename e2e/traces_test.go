//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	tracedEdge = `
admin: {address: ""}
log: {format: json}
upstreams: {key: {url: "%s"}}
traces: {endpoint: "http://%s", sample: 1, service_name: edge-of-the-test}
`
	collectorSettings = `
receivers: {otlp: {protocols: {http: {endpoint: "%s"}}}}
exporters: {debug: {verbosity: detailed}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
`
)

// TestACollectorTakesTheSpans has an OpenTelemetry collector print what an edge sends it.
// It is skipped where e2e/collector/build has not built one: make trace-check does both.
func TestACollectorTakesTheSpans(t *testing.T) {
	program := cached("collector", "build", "otelcol")
	if _, err := os.Stat(program); err != nil {
		t.Skip("there is no collector: make trace-check builds one, in two minutes")
	}
	address := testkit.Unused(t)
	settings := testkit.File(t, "collector.yaml", fmt.Sprintf(collectorSettings, address))
	collector := testkit.Serve(t, address, exec.Command(program, "--config="+settings))
	e := edge.Run(t, fmt.Sprintf(tracedEdge, shared.Key.URL, address))
	const id = "0af7651916cd43dd8448eb211c80319c"
	got := curl(t, "", "http://"+e.Address()+chatV1+"?subscription-key="+subscriptionKey, "-d", hello, "-H", "traceparent: 00-"+id+"-b7ad6b7169203331-01")
	if !got.OK {
		t.Fatalf("the client gets %+v", got)
	}
	testkit.Await(t, "the collector has got the spans", func() bool { return strings.Contains(collector.Said(), "Name           : connect") })
	text := collector.Said()
	for _, want := range []string{
		"service.name: Str(edge-of-the-test)", "Trace ID       : " + id, "Parent ID      : b7ad6b7169203331",
		"Kind           : Server", "Kind           : Client", "Kind           : Internal", "Name           : POST /",
		"url.path: Str(" + chatV1 + ")", "http.response.status_code: Int(200)", "server.address: Str(127.0.0.1)",
		"apim_edge.upstream: Str(key)", "apim_edge.cause: Str(complete)", "Name: first_byte",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the collector does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, subscriptionKey) {
		t.Errorf("the collector was told the key:\n%s", text)
	}
}
