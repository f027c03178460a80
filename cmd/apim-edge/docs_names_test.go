package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/hint"
	"github.com/apim-edge/apim-edge/internal/identity/keyring"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/otlp"
	"github.com/apim-edge/apim-edge/internal/shares"
	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/bridge"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/rewrite"
)

//go:generate go test -run TestMetricsAreListed -update .

var update = flag.Bool("update", false, "write the list of metrics in docs/operations.md")

const operations = "docs/operations.md"

// TestMetricsAreListed: docs/operations.md lists every metric of apim-edge with
// its labels.
func TestMetricsAreListed(t *testing.T) {
	page := read(t, operations)
	const end = "<!-- end of metrics -->"
	start := strings.Index(page, "go generate ./cmd/apim-edge -->\n")
	stop := strings.Index(page, end)
	if start < 0 || stop < 0 {
		t.Fatalf("%s has no place for the metrics", operations)
	}
	start += strings.Index(page[start:], "\n") + 1
	want := page[:start] + metricsTable(t) + page[stop:]
	if page == want {
		return
	}
	if !*update {
		t.Fatalf("the list of metrics in %s is not current; run: go generate ./cmd/apim-edge", operations)
	}
	testkit.Must(t, os.WriteFile(filepath.Join(root, operations), []byte(want), 0o644))
}

type metric struct{ name, help, labels string }

func (m metric) kind() string {
	switch {
	case strings.HasSuffix(m.name, "_total"):
		return "counter"
	case strings.HasSuffix(m.name, "_duration_seconds"), strings.HasSuffix(m.name, "_byte_seconds"):
		return "histogram"
	}
	return "gauge"
}

func metricsTable(t *testing.T) string {
	var out strings.Builder
	out.WriteString("\n| metric | kind | labels | what |\n|---|---|---|---|\n")
	for _, m := range metrics(t) {
		labels := ""
		if m.labels != "" {
			labels = "`" + strings.ReplaceAll(m.labels, ",", "`, `") + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", m.name, m.kind(), labels, m.help)
	}
	return out.String() + "\n"
}

// metrics asks the registry itself what it has, whether or not it was counted.
func metrics(t *testing.T) []metric {
	t.Helper()
	quiet := zerolog.New(io.Discard)
	m := record.NewMetrics("test", func() float64 { return 0 })
	defer proxy.NewEdge(quiet, io.Discard, m, nil).Close()
	descriptions := make(chan *prometheus.Desc, 1000)
	m.Registry.Describe(descriptions)
	new(keyring.Ring).Describe(descriptions)
	new(census.Census).Describe(descriptions)
	new(otlp.Exporter).Describe(descriptions)
	new(shares.Keeper).Describe(descriptions)
	close(descriptions)
	pattern := regexp.MustCompile(`fqName: "(apim_edge_\w+)", help: "([^"]*)".* variableLabels: \{([^}]*)\}`)
	var all []metric
	for d := range descriptions {
		if found := pattern.FindStringSubmatch(d.String()); found != nil {
			all = append(all, metric{found[1], found[2], found[3]})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

// logFields returns the fields of the access line, from the code that writes it.
func logFields(t *testing.T) []string {
	t.Helper()
	code := read(t, "proxy/record/accesslog.go")
	var all []string
	for _, m := range regexp.MustCompile("\\bl\\.\\w+\\(`,\"(\\w+)\":`").FindAllStringSubmatch(code, -1) {
		all = append(all, m[1])
	}
	if len(all) < 15 {
		t.Fatalf("found %d log fields, want more: is the pattern right?", len(all))
	}
	return all
}

// TestLogLinesAreExplained: docs/operations.md explains every field of the
// access line and every other line of the log, and every kind of client.
func TestLogLinesAreExplained(t *testing.T) {
	page := read(t, operations)
	for _, field := range logFields(t) {
		if !strings.Contains(page, "`"+field+"`") {
			t.Errorf("%s does not explain the log field %s", operations, field)
		}
	}
	for _, folder := range []string{"proxy", "proxy/front", "proxy/record", "internal/admin", "internal/census", "internal/service"} {
		for _, f := range testkit.Files(t, filepath.Join(root, folder, "*.go")) {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			code := read(t, strings.TrimPrefix(filepath.ToSlash(f), root+"/"))
			for _, m := range regexp.MustCompile(`\bMsg\("([^"]+)"\)`).FindAllStringSubmatch(code, -1) {
				if !strings.Contains(page, "`"+m[1]+"`") {
					t.Errorf("%s does not explain the log line %q", operations, m[1])
				}
			}
		}
	}
	_, names, _ := strings.Cut(read(t, "proxy/record/family.go"), "familyNames = ")
	names, _, _ = strings.Cut(names, "\n}\n")
	for _, m := range regexp.MustCompile(`"([a-z-]+)"`).FindAllStringSubmatch(names, -1) {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("%s does not name the kind of client %s", operations, m[1])
		}
	}
}

// foreign are names that belong to others.
var foreign = []string{"base_url", "api_key", "default_headers", "default_query", "azure_endpoint", "api_version", "proxy_buffering", "jwks_uri", "max_tokens", "message_start", "message_delta",
	"resource_spans", "parentbased_traceidratio"}

// TestNamesExist: each name with an underscore that a page shows as code is one
// of the configuration, the log, the metrics or the tables of errors and reasons.
func TestNamesExist(t *testing.T) {
	known := slices.Concat(foreign, logFields(t), strings.Split(rewriteNotes(), ","))
	for e := record.Complete; e <= record.StreamIncomplete; e++ {
		known = append(known, (&record.Record{Ending: e}).Cause())
	}
	for file, pattern := range map[string]string{
		"proxy/record/cors.go": `Str\("(\w+)"`, "proxy/record/unreachable.go": `Str\("(\w+)"`, "proxy/edge.go": `Dur\("(\w+)"`, "proxy/head/resource.go": `"(\w+_\w+)"`, "proxy/route/collect.go": `name, "(\w+)"\)`,
		"proxy/trace.go": `Error = "(\w+)"`, "internal/otlp/spans.go": `Name: "(\w+)"`, "internal/otlp/results.go": `"([a-z]+_[a-z]+)"`,
	} {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1)
		if len(found) == 0 {
			t.Errorf("%s holds no names: is the pattern right?", file)
		}
		for _, m := range found {
			known = append(known, m[1])
		}
	}
	for n := record.Compressed; n <= record.NotTold; n++ {
		known = append(known, n.String())
	}
	for _, s := range bridge.Strays() {
		known = append(known, s.String())
	}
	for _, m := range metrics(t) {
		known = append(known, m.name)
	}
	for _, s := range upstream.States {
		known = append(known, s.String())
	}
	for _, c := range upstream.Causes {
		known = append(known, c.String())
	}
	for _, c := range edgeerr.Codes() {
		known = append(known, c.String())
	}
	for _, r := range rewrite.Reasons() {
		known = append(known, r.String())
	}
	for _, h := range hint.All() {
		known = append(known, h.String(), h.Owner().String())
	}
	for _, n := range record.AllNeeds() {
		known = append(known, n.List()...)
	}
	for c := token.Form; c <= token.Claims; c++ {
		known = append(known, c.String())
	}
	keys := configKeys(t)
	for _, key := range keys {
		known = append(known, key[strings.LastIndex(key, ".")+1:])
	}
	name := regexp.MustCompile("`([a-z]+(?:_[a-z]+)+)(?:[:={][^`]*)?`")
	dotted := regexp.MustCompile("`((?:listen|admin|timeouts|limits|log|census|debug|credential|cors)(?:\\.[a-z_]+)+)(?::[^`]*)?`")
	variable := regexp.MustCompile(`APIM_EDGE__[A-Z_]+[A-Z]`)
	reference := read(t, "docs/configuration.md")
	for page, text := range pages(t) {
		if page == "docs/configuration.md" || page == "docs/errors.md" {
			continue // generated from what would be asked here
		}
		for _, m := range name.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, m := range dotted.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(keys, m[1]) && !strings.HasPrefix(m[1], "log.*") {
				t.Errorf("%s: the configuration has no %s", page, m[1])
			}
		}
		for _, v := range variable.FindAllString(text, -1) {
			general := regexp.MustCompile(`(UPSTREAMS|ROUTES)__[A-Z]+__`).ReplaceAllString(v, "${1}__<NAME>__")
			if !strings.Contains(reference, "`"+general+"`") {
				t.Errorf("%s: no key has the variable %s", page, v)
			}
		}
	}
}

func rewriteNotes() string {
	all := rewrite.Notes(0)
	for _, n := range rewrite.AllNotes() {
		all |= n
	}
	return all.String()
}

// configKeys returns the keys that docs/configuration.md, which is generated,
// explains; those of upstreams and routes without the part that is a name.
func configKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	part := ""
	for line := range strings.Lines(read(t, "docs/configuration.md")) {
		if m := regexp.MustCompile("^## `([^`]+)`").FindStringSubmatch(line); m != nil {
			name, _, _ := strings.Cut(m[1], ".<name>")
			keys = append(keys, name) // of a section of names
			part = regexp.MustCompile(`^(?:upstreams|routes)\.<name>\.?`).ReplaceAllString(m[1], "")
			keys = append(keys, part)
		}
		if m := regexp.MustCompile("^- \\*\\*`([^`]+)`\\*\\*").FindStringSubmatch(line); m != nil {
			keys = append(keys, strings.TrimPrefix(part+"."+m[1], "."))
		}
	}
	if len(keys) < 50 {
		t.Fatalf("found %d keys, want more: is the pattern right?", len(keys))
	}
	return keys
}

