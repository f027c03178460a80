package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const configs = "../../configs/monitoring/"

// rule is one of configs/monitoring/alerts.yaml; a key that it does not have is a fault.
type rule struct {
	Alert       string
	Expr        string
	For         string
	Labels      struct{ Severity string }
	Annotations struct {
		Summary, Description string
		Runbook              string `yaml:"runbook_url"`
	}
}

func alerts(t *testing.T) []rule {
	t.Helper()
	file, err := os.Open(configs + "alerts.yaml")
	testkit.Must(t, err)
	defer file.Close() //nolint:errcheck // read only
	var all struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	testkit.Must(t, d.Decode(&all))
	if len(all.Groups) != 1 || len(all.Groups[0].Rules) < 10 {
		t.Fatalf("found %d groups, want one with all rules", len(all.Groups))
	}
	return all.Groups[0].Rules
}

// TestAlertsSayWhatToDo holds that each has a sentence, something to do, and a
// paragraph in the docs, and that no paragraph is left over.
func TestAlertsSayWhatToDo(t *testing.T) {
	page := testkit.Read(t, "../../docs/alerts.md")
	left := map[string]string{}
	for _, part := range strings.Split(page, "\n### ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		left[name] = strings.TrimSpace(text)
	}
	const docs = "https://github.com/apim-edge/apim-edge/blob/main/docs/alerts.md#"
	for _, r := range alerts(t) {
		if r.Annotations.Summary == "" || len(r.Annotations.Description) < 60 {
			t.Errorf("%s does not say what has happened and what to do", r.Alert)
		}
		if r.Annotations.Runbook != docs+strings.ToLower(r.Alert) {
			t.Errorf("%s links to %s", r.Alert, r.Annotations.Runbook)
		}
		severity, _, _ := strings.Cut(left[r.Alert], ".")
		if strings.ToLower(severity) != r.Labels.Severity || strings.Contains(left[r.Alert], "\n\n") || len(left[r.Alert]) < 60 {
			t.Errorf("docs/alerts.md has no short paragraph of %s that begins with its severity, %s: %q", r.Alert, r.Labels.Severity, left[r.Alert])
		}
		delete(left, r.Alert)
	}
	if len(left) > 0 {
		t.Errorf("docs/alerts.md explains what is no alert: %v", left)
	}
}

// expressions returns every query of the dashboard, with the text of its legend.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	text := testkit.Read(t, configs+"dashboard.json")
	d, faults := readDashboard([]byte(text))
	if len(faults) > 0 {
		t.Fatalf("configs/monitoring/dashboard.json: %.2000q", faults)
	}
	for _, v := range d.Templating.List {
		if v.Query != nil && v.Query.String != nil && strings.Contains(*v.Query.String, "apim_edge_") {
			all = append(all, *v.Query.String)
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, *a.Expr)
	}
	for _, p := range d.Panels {
		if p.Panel == nil || p.Panel.Type == "row" {
			continue
		}
		if p.Panel.Description == nil || len(p.Panel.Targets) == 0 {
			t.Errorf("panel %q lacks a description or queries", *p.Panel.Title)
		}
		for _, target := range p.Panel.Targets {
			query, ok := target.(*prometheus.Dataquery)
			if !ok {
				t.Fatalf("panel %q asks no Prometheus: %T", *p.Panel.Title, target)
			}
			all = append(all, query.Expr+" "+*query.LegendFormat)
		}
	}
	if len(all) < 30 {
		t.Fatalf("found %d queries, want more", len(all))
	}
	return all
}

// scrape is what a running edge has that was used: the series of each metric.
type scrape map[string][]map[string]string

