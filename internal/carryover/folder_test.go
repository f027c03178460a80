package carryover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// folderCase is a file of testdata/folders as a folder, without what comes out.
func folderCase(t *testing.T, file string) (*txtar.Archive, fstest.MapFS) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	testkit.Must(t, err)
	files := fstest.MapFS{}
	for _, f := range a.Files {
		if f.Name != "list" && f.Name != "edge.yaml" {
			files[f.Name] = &fstest.MapFile{Data: f.Data}
		}
	}
	return a, files
}

// TestFolders: folders of APIOps and of Bicep, and what becomes of them.
func TestFolders(t *testing.T) {
	cases, err := filepath.Glob("testdata/folders/*.txtar")
	if err != nil || len(cases) < 2 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, file := range cases {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, files := folderCase(t, file)
			reader := ReadAPIOps
			if strings.Contains(file, "bicep") {
				reader = ReadBicep
			}
			in, err := reader(files, "f")
			testkit.Must(t, err)
			r := Convert(in)
			if *update {
				(&idiom{path: file, archive: a}).write(t, r)
			}
			i := idiom{archive: a}
			if got, want := r.List(), string(i.file("list")); got != want {
				t.Errorf("the list is\n%s\nwant\n%s", got, want)
			}
			if got, want := r.Configuration, string(i.file("edge.yaml")); got != want {
				t.Errorf("the configuration is\n%s\nwant\n%s", got, want)
			}
			for _, doc := range (&conversion{in: in}).documents() {
				if missing := account(r, doc); len(missing) > 0 {
					t.Errorf("%s: not accounted for: %v", doc.File, missing)
				}
			}
			if strings.Contains(r.List()+r.Configuration, "SECRET") {
				t.Error("a secret is shown")
			}
		})
	}
}

// TestWhatCannotBeReadOfAFolder: what is wrong is said with its file, and repeats
// nothing of it.
func TestWhatCannotBeReadOfAFolder(t *testing.T) {
	for _, tc := range []struct {
		name, file, text, want string
		read                   func(files fstest.MapFS) error
	}{
		{"a policy", "apis/a/policy.xml", "<policies><b SECRET", "f/apis/a/policy.xml:1:14: this is no attribute: want name=\"value\"", apiops},
		{"an entity", "apis/a/apiInformation.json", "{SECRET", "f/apis/a/apiInformation.json: no JSON of an entity", apiops},
		{"the APIs of a product", "products/a/apis.json", "{SECRET", "f/products/a/apis.json: no list of APIs", apiops},
		{"a file that is not there", "main.bicep", "resource p 'Microsoft.ApiManagement/service/policies@1' = {\n properties: { value: loadTextContent('p.xml') }\n}", "f/main.bicep: loads p.xml, which is not there", inBicep},
		{"a policy in Bicep", "main.bicep", "resource p 'Microsoft.ApiManagement/service/policies@1' = {\n properties: {\n value: '''\n<policies>SECRET'''\n }\n}", "f/main.bicep:4:1: the element policies is not closed", inBicep},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.read(fstest.MapFS{tc.file: {Data: []byte(tc.text)}})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got %v, want %s", err, tc.want)
			}
		})
	}
}

func apiops(files fstest.MapFS) error {
	_, err := ReadAPIOps(files, "f")
	return err
}

func inBicep(files fstest.MapFS) error {
	_, err := ReadBicep(files, "f")
	return err
}

// TestNamedValues: the forms in which people have them.
func TestNamedValues(t *testing.T) {
	for _, tc := range []struct {
		name, text, fault string
		want              NamedValue
	}{
		{"a mapping", "a: b", "", NamedValue{Value: "b"}},
		{"a mapping with sections", `{"a": {"value": "b", "secret": true}}`, "", NamedValue{Value: "b", Secret: true}},
		{"what az prints", `[{"displayName": "a", "name": "x", "value": null, "secret": true, "keyVault": {"secretIdentifier": "https://v.vault.azure.net/secrets/s"}}]`, "", NamedValue{Secret: true, Vault: "https://v.vault.azure.net/secrets/s"}},
		{"a resource", `[{"name": "x", "properties": {"displayName": "a", "value": "b"}}]`, "", NamedValue{Value: "b"}},
		{"a number", "a: 5", "", NamedValue{Value: "5"}},
		{"no YAML", "a: [SECRET", "no YAML and no JSON", NamedValue{}},
		{"a text", "SECRET", "want a mapping of names to values, or a list of named values", NamedValue{}},
		{"a list of texts", "[SECRET]", "element 1 of the list is no named value", NamedValue{}},
		{"a list without names", `[{"value": "SECRET"}]`, "element 1 of the list has no displayName", NamedValue{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, err := ReadNamedValues([]byte(tc.text))
			if tc.fault != "" {
				if err == nil || err.Error() != tc.fault {
					t.Errorf("got %v, want %s", err, tc.fault)
				}
				return
			}
			if err != nil || all["a"] != tc.want {
				t.Errorf("got %+v and %v, want %+v", all["a"], err, tc.want)
			}
		})
	}
}

// TestTheFolderOfAPIOpsHasAllItsParts guards the case above against a typing error: a
// part that is not found is silently none.
func TestTheFolderOfAPIOpsHasAllItsParts(t *testing.T) {
	_, files := folderCase(t, "testdata/folders/apiops.txtar")
	in, err := ReadAPIOps(files, "f")
	testkit.Must(t, err)
	if in.Global == nil || len(in.APIs) != 2 || len(in.Fragments) != 1 || len(in.NamedValues) != 2 || len(in.Backends) != 3 || len(in.Notes) != 3 {
		t.Errorf("global %v, %d APIs, %d fragments, %d named values, %d backends, %d notes", in.Global != nil, len(in.APIs), len(in.Fragments), len(in.NamedValues), len(in.Backends), len(in.Notes))
	}
	if _, err := os.Stat("testdata/folders/bicep.txtar"); err != nil {
		t.Error(err)
	}
}
