//go:build e2e

package e2e

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestThePartsOfCompose runs the parts of deploy/compose.yaml with its files, without
// Docker: two edges, HAProxy in front, and promtool for Prometheus. Only addresses are
// others, where Docker's DNS would give them.
func TestThePartsOfCompose(t *testing.T) {
	balancer := testkit.Unused(t)
	var edges []*edge.Edge
	servers := ""
	for i := range 2 {
		e := edge.Run(t, composedEdge(t, shared.Key.URL))
		edges = append(edges, e)
		_, admin, _ := net.SplitHostPort(e.AdminAddress())
		servers += fmt.Sprintf("    server edge%d %s check addr 127.0.0.1 port %s\n", i+1, e.Address(), admin)
	}
	settings := testkit.File(t, "haproxy.cfg", replaced(t, deployed(t, "compose/haproxy.cfg"), map[string]string{
		`bind :8080`:                     "bind " + balancer,
		`(?m)^    server-template .*\n`:  servers,
		`default-server check port 9090`: "default-server",
	}))
	testkit.Serve(t, balancer, exec.Command(edge.Find(t, "haproxy"), "-db", "-f", settings))
	balanced := func(what string) {
		t.Helper()
		if got := curl(t, "", "http://"+balancer+chatV1, "-d", hello, "-H", "Authorization: Bearer "+subscriptionKey); !got.OK {
			t.Fatalf("%s: %+v", what, got)
		}
	}
	for i, e := range edges {
		testkit.Await(t, fmt.Sprintf("the balancer uses edge %d", i+1), func() bool {
			balanced("both edges run")
			return e.Count("exchange") > 0
		})
	}
	// One drains. Until it has gone, and afterwards, every exchange is answered.
	testkit.Must(t, edges[0].Signal(syscall.SIGTERM))
	for !edges[0].Gone() {
		balanced("one edge drains")
	}
	balanced("one edge has gone")
}

// TestPromtoolTakesThePrometheusOfCompose: its file, with the rules where they are mounted.
func TestPromtoolTakesThePrometheusOfCompose(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"prometheus.yml": deployed(t, "compose/prometheus.yml"), "alerts.yaml": testkit.Read(t, "../configs/monitoring/alerts.yaml"),
	} {
		testkit.Write(t, filepath.Join(dir, name), text)
	}
	out, err := exec.Command(edge.Find(t, "promtool"), "check", "config", filepath.Join(dir, "prometheus.yml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "rules found") {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

func deployed(t *testing.T, file string) string {
	t.Helper()
	return testkit.Read(t, "../deploy/"+file)
}

// composedEdge is the configuration of compose.yaml with other addresses.
func composedEdge(t *testing.T, upstream string) string {
	t.Helper()
	return replaced(t, deployed(t, "compose/edge/config.yaml"), map[string]string{
		`address: ":9090"`:                   `address: "127.0.0.1:0"`,
		`https://contoso\.azure-api\.net`:    upstream,
		`(?m)^log: \{format: json\}(?:\n|$)`: "log: {format: json}\nlisten: {address: \"127.0.0.1:0\"}\n",
	})
}

// replaced replaces each pattern, all of which have to be there.
func replaced(t *testing.T, text string, by map[string]string) string {
	t.Helper()
	for pattern, with := range by {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(text) {
			t.Fatalf("there is no %s in\n%s", pattern, text)
		}
		text = re.ReplaceAllLiteralString(text, with)
	}
	return text
}