func scrapeOfAUsedEdge(t *testing.T) scrape {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(api.Close)
	certificate := testcert.Temp(t, "edge.test")
	t.Setenv("MONITORED_KEY", "0123456789abcdef")
	r := start(t, api.URL, fmt.Sprintf(`
upstreams:
  legacy: {url: "{UPSTREAM}"}
  own: {url: "https://127.0.0.1:1", auth: {header: api-key, value: "env:MONITORED_KEY"}, tls: {cert_file: %q, key_file: %q}}
routes:
  default: {upstream: legacy}
  own: {path_prefix: /own, upstream: own, open: true}
`, certificate.CertFile, certificate.KeyFile))
	t.Cleanup(func() { r.Stop("test") })
	for _, path := range []string{"/works", "/fails", "/own/works"} {
		if answer := r.get(path); !strings.HasPrefix(answer, "HTTP/1.1 ") {
			t.Fatalf("%s: %q", path, answer)
		}
	}
	families, err := r.metrics.Registry.Gather()
	testkit.Must(t, err)
	found := scrape{"up": {{}}}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			series := map[string]string{}
			for _, l := range m.GetLabel() {
				series[l.GetName()] = l.GetValue()
			}
			name := f.GetName()
			if m.GetHistogram() != nil {
				name += "_bucket"
				series["le"] = "+Inf"
			}
			found[name] = append(found[name], series)
		}
	}
	for name := range found {
		for i := range found[name] {
			found[name][i]["job"], found[name][i]["instance"] = "apim-edge", "a"
		}
	}
	return found
}

var (
	metricName = regexp.MustCompile(`\b(?:up|(?:apim_edge|process|go)_\w+)\b`)
	selector   = regexp.MustCompile(`\b(up\b|(?:apim_edge|process|go)_\w+)(?:\{([^}]*)\})?`)
	matcher    = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouped    = regexp.MustCompile(`\b(?:by|on|without|ignoring)\s*\(([^)]*)\)|\{\{\s*(?:or )?(?:\$labels\.)?(\w+)[^}]*\}\}|label_values\([^,]*,\s*(\w+)\)`)
	inString   = regexp.MustCompile(`"[^"]*"`)
)

// faults returns what an expression, with the texts that its labels stand in, names
// that is not there.
func (s scrape) faults(expr string) (faults []string) {
	known := map[string]bool{}
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		if s[m[1]] == nil {
			faults = append(faults, "no metric "+m[1])
			continue
		}
		for label := range s[m[1]][0] {
			known[label] = true
		}
		for _, match := range matcher.FindAllStringSubmatch(m[2], -1) {
			faults = append(faults, s.unmatched(m[1], match[1], match[2], match[3])...)
		}
	}
	for _, m := range grouped.FindAllStringSubmatch(expr, -1) {
		for _, label := range strings.Split(m[1]+","+m[2]+","+m[3], ",") {
			if label = strings.TrimSpace(label); label != "" && !known[label] {
				faults = append(faults, "no label "+label)
			}
		}
	}
	return faults
}

// unmatched returns each alternative of a matcher that no series of the metric has.
func (s scrape) unmatched(metric, label, operator, value string) (faults []string) {
	if _, ok := s[metric][0][label]; !ok {
		return []string{fmt.Sprintf("%s has no label %s", metric, label)}
	}
	for _, one := range strings.Split(value, "|") {
		if strings.HasPrefix(one, "$") {
			continue // a variable of the dashboard
		}
		fits := regexp.MustCompile("^(?:" + one + ")$").MatchString
		if !slices.ContainsFunc(s[metric], func(series map[string]string) bool { return fits(series[label]) }) {
			faults = append(faults, fmt.Sprintf("no series of %s has %s%s%q", metric, label, operator, one))
		}
	}
	return faults
}

// TestAlertsAndDashboardNameWhatIsThere looks up each metric, label and value that they
// name in a scrape of an edge that was used.
func TestAlertsAndDashboardNameWhatIsThere(t *testing.T) {
	found := scrapeOfAUsedEdge(t)
	all := expressions(t)
	for _, r := range alerts(t) {
		all = append(all, r.Expr+" "+r.Annotations.Summary+r.Annotations.Description)
	}
	for _, expr := range all {
		if !metricName.MatchString(inString.ReplaceAllString(expr, "")) {
			t.Errorf("%s names no metric: is the pattern right?", expr)
		}
		for _, fault := range found.faults(expr) {
			t.Errorf("%s: %s", expr, fault)
		}
	}
}

