package carryover

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var update = flag.Bool("update", false, "write what comes out into testdata")

// idiom is one case: documents, what is said besides, and what becomes of them.
type idiom struct {
	path, name, outcome, sentence string
	archive                       *txtar.Archive
}

func idioms(t testing.TB) []idiom {
	t.Helper()
	var all []idiom
	for _, s := range testkit.Stories(t, "testdata/idioms/*.txtar") {
		outcome, sentence, found := strings.Cut(strings.TrimSpace(string(s.Comment)), ": ")
		if !found {
			t.Fatalf("%s: no outcome", s.File)
		}
		all = append(all, idiom{s.File, s.Name, outcome, sentence, s.Archive})
	}
	return all
}

func (i idiom) file(name string) []byte {
	for _, f := range i.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func (i idiom) document(t testing.TB, name string) *apimpolicy.Document {
	t.Helper()
	data := i.file(name)
	if data == nil {
		return nil
	}
	doc, err := apimpolicy.Read(name, data)
	testkit.Must(t, err)
	return doc
}

// input reads the options and the files of a case.
func (i idiom) input(t testing.TB) Input {
	t.Helper()
	in := Input{Global: i.document(t, "global.xml"), Product: i.document(t, "product.xml"), Fragments: map[string]*apimpolicy.Document{}}
	api := API{Path: "openai", Policy: i.document(t, "api.xml")}
	for line := range strings.Lines(string(i.file("options"))) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "global":
			in.NoGlobal = rest == "none"
		case "key-header":
			api.KeyHeader = rest
		case "upstream":
			in.Upstream = rest
		case "no-subscription":
			api.Open = true
		case "operation":
			api.Operations = []Operation{{Template: rest, Policy: i.document(t, "operation.xml")}}
		default:
			t.Fatalf("no option %q", word)
		}
	}
	in.APIs = []API{api}
	for _, f := range i.archive.Files {
		if id, ok := strings.CutPrefix(f.Name, "fragments/"); ok {
			in.Fragments[strings.TrimSuffix(id, ".xml")] = i.document(t, f.Name)
		}
	}
	var err error
	if data := i.file("named-values.json"); data != nil {
		in.NamedValues, err = ReadNamedValues(data)
	}
	if data := i.file("backends.json"); data != nil {
		err = errors.Join(err, json.Unmarshal(data, &in.Backends))
	}
	testkit.Must(t, err)
	return in
}

// outcome says in a word what became of a case.
func outcome(r Result) string {
	switch {
	case r.Complete():
		return "carried"
	case r.Count(Carried) > 0:
		return "partly"
	}
	return "listed"
}

// besides are the items that each case has which shows a credential of its own: what
// API Management knows of callers is in no policy.
func besides(r Result) Result {
	var items []Item
	for _, i := range r.Items {
		if i.What != "the subscription key" {
			items = append(items, i)
		}
	}
	return Result{Items: items, Configuration: r.Configuration}
}

// TestIdioms: each thing that people write in policies, what becomes of it, and why.
// What comes out stands in the file of the case.
func TestIdioms(t *testing.T) {
	counts := map[string]int{}
	for _, i := range idioms(t) {
		t.Run(i.name, func(t *testing.T) {
			r := Convert(i.input(t))
			if *update {
				i.write(t, r)
			}
			if got := outcome(besides(r)); got != i.outcome {
				t.Errorf("%s, want %s", got, i.outcome)
			}
			if got, want := r.List(), string(i.file("list")); got != want {
				t.Errorf("the list is\n%s\nwant\n%s", got, want)
			}
			if got, want := r.Configuration, string(i.file("edge.yaml")); got != want {
				t.Errorf("the configuration is\n%s\nwant\n%s", got, want)
			}
			counts[i.outcome]++
		})
	}
	t.Logf("%d cases: %d carried over, %d in part, %d listed", counts["carried"]+counts["partly"]+counts["listed"], counts["carried"], counts["partly"], counts["listed"])
}

func (i *idiom) write(t *testing.T, r Result) {
	t.Helper()
	var files []txtar.File
	for _, f := range i.archive.Files {
		if f.Name != "list" && f.Name != "edge.yaml" {
			files = append(files, f)
		}
	}
	i.archive.Files = append(files, txtar.File{Name: "list", Data: []byte(r.List())}, txtar.File{Name: "edge.yaml", Data: []byte(r.Configuration)})
	testkit.Write(t, i.path, string(txtar.Format(i.archive)))
}

// load reads a configuration as serve would.
func load(t testing.TB, text string) error {
	t.Helper()
	file := testkit.File(t, "edge.yaml", text)
	_, err := config.Load(config.Options{File: file})
	return err
}

// TestWhatIsWrittenIsAccepted: serve takes what was carried over.
func TestWhatIsWrittenIsAccepted(t *testing.T) {
	for _, i := range idioms(t) {
		t.Run(i.name, func(t *testing.T) {
			r := Convert(i.input(t))
			err := load(t, r.Configuration)
			if err != nil {
				t.Errorf("%v\n%s", err, r.Configuration)
			}
		})
	}
}

// TestNoSecretIsShown: what stands in policies as a secret is in no list and in no
// configuration.
func TestNoSecretIsShown(t *testing.T) {
	marked := 0
	for _, i := range idioms(t) {
		if bytes.Contains(i.file("api.xml"), []byte("SECRET")) {
			marked++
		}
		r := Convert(i.input(t))
		asJSON, err := json.Marshal(r.Items)
		testkit.Must(t, err)
		if strings.Contains(fmt.Sprint(r.List(), r.Configuration, string(asJSON)), "SECRET") {
			t.Errorf("%s: a secret is shown\n%s", i.name, r.List())
		}
	}
	if marked < 3 {
		t.Errorf("%d cases have a secret, want more", marked)
	}
}

// TestTheListCommandsNoTerminal: names of files and texts of policies may hold anything.
func TestTheListCommandsNoTerminal(t *testing.T) {
	doc, err := apimpolicy.Read("a\x1b[2J\nforged: routes", []byte("<policies><inbound><set-body>@(\"\x1b]0;x\")</set-body><set-status code=\"\u009b\"/></inbound></policies>"))
	testkit.Must(t, err)
	r := Convert(Input{NoGlobal: true, Upstream: "https://contoso.azure-api.net", APIs: []API{{Path: "openai", From: "b\x1b\nforged: routes", KeyHeader: "api-key", Policy: doc}}})
	for _, text := range []string{r.List(), r.Configuration} {
		if strings.ContainsAny(text, "\x1b\u009b") || strings.Contains(text, "\nforged") {
			t.Errorf("%q", text)
		}
	}
}

// TestARouteIsClosedWhereWhatKeepsCallersAwayIsMissing: of each policy that says who
// may call and is not carried over, the routes ask for a key that nobody has.
func TestARouteIsClosedWhereWhatKeepsCallersAwayIsMissing(t *testing.T) {
	checked := 0
	for _, i := range idioms(t) {
		r := Convert(i.input(t))
		var conf struct {
			Routes map[string]struct {
				Require struct {
					Client bool
					Token  []string
					Match  string
				}
			}
		}
		testkit.Must(t, yaml.Unmarshal([]byte(r.Configuration), &conf))
		for _, item := range r.Items {
			if item.Affects != Access || item.node == nil {
				continue
			}
			for _, name := range item.Routes {
				checked++
				got := conf.Routes[name].Require
				if !got.Client || len(got.Token) > 0 && got.Match != "all" {
					t.Errorf("%s: the route %s asks for %+v, although %s was not carried over", i.name, name, got, item.What)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("looked at %d, want more", checked)
	}
}
