//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestPromtoolAcceptsTheAlerts has promtool check the rules and run their tests.
func TestPromtoolAcceptsTheAlerts(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", "../configs/monitoring/alerts.yaml"}, {"test", "rules", "../configs/monitoring/alerts_test.yaml"}} {
		if out, err := exec.Command(edge.Find(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// quietPanels are parts of those queries of the dashboard that find nothing where
// nothing is wrong.
var quietPanels = []string{") > 0", "certificate_expiry", `changes(`}

// TestAlertsAndDashboardRun asks a Prometheus that has scraped a used edge everything that
// they ask: each panel has something to show, and no alert fires.
func TestAlertsAndDashboardRun(t *testing.T) {
	admin := testkit.Unused(t)
	e := edge.Run(t, fmt.Sprintf(queriedEdge, admin, shared.Key.URL))
	p := startPrometheus(t, admin)
	p.await(`apim_edge_ready`, 1)
	callAs(t, e, "litellm/1.0", subscriptionKey, 200)
	callAs(t, e, "curl/8", "", 401)
	p.await(`sum(apim_edge_requests_total)`, 2)
	p.await(`count_over_time(apim_edge_requests_total{code="401"}[10s]) > bool 2`, 1)

	variables := strings.NewReplacer("$job", ".+", "$instance", ".+", "$route", ".+", "$__rate_interval", "1m", "$__range", "1h")
	queries := dashboardQueries(t)
	if len(queries) < 30 {
		t.Fatalf("found %d queries, want more", len(queries))
	}
	for _, query := range queries {
		query = variables.Replace(query)
		if found := p.ask(t, query); len(found) == 0 && !containsAny(query, quietPanels) {
			t.Errorf("%s\nfinds nothing", query)
		}
	}
	for name, expr := range alertExpressions(t) {
		// One refusal of two are more than one in five, as they should be.
		if found := p.ask(t, expr); len(found) > 0 && name != "ApimEdgeUpstreamRefuses" {
			t.Errorf("%s fires: %v", name, found)
		}
	}
}

// dashboardQueries returns every query of the dashboard.
func dashboardQueries(t *testing.T) (queries []string) {
	t.Helper()
	var d struct {
		Annotations struct{ List []struct{ Expr string } }
		Panels      []struct{ Targets []struct{ Expr string } }
	}
	testkit.JSON(t, testkit.Read(t, "../configs/monitoring/dashboard.json"), &d)
	for _, a := range d.Annotations.List {
		queries = append(queries, a.Expr)
	}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	return queries
}

func alertExpressions(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	testkit.Must(t, yaml.Unmarshal([]byte(testkit.Read(t, "../configs/monitoring/alerts.yaml")), &file))
	all := map[string]string{}
	for _, r := range file.Groups[0].Rules {
		all[r.Alert] = r.Expr
	}
	return all
}
