package export

import (
	"encoding/json"
	"flag"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var update = flag.Bool("update", false, "write the documents of testdata anew")

func load(t *testing.T, file string) config.Config {
	t.Helper()
	conf, err := config.Load(config.Options{File: file})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return conf
}

func document(t *testing.T, conf config.Config, route string, to Target) *Document {
	t.Helper()
	doc, err := Route(conf, route, to)
	testkit.Must(t, err)
	return doc
}

// keysOf returns the patterns of all keys that a configuration can have.
func keysOf() (patterns []string) {
	walk("", "", reflect.TypeFor[config.Config](), reflect.Value{}, func(l leaf) { patterns = append(patterns, l.pattern) })
	return patterns
}

// whole are the sections that may have one row for all of their keys: those that say
// nothing of what a route does, and those of which a system can do nothing at all.
var whole = map[Target][]string{
	APIM: {"admin.*", "shared.*", "census.*", "loops.*", "log.*", "debug.*", "traces.*", "listen.*", "timeouts.*", "clients.*", "routes.<name>.bridge.*",
		"token_policies.<name>.required_claims.<name>.*", "token_policies.<name>.failed.*"},
	Nginx:   {"admin.*", "census.*", "loops.*", "log.*", "shared.*", "traces.*", "clients.*", "token_policies.*", "routes.<name>.bridge.*", "routes.<name>.require.*"},
	HAProxy: {"admin.*", "census.*", "loops.*", "log.*", "shared.*", "traces.*", "clients.*", "token_policies.*", "routes.<name>.bridge.*", "routes.<name>.require.*"},
}

// TestEveryKeyHasItsRow: a key that is new in the configuration fails here until each
// system says what becomes of it. So does a row whose key is gone.
func TestEveryKeyHasItsRow(t *testing.T) {
	for _, to := range Targets() {
		used := map[string]bool{}
		for _, pattern := range keysOf() {
			row, f := find(systems[to].keys, pattern)
			if row == "" || f.text == "" {
				t.Errorf("%s: nothing says what becomes of %s: add a row to the table of that system", to, pattern)
			}
			used[row] = true
			if strings.HasSuffix(row, ".*") && !slices.Contains(whole[to], row) {
				t.Errorf("%s: %s stands for a whole section, which hides keys that are added to it", to, row)
			}
		}
		for row := range systems[to].keys {
			if !used[row] {
				t.Errorf("%s: the row %s is for no key", to, row)
			}
		}
	}
}

// TestTheWalkSeesEveryShape: maps, lists of sections, values that are structs.
func TestTheWalkSeesEveryShape(t *testing.T) {
	type item struct {
		Name string `koanf:"name"`
	}
	type shapes struct {
		Section struct {
			Time config.Duration `koanf:"time"`
			Size config.Size     `koanf:"size"`
		} `koanf:"section"`
		Named map[string]item   `koanf:"named"`
		Pairs map[string]string `koanf:"pairs"`
		Items []item            `koanf:"items"`
		own   string
	}
	var patterns, keys []string
	walk("", "", reflect.TypeFor[shapes](), reflect.Value{}, func(l leaf) { patterns = append(patterns, l.pattern) })
	value := shapes{Named: map[string]item{"b": {}, "a": {}}, Items: []item{{"x"}, {"y"}}, own: "not a key"}
	walk("", "", reflect.TypeFor[shapes](), reflect.ValueOf(value), func(l leaf) { keys = append(keys, l.key) })
	if want := []string{"section.time", "section.size", "named.<name>.name", "pairs", "items[].name"}; !slices.Equal(patterns, want) {
		t.Errorf("patterns %q, want %q", patterns, want)
	}
	if want := []string{"section.time", "section.size", "named.a.name", "named.b.name", "pairs", "items[0].name", "items[1].name"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
}

// TestDocuments compares what is written, and the list beside it, with testdata.
func TestDocuments(t *testing.T) {
	for _, name := range []string{"plain", "everything", "tokens", "limits", "several", "pool", "addresses", "headers", "query"} {
		conf := load(t, filepath.Join("testdata", name+".yaml"))
		for _, to := range Targets() {
			doc := document(t, conf, "openai", to)
			list := &strings.Builder{}
			doc.Print(list)
			golden(t, filepath.Join("testdata", name+"."+string(to)), doc.Text)
			golden(t, filepath.Join("testdata", name+"."+string(to)+".list"), list.String())
		}
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		testkit.Write(t, file, got)
	}
	want := testkit.Read(t, file)
	if got != want {
		t.Errorf("%s is not what is written now; look at the difference after go test ./internal/export -update", file)
	}
}

// recipes are the configurations that the project ships, and those of testdata.
func recipes(t *testing.T) []string {
	t.Helper()
	return testkit.Files(t, "../../configs/recipes/*.yaml", "testdata/*.yaml")
}

// TestNoKeyIsSilent: whatever the configuration, each key that has to do with the route
// stands in exactly one of the three lists, with a reason.
func TestNoKeyIsSilent(t *testing.T) {
	for _, file := range recipes(t) {
		conf := load(t, file)
		for route, r := range conf.Routes {
			for _, to := range Targets() {
				doc := document(t, conf, route, to)
				told := map[string]int{}
				for _, k := range doc.Keys {
					told[k.Key]++
					if k.Text == "" || k.Text == "export does not know this key" {
						t.Errorf("%s, %s: %s has no reason", file, to, k.Key)
					}
				}
				for _, pattern := range keysOf() {
					if strings.Contains(pattern, "upstreams[]") && len(r.Upstreams) == 0 {
						continue
					}
					key := strings.NewReplacer("routes.<name>", "routes."+route, "upstreams.<name>", "upstreams."+r.UpstreamNames()[0], "upstreams[]", "upstreams[0]").Replace(pattern)
					if !strings.Contains(key, "<name>") && told[key] != 1 {
						t.Errorf("%s, %s: %s is told %d times, want once", file, to, key, told[key])
					}
				}
				if n := doc.Count(Expressed) + doc.Count(Impossible) + doc.Count(NotNeeded); n != len(doc.Keys) {
					t.Errorf("%s, %s: %d keys have a verdict, of %d", file, to, n, len(doc.Keys))
				}
			}
		}
	}
}

// TestWhatIsNotCheckedLetsNobodyIn: a document that leaves out a lock is closed.
func TestWhatIsNotCheckedLetsNobodyIn(t *testing.T) {
	for _, file := range recipes(t) {
		conf := load(t, file)
		for route, r := range conf.Routes {
			for to, mark := range map[Target]string{Nginx: "return 403 ", HAProxy: "http-request return status 403 content-type application/json string '{\"statusCode\":403,\"message\":\"closed"} {
				doc := document(t, conf, route, to)
				locked := len(r.Require.Token) > 0 || r.Require.Client
				if locked && doc.Closed == "" {
					t.Errorf("%s: route %s asks who may pass, and its document for %s is open", file, route, to)
				}
				if doc.Closed != "" != strings.Contains(doc.Text, "CLOSED: ") || doc.Closed != "" && !strings.Contains(doc.Text, mark) {
					t.Errorf("%s: route %s for %s is closed (%q), and its text does not show it", file, route, to, doc.Closed)
				}
			}
		}
	}
}

// TestNoSecretIsWritten: what a reference leads to, and what stands in a URL, comes out
// nowhere.
func TestNoSecretIsWritten(t *testing.T) {
	const mark = "S3CR3T"
	for _, name := range []string{"EAST_KEY", "EAST_KEY_2"} {
		t.Setenv(name, mark)
	}
	t.Setenv("FORWARD_PROXY", "http://user:"+mark+"@proxy.example.com:3128")
	conf := load(t, "testdata/everything.yaml")
	up := conf.Upstreams["east"]
	up.URL = "https://user:" + mark + "@east.example.com" // no file can say so; who calls may
	conf.Upstreams["east"] = up
	for _, to := range Targets() {
		doc := document(t, conf, "openai", to)
		all, err := json.Marshal(doc)
		testkit.Must(t, err)
		list := &strings.Builder{}
		doc.Print(list)
		if strings.Contains(string(all)+list.String(), mark) {
			t.Errorf("%s: the document shows a secret", to)
		}
		if !slices.ContainsFunc(doc.Fills, func(f Fill) bool { return f.Key == "upstreams.east.auth.value" }) {
			t.Errorf("%s: nothing says where the credential of the upstream is filled in: %+v", to, doc.Fills)
		}
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	conf := load(t, "testdata/everything.yaml")
	if _, err := Route(conf, "opnai", Nginx); err == nil || err.Error() != `no route named "opnai"; the configuration has elsewhere, openai` {
		t.Errorf("a route that is not there: %v", err)
	}
	if _, err := Route(conf, "openai", "envoy"); err == nil {
		t.Error("a system that is not there: no error")
	}
}

// TestTheDocumentLeadsToTheFirstUpstream: of several that are not alike, no key of another one is taken for
// expressed.
func TestTheDocumentLeadsToTheFirstUpstream(t *testing.T) {
	conf := load(t, "../../configs/recipes/several-upstreams.yaml")
	for _, to := range []Target{Nginx, HAProxy} { // in API Management they are a pool
		doc := document(t, conf, "openai", to)
		if !strings.Contains(doc.Text, "contoso-ptu") || strings.Contains(doc.Text, "contoso-east") {
			t.Errorf("%s: the document leads elsewhere:\n%s", to, doc.Text)
		}
		others := 0
		for _, k := range doc.Keys {
			if other := strings.HasPrefix(k.Key, "upstreams.east.") || strings.HasPrefix(k.Key, "upstreams.west."); other || strings.HasPrefix(k.Key, "routes.openai.upstreams[1]") {
				if others++; k.Verdict == Expressed {
					t.Errorf("%s: %s is expressed: %s", to, k.Key, k.Text)
				}
			}
		}
		if others == 0 {
			t.Errorf("%s: nothing is told of the others", to)
		}
	}
}