// TestRecipesLoad: each piece of configuration that a page shows is loaded.
func TestRecipesLoad(t *testing.T) {
	fence := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	count := 0
	for page, text := range pages(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			recipe := m[1]
			switch {
			case strings.Contains(recipe, "secretFiles:"): // values of the Helm chart
				loadRecipe(t, page, underKey(t, page, recipe, "config"))
			case containsOneOf(recipe, "schema: v1", "scrape_configs:", "seriesQuery:"): // Continue's, Prometheus', its adapter's
				if err := yaml.Unmarshal([]byte(recipe), new(any)); err != nil {
					t.Errorf("%s: %v in\n%s", page, err, recipe)
				}
			default:
				if strings.HasPrefix(recipe, "credential:") {
					recipe = "upstreams: {legacy: {url: https://contoso.azure-api.net}}\nroutes:\n  openai:\n    " + recipe
				}
				loadRecipe(t, page, recipe)
				count++
			}
		}
	}
	if count < 4 {
		t.Errorf("found %d recipes, want more: is the pattern right?", count)
	}
}

// underKey returns what stands under a key of YAML.
func underKey(t *testing.T, page, text, key string) string {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(text), &tree); err != nil || tree[key] == nil {
		t.Fatalf("%s: no %s (%v) in\n%s", page, key, err, text)
	}
	value, err := yaml.Marshal(tree[key])
	testkit.Must(t, err)
	return string(value)
}

func containsOneOf(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

func loadRecipe(t *testing.T, page, recipe string) config.Config {
	t.Helper()
	file := testkit.File(t, "edge.yaml", recipe)
	conf, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Errorf("%s: %v in\n%s", page, err, recipe)
	}
	return conf
}