// TestWhatIsNotThereIsFound holds that the test above finds what it is for.
func TestWhatIsNotThereIsFound(t *testing.T) {
	s := scrape{"apim_edge_errors_total": {{"route": "r", "code": "internal"}}}
	for expr, want := range map[string]int{
		`sum by (route) (rate(apim_edge_errors_total{code="internal"}[5m]))`: 0,
		`sum by (rout) (rate(apim_edge_errors_total[5m]))`:                   1,
		`apim_edge_errors`: 1,
		`apim_edge_errors_total{code=~"internal|external"}`:                    1,
		`apim_edge_errors_total{kode="internal"}`:                              1,
		`apim_edge_errors_total{route=~"$route"} {{route}}`:                    0,
		`apim_edge_errors_total {{upstream}}`:                                  1,
		`apim_edge_errors_total {{ $labels.upstream }} and {{ $labels.code }}`: 1,
		`label_values(apim_edge_errors_total, upstream)`:                       1,
	} {
		if got := s.faults(expr); len(got) != want {
			t.Errorf("%s: %q, want %d faults", expr, got, want)
		}
	}
}

// readDashboard reads a dashboard with Grafana's own types, and tells of what they do
// not know or refuse. They are those of the first version, which every Grafana imports.
//
//lint:ignore SA1019 the second version is for Grafana 12 and newer
func readDashboard(text []byte) (d dashboard.Dashboard, faults []string) {
	plugins.RegisterDefaultPlugins()
	// Their own strict decoder loses every panel (version 0.0.22: an error without an
	// entry), and is strict about parts only. So what does not come out again is looked for.
	if err := json.Unmarshal(text, &d); err != nil {
		return d, []string{err.Error()}
	}
	if err := d.Validate(); err != nil {
		faults = append(faults, err.Error())
	}
	again, err := json.Marshal(d)
	if err != nil {
		return d, append(faults, err.Error())
	}
	var source, read any
	if err := errors.Join(json.Unmarshal(text, &source), json.Unmarshal(again, &read)); err != nil {
		return d, append(faults, err.Error())
	}
	return d, append(faults, lost("", source, read)...)
}

// lost returns the places of source that read does not have. What is empty may go.
func lost(at string, source, read any) (places []string) {
	switch value := source.(type) {
	case map[string]any:
		other, _ := read.(map[string]any)
		for key, v := range value {
			places = append(places, lost(at+"."+key, v, other[key])...)
		}
	case []any:
		other, _ := read.([]any)
		for i, v := range value {
			if i >= len(other) {
				return append(places, fmt.Sprintf("%s[%d]", at, i))
			}
			places = append(places, lost(fmt.Sprintf("%s[%d]", at, i), v, other[i])...)
		}
	case nil:
	default:
		if empty := reflect.ValueOf(value).IsZero(); !empty && !reflect.DeepEqual(value, read) {
			places = append(places, fmt.Sprintf("%s: %v became %v", at, value, read))
		}
	}
	return places
}

// TestTheDashboardIsReadStrictly holds that a key that Grafana does not know is found.
func TestTheDashboardIsReadStrictly(t *testing.T) {
	for _, text := range []string{
		`{"titel": "x"}`,
		`{"panels": [{"type": "timeseries", "titel": "x"}]}`,
		`{"panels": [{"type": "timeseries", "fieldConfig": {"defaults": {"unti": "s"}}}]}`,
		`{"panels": [{"type": "timeseries", "fieldConfig": {"defaults": {"custom": {"lineWitdh": 1}}}}]}`,
		`{"panels": [{"type": "timeseries", "datasource": {"type": "prometheus"}, "targets": [{"refId": "A", "expression": "up"}]}]}`,
	} {
		if _, faults := readDashboard([]byte(text)); len(faults) == 0 {
			t.Errorf("%s is taken", text)
		}
	}
}

// TestEachAlertIsTestedBothWays holds that configs/monitoring/alerts_test.yaml has a case in which an
// alert fires and one in which it does not. promtool runs them (e2e).
func TestEachAlertIsTestedBothWays(t *testing.T) {
	text := testkit.Read(t, configs+"alerts_test.yaml")
	var file struct {
		Tests []struct {
			Series []struct{ Series string } `yaml:"input_series"`
			Cases  []struct {
				Alert  string `yaml:"alertname"`
				Fires  []any  `yaml:"exp_alerts"`
				Minute string `yaml:"eval_time"`
			} `yaml:"alert_rule_test"`
		}
	}
	testkit.Must(t, yaml.Unmarshal([]byte(text), &file))
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, c := range test.Cases {
			if len(c.Fires) > 0 {
				fires[c.Alert] = true
			} else {
				silent[c.Alert] = len(test.Series) > 0
			}
		}
	}
	for _, r := range alerts(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s fires in a test: %v; is silent about something: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}
