package deploy

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// fromEnvironment loads a configuration that stands in variables alone.
func fromEnvironment(t *testing.T, variables [][]string) config.Config {
	t.Helper()
	environ := []string{"APIM_EDGE__UPSTREAMS__LEGACY__URL=https://contoso.azure-api.net"}
	for _, m := range variables {
		environ = append(environ, m[1]+"="+m[2])
	}
	c, err := config.Load(config.Options{Environ: environ})
	if err != nil {
		t.Fatalf("the edge refuses its configuration: %v", err)
	}
	for _, w := range c.Warnings() {
		t.Errorf("warning: %v", w)
	}
	return c
}

// silence is the time without a byte after which the platforms cut, and the least of
// them is App Service's.
const silence = 230 * time.Second

// speaks: a stream is never silent for so long, and a late answer becomes the edge's own error.
func speaks(t *testing.T, c config.Config) {
	t.Helper()
	for name, route := range c.Routes {
		if beat := route.Heartbeat.Duration; beat <= 0 || beat >= silence/2 {
			t.Errorf("the route %s is silent for %v", name, beat)
		}
	}
	if late := c.Timeouts.ResponseHead.Duration; late >= silence {
		t.Errorf("the platform answers before response_head of %v ends", late)
	}
}

// TestTheContainerAppFitsTheEdge: the variables of the Bicep file are a configuration,
// and its probes, port and grace period are those of that configuration.
func TestTheContainerAppFitsTheEdge(t *testing.T) {
	bicep := testkit.Read(t, "azure/container-app.bicep")
	variables := regexp.MustCompile(`name: '(APIM_EDGE__\w+)', value: '([^']+)'`).FindAllStringSubmatch(bicep, -1)
	if len(variables) < 5 || !strings.Contains(bicep, "'APIM_EDGE__UPSTREAMS__LEGACY__URL', value: upstreamUrl") {
		t.Fatalf("found the variables %q, want all", variables)
	}
	c := fromEnvironment(t, variables)
	speaks(t, c)
	for _, line := range []string{
		"targetPort: " + strings.TrimPrefix(c.Listen.Address, ":") + "\n",
		"httpGet: { path: '" + c.Listen.HealthPath + "', port: 8080 }\n", "tcpSocket: { port: 8080 }\n", "args: [ 'serve' ]\n",
	} {
		if !strings.Contains(bicep, line) {
			t.Errorf("the Bicep file has no %q", line)
		}
	}
	grace := number(t, bicep, `terminationGracePeriodSeconds: (\d+)`)
	if needs := toEnd(c); grace < needs {
		t.Errorf("killed after %v, but the drain needs %v", grace, needs)
	}
	// The port is closed while the edge drains.
	_, liveness, _ := strings.Cut(bicep, "type: 'Liveness'")
	if dead := number(t, liveness, `periodSeconds: (\d+)`) * (number(t, liveness, `failureThreshold: (\d+)`) / time.Second); dead <= c.Timeouts.Drain.Duration {
		t.Errorf("taken for dead after %v of a drain of %v", dead, c.Timeouts.Drain.Duration)
	}
	if c.Admin.Address != "127.0.0.1:9090" {
		t.Errorf("the admin listener is at %s", c.Admin.Address)
	}
}

// TestTheAppServiceFitsTheEdge: the settings that the page names are a configuration
// that drains before the platform kills.
func TestTheAppServiceFitsTheEdge(t *testing.T) {
	page := testkit.Read(t, "../docs/azure-hosting.md")
	_, part, _ := strings.Cut(page, "\n## App Service\n")
	part, _, _ = strings.Cut(part, "\n## ")
	variables := regexp.MustCompile(`(?m)^ +(APIM_EDGE__\w+)=([\w/:.]+)`).FindAllStringSubmatch(part, -1)
	if len(variables) < 5 {
		t.Fatalf("found the settings %q, want all", variables)
	}
	c := fromEnvironment(t, variables)
	speaks(t, c)
	if _, port, _ := strings.Cut(c.Listen.Address, ":"); !strings.Contains(part, "WEBSITES_PORT="+port+" ") {
		t.Errorf("WEBSITES_PORT is not %s", port)
	}
	if !strings.Contains(part, `"healthCheckPath": "`+c.Listen.HealthPath+`"`) || c.Listen.HealthPath == "" {
		t.Errorf("the platform does not ask %q", c.Listen.HealthPath)
	}
	stop := number(t, part, `WEBSITES_CONTAINER_STOP_TIME_LIMIT=(\d+)`)
	if needs := toEnd(c); stop < needs || stop > 120*time.Second {
		t.Errorf("killed after %v, of at most 120 s, but the drain needs %v", stop, needs)
	}
}

// number returns seconds that stand in a text.
func number(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing fits %s", pattern)
	}
	n, err := strconv.Atoi(m[1])
	testkit.Must(t, err)
	return time.Duration(n) * time.Second
}
