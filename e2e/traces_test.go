//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
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
	address := unusedAddress(t)
	said := startCollector(t, program, address)
	e := edge.Run(t, fmt.Sprintf(tracedEdge, shared.Key.URL, address))
	const id = "0af7651916cd43dd8448eb211c80319c"
	got := curl(t, "", "http://"+e.Address()+chatV1+"?subscription-key="+subscriptionKey, "-d", hello, "-H", "traceparent: 00-"+id+"-b7ad6b7169203331-01")
	if !got.OK {
		t.Fatalf("the client gets %+v", got)
	}
	text := ""
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if text = said(); strings.Contains(text, "Name           : connect") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the collector has not got the spans:\n%s", text)
		}
	}
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

// startCollector starts the collector and waits until it listens. What comes returns what
// it has said so far.
func startCollector(t *testing.T, program, address string) func() string {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(settings, []byte(fmt.Sprintf(collectorSettings, address)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config="+settings)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
	})
	said := func() string {
		text, _ := os.ReadFile(log.Name())
		return string(text)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return said
		}
		if time.Now().After(end) {
			t.Fatalf("the collector does not listen:\n%s", said())
		}
	}
}
