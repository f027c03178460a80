//go:build e2e

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// quietQueries are those that ask for trouble, by a part of them: they find none.
var quietQueries = []string{"config_last_reload_successful == 0", "log_lines_lost_total[5m]) > 0", "certificate_expiry", `code="429"`, "_errors_total["}

// TestQueriesOfTheDocs runs every query that README and docs print in a Prometheus
// that has scraped an edge: across its birth, a restart, and clients that called
// once. Each of them is found by the query that says who still needs the edge.
func TestQueriesOfTheDocs(t *testing.T) {
	admin := testkit.Unused(t)
	queried := edge.Run(t, fmt.Sprintf(queriedEdge, admin, shared.Key.URL))
	callAs(t, queried, "litellm/1.0", subscriptionKey, 200) // before anybody scrapes
	p := startPrometheus(t, admin)
	const once = `apim_edge_decisions_total{repair="bearer_key",client="%s"}`
	p.await(fmt.Sprintf(once, "litellm"), 1)
	p.await(fmt.Sprintf(once, "langchain"), 0)
	callAs(t, queried, "langchain-openai/1.0", subscriptionKey, 200)
	callAs(t, queried, "curl/8", "", 401)
	p.await(fmt.Sprintf(once, "langchain"), 1)
	queried.Kill()
	testkit.Must(t, queried.Start())
	p.await(fmt.Sprintf(once, "langchain"), 0)
	callAs(t, queried, "langchain-openai/1.0", subscriptionKey, 200)
	callAs(t, queried, "curl/8", "", 401)
	p.await(fmt.Sprintf(once, "langchain"), 1)
	p.await(`count_over_time(apim_edge_requests_total{code="401"}[10s]) > bool 5`, 1)

	needed := 0
	for page, queries := range queriesOfTheDocs(t) {
		for _, query := range queries {
			t.Run(page, func(t *testing.T) {
				found := p.ask(t, query)
				quiet := containsAny(query, quietQueries)
				if (len(found) == 0) != quiet {
					t.Errorf("%s\nfinds %v", query, found)
				}
				if !strings.Contains(query, "unless") {
					return
				}
				needed++
				for _, client := range []string{"litellm", "langchain"} {
					if found[client] < 1 {
						t.Errorf("%s\nfinds %v and misses %s", query, found, client)
					}
				}
				if found["langchain"] < 2 || found["curl"] != 0 {
					t.Errorf("%s\nfinds %v, want langchain twice, and no curl", query, found)
				}
			})
		}
	}
	if needed < 2 {
		t.Errorf("%d pages ask who still needs the edge, want the README and docs/migration.md", needed)
	}
	share := p.ask(t, `sum(increase(apim_edge_decisions_total{repair!="none"}[7d])) / sum(increase(apim_edge_decisions_total[7d]))`)
	if got := share[""]; got <= 0.2 || got >= 0.8 { // two of four, extrapolated
		t.Errorf("the share is %v, want about a half", got)
	}
}

// TestMetricsPassPromtool holds the conventions of Prometheus for names and texts.
func TestMetricsPassPromtool(t *testing.T) {
	metrics, err := shared.Edge.Get("/metrics")
	testkit.Must(t, err)
	lint := exec.Command(edge.Find(t, "promtool"), "check", "metrics")
	lint.Stdin = strings.NewReader(metrics)
	if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

const queriedEdge = `
admin: {address: "%s"}
log: {format: json}
upstreams: {key: {url: "%s"}}
routes: {all: {usage: true}}
census: {enabled: true}
`

func callAs(t *testing.T, e *edge.Edge, agent, key string, want int) {
	t.Helper()
	args := []string{"-d", hello, "-A", agent}
	if key != "" {
		args = append(args, "-H", "Authorization: Bearer "+key)
	}
	if got := curl(t, "", "http://"+e.Address()+chatV1, args...); got.OK != (want == 200) || !got.OK && got.Status != want {
		t.Fatalf("%s gets %+v, want %d", agent, got, want)
	}
}

// queriesOfTheDocs returns the queries of each page: blocks of PromQL, and code in
// the text that is more than the name of a metric.
func queriesOfTheDocs(t *testing.T) map[string][]string {
	t.Helper()
	block := regexp.MustCompile("(?s)```promql\n(.*?)```")
	inline := regexp.MustCompile("`([^`\n]*apim_edge_[^`\n]*[ \\[({][^`\n]*)`")
	all, count := map[string][]string{}, 0
	for _, page := range testkit.Files(t, "../docs/*.md", "../README.md") {
		text := testkit.Read(t, page)
		for _, re := range []*regexp.Regexp{block, inline} {
			for _, m := range re.FindAllStringSubmatch(text, -1) {
				all[filepath.Base(page)] = append(all[filepath.Base(page)], m[1])
				count++
			}
		}
	}
	if count < 12 {
		t.Fatalf("found %d queries, want more: are the patterns right?", count)
	}
	return all
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// scraper is a running Prometheus.
type scraper struct {
	t   *testing.T
	url string
}

// startPrometheus runs Prometheus until the end of the test. It scrapes target.
func startPrometheus(t *testing.T, target string) *scraper {
	t.Helper()
	address := testkit.Unused(t)
	settings := testkit.File(t, "prometheus.yml", fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: apim-edge, static_configs: [{targets: [%q]}]}]\n", target))
	testkit.Serve(t, address, exec.Command(edge.Find(t, "prometheus"), "--config.file="+settings, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address))
	return &scraper{t, "http://" + address}
}

// await waits until the sum of what a query finds is want.
func (p *scraper) await(query string, want float64) {
	p.t.Helper()
	var found map[string]float64
	var err error
	testkit.Await(p.t, fmt.Sprintf("%s is %v", query, want), func() bool {
		found, err = p.query(query)
		sum := 0.0
		for _, v := range found {
			sum += v
		}
		return err == nil && len(found) > 0 && sum == want
	}, func() string { return fmt.Sprint(found, err) })
}

func (p *scraper) ask(t *testing.T, query string) map[string]float64 {
	t.Helper()
	found, err := p.query(query)
	if err != nil {
		t.Errorf("%s\n%v", query, err)
	}
	return found
}

// query returns the values that a query finds now, by their client.
func (p *scraper) query(query string) (map[string]float64, error) {
	response, err := http.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Status, Error string
		Data          struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return nil, errors.Join(err, fmt.Errorf("%d %s", response.StatusCode, answer.Error))
	}
	found := map[string]float64{}
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			return nil, err
		}
		found[r.Metric["client"]] += v
	}
	return found, nil
}
