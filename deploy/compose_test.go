package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestComposeFitsTheEdge: what compose.yaml mounts is there, the edge takes its
// configuration and the variable, and Docker waits for the drain.
func TestComposeFitsTheEdge(t *testing.T) {
	compose := parse(t, testkit.Read(t, "compose.yaml"))
	for _, service := range []string{"edge", "balancer", "prometheus", "grafana"} {
		volumes := compose.at("services", service, "volumes").list()
		if len(volumes) == 0 {
			t.Errorf("%s mounts nothing", service)
		}
		for _, volume := range volumes {
			from, _, _ := strings.Cut(volume.text(), ":")
			if _, err := os.Stat(from); strings.HasPrefix(from, ".") && err != nil {
				t.Errorf("%s mounts %s, which is not there", service, from)
			}
		}
	}
	edge := compose.at("services", "edge")
	c := load(t, testkit.Read(t, "compose/edge/config.yaml"))
	if _, port, _ := strings.Cut(c.Admin.Address, ":"); port != "9090" || c.Listen.Address != ":8080" {
		t.Errorf("the edge listens on %s and %s, the balancer and Prometheus ask 8080 and 9090", c.Listen.Address, c.Admin.Address)
	}
	grace, err := time.ParseDuration(edge.at("stop_grace_period").text())
	if needs := toEnd(c); err != nil || grace < needs {
		t.Errorf("killed after %v (%v), but the drain needs %v", grace, err, needs)
	}
	const variable = "APIM_EDGE__UPSTREAMS__LEGACY__URL"
	if edge.at("environment", variable).value == nil {
		t.Fatalf("compose.yaml does not set %s", variable)
	}
	c, err = config.Load(config.Options{File: "compose/edge/config.yaml", Environ: []string{variable + "=https://fabrikam.azure-api.net"}})
	if err != nil || c.Upstreams["legacy"].URL != "https://fabrikam.azure-api.net" {
		t.Errorf("got %q, %v, want the URL of the variable", c.Upstreams["legacy"].URL, err)
	}
	for _, args := range edge.at("command").list() {
		if file := args.text(); filepath.IsAbs(file) && file != "/etc/apim-edge/config.yaml" {
			t.Errorf("the edge reads %s", file)
		}
	}
}

// TestOnlyThisMachineReachesCompose: what is published is on loopback, and the admin
// listener of no edge is.
func TestOnlyThisMachineReachesCompose(t *testing.T) {
	services, _ := parse(t, testkit.Read(t, "compose.yaml")).at("services").value.(map[string]any)
	for name, service := range services {
		for _, port := range (node{service}).at("ports").list() {
			if !strings.HasPrefix(port.text(), "127.0.0.1:") || name == "edge" {
				t.Errorf("%s publishes %s", name, port.text())
			}
		}
	}
}

// TestPrometheusFindsTheEdges: each replica is scraped under the name that the alerts
// expect, and the balancer looks for the service of the same name.
func TestPrometheusFindsTheEdges(t *testing.T) {
	job := parse(t, testkit.Read(t, "compose/prometheus.yml")).at("scrape_configs", 0)
	want(t, "job", job.at("job_name"), "apim-edge")
	want(t, "targets", job.at("dns_sd_configs", 0, "names"), []any{"edge"})
	want(t, "port", job.at("dns_sd_configs", 0, "port"), 9090)
	if alerts := testkit.Read(t, "../configs/monitoring/alerts.yaml"); !strings.Contains(alerts, `job="apim-edge"`) {
		t.Error("the alerts expect another job")
	}
	balancer := testkit.Read(t, "compose/haproxy.cfg")
	replicas := parse(t, testkit.Read(t, "compose.yaml")).at("services", "edge", "deploy", "replicas").text()
	if !strings.Contains(balancer, "server-template edge "+replicas+" edge:8080 ") {
		t.Errorf("the balancer does not look for %s edges", replicas)
	}
	wait := regexp.MustCompile(`timeout (?:client|server) (\w+)`).FindAllStringSubmatch(balancer, -1)
	for _, m := range wait {
		if d, err := time.ParseDuration(m[1]); err != nil || d <= config.Default().Timeouts.StreamIdle.Duration {
			t.Errorf("%s cuts silent streams before the edge does (%v)", m[0], err)
		}
	}
	if len(wait) != 2 {
		t.Errorf("found %q, want the bounds of both sides", wait)
	}
}

// TestGrafanaFindsWhatIsMounted: the files of its provisioning name the services and
// folders of compose.yaml.
func TestGrafanaFindsWhatIsMounted(t *testing.T) {
	compose := testkit.Read(t, "compose.yaml")
	source := parse(t, testkit.Read(t, "compose/grafana/datasources.yaml")).at("datasources", 0)
	want(t, "data source", source.at("url"), "http://prometheus:9090")
	want(t, "default", source.at("isDefault"), true)
	folder := parse(t, testkit.Read(t, "compose/grafana/dashboards.yaml")).at("providers", 0, "options", "path").text()
	if !strings.Contains(compose, "../configs/monitoring/dashboard.json:"+folder+"/") {
		t.Errorf("no dashboard is mounted in %s", folder)
	}
	home := parse(t, compose).at("services", "grafana", "environment", "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH").text()
	if !strings.Contains(compose, "../configs/monitoring/dashboard.json:"+home+":") {
		t.Errorf("the first page is %s, which is not mounted", home)
	}
}
