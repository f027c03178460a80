package carryover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// folder is a folder of files with a name that messages have in front of paths.
type folder struct {
	fs.FS
	name  string
	fault error
}

// ReadAPIOps reads a folder as APIOps extracts it from an instance.
func ReadAPIOps(files fs.FS, name string) (Input, error) {
	f := &folder{FS: files, name: name}
	in := Input{Global: f.document("policy.xml"), Fragments: map[string]*apimpolicy.Document{}, NamedValues: map[string]NamedValue{}, Backends: map[string]Backend{}}
	in.NoGlobal = in.Global == nil
	for _, id := range f.below("policy fragments") {
		in.Fragments[id] = f.document("policy fragments/" + id + "/policy.xml")
	}
	for _, id := range f.below("named values") {
		displayName, value := f.namedValue("named values/" + id + "/namedValueInformation.json")
		in.NamedValues[displayName] = value
	}
	for _, id := range f.below("backends") {
		in.Backends[id] = f.backend("backends/" + id + "/backendInformation.json")
	}
	products := f.products()
	for _, id := range f.below("apis") {
		api, note := f.api(id, products)
		if note != "" {
			in.Notes = append(in.Notes, Item{Fate: Left, File: f.called("apis/" + id), What: "api " + id, Reason: note, Affects: Unknown})
			continue
		}
		in.APIs = append(in.APIs, api)
	}
	if len(f.below("workspaces")) > 0 {
		in.Notes = append(in.Notes, Item{Fate: Left, File: f.called("workspaces"), What: "workspaces", Reason: "apim-edge import does not look into workspaces", Affects: Unknown})
	}
	return in, f.fault
}

func (f *folder) called(file string) string { return path.Join(f.name, file) }

// below returns the names of the folders in a folder.
func (f *folder) below(dir string) []string {
	entries, err := fs.ReadDir(f, dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// read returns what is in a file, or nil where there is none.
func (f *folder) read(file string) []byte {
	data, err := fs.ReadFile(f, file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.fault = errors.Join(f.fault, err)
	}
	return data
}

func (f *folder) document(file string) *apimpolicy.Document {
	data := f.read(file)
	if data == nil {
		return nil
	}
	doc, err := apimpolicy.Read(f.called(file), data)
	f.fault = errors.Join(f.fault, err)
	return doc
}

// information reads the properties of an entity.
func (f *folder) information(file string, into any) bool {
	data := f.read(file)
	if data == nil {
		return false
	}
	if err := json.Unmarshal(data, &struct {
		Properties any `json:"properties"`
	}{into}); err != nil {
		f.fault = errors.Join(f.fault, fmt.Errorf("%s: no JSON of an entity", f.called(file)))
		return false
	}
	return true
}

func (f *folder) namedValue(file string) (displayName string, value NamedValue) {
	var p namedValueProperties
	f.information(file, &p)
	return p.DisplayName, p.value()
}

type namedValueProperties struct {
	DisplayName string `json:"displayName"`
	Value       string `json:"value"`
	Secret      bool   `json:"secret"`
	KeyVault    struct {
		SecretIdentifier string `json:"secretIdentifier"`
	} `json:"keyVault"`
}

func (p namedValueProperties) value() NamedValue {
	return NamedValue{Value: p.Value, Secret: p.Secret, Vault: p.KeyVault.SecretIdentifier}
}

func (f *folder) backend(file string) Backend {
	var p struct {
		URL            string          `json:"url"`
		Credentials    json.RawMessage `json:"credentials"`
		CircuitBreaker json.RawMessage `json:"circuitBreaker"`
		Proxy          json.RawMessage `json:"proxy"`
		TLS            json.RawMessage `json:"tls"`
		Pool           struct {
			Services []struct {
				ID       string `json:"id"`
				Priority int    `json:"priority"`
				Weight   int    `json:"weight"`
			} `json:"services"`
		} `json:"pool"`
	}
	f.information(file, &p)
	b := Backend{URL: p.URL, From: f.called(file), Line: 1}
	for _, s := range p.Pool.Services {
		b.Pool = append(b.Pool, PoolMember{path.Base(s.ID), s.Priority, s.Weight})
	}
	for _, extra := range []struct {
		raw json.RawMessage
		key string
	}{{p.Credentials, "credentials"}, {p.CircuitBreaker, "circuitBreaker"}, {p.Proxy, "proxy"}, {p.TLS, "tls"}} {
		if text := strings.TrimSpace(string(extra.raw)); text != "" && text != "null" && text != "{}" {
			b.Extra = append(b.Extra, extraReason[extra.key])
		}
	}
	return b
}

// extraReason says what a backend entity has besides a URL, and what stands for it.
var extraReason = map[string]string{
	"credentials":    "it has credentials; write them as auth of the upstream, with the secret in a variable or a vault",
	"circuitBreaker": "it has a circuit breaker; apim-edge has one by itself where a route has several upstreams (breaker)",
	"proxy":          "it has a forward proxy; write it as proxy of the upstream",
	"tls":            "it changes how certificates are verified; apim-edge always verifies them (tls.ca_file and tls.server_name of the upstream)",
}

// product is the policy of a product and the APIs in it.
type product struct {
	id   string
	doc  *apimpolicy.Document
	apis []string
}

func (f *folder) products() []product {
	var all []product
	for _, id := range f.below("products") {
		p := product{id: id, doc: f.document("products/" + id + "/policy.xml"), apis: f.below("products/" + id + "/apis")}
		var listed []struct {
			Name string `json:"name"`
		}
		if data := f.read("products/" + id + "/apis.json"); data != nil {
			if err := json.Unmarshal(data, &listed); err != nil {
				f.fault = errors.Join(f.fault, fmt.Errorf("%s: no list of APIs", f.called("products/"+id+"/apis.json")))
			}
		}
		for _, api := range listed {
			p.apis = append(p.apis, api.Name)
		}
		if p.doc != nil {
			all = append(all, p)
		}
	}
	return all
}

type apiProperties struct {
	Path                 string `json:"path"`
	ServiceURL           string `json:"serviceUrl"`
	SubscriptionRequired *bool  `json:"subscriptionRequired"`
	IsCurrent            *bool  `json:"isCurrent"`
	Version              string `json:"apiVersion"`
	VersionSet           string `json:"apiVersionSetId"`
	Key                  struct {
		Header string `json:"header"`
	} `json:"subscriptionKeyParameterNames"`
}

// api reads an API with its operations. A note says why it is none to import.
func (f *folder) api(id string, products []product) (api API, note string) {
	dir := "apis/" + id
	var p apiProperties
	f.information(dir+"/apiInformation.json", &p)
	switch {
	case strings.Contains(id, ";rev=") && (p.IsCurrent == nil || !*p.IsCurrent):
		return api, "a revision that is not the current one"
	case p.Version != "" && !f.inPath(p.VersionSet):
		return api, "the version of this API stands in a field or the query; apim-edge finds routes by the path"
	case p.Version != "":
		p.Path = joined(p.Path, p.Version)
	}
	api = API{
		Name: id, Path: p.Path, From: f.called(dir + "/apiInformation.json"), URL: p.ServiceURL, KeyHeader: p.Key.Header,
		Open: p.SubscriptionRequired != nil && !*p.SubscriptionRequired, Policy: f.document(dir + "/policy.xml"),
	}
	if api.KeyHeader == "" {
		api.KeyHeader = defaultKeyHeader // it is left out where it is this
	}
	for _, of := range products {
		if slices.Contains(of.apis, id) && api.Product == nil {
			api.Product = of.doc
		} else if slices.Contains(of.apis, id) {
			api.Others = append(api.Others, of.doc)
		}
	}
	known := f.operations(dir)
	for _, op := range f.below(dir + "/operations") {
		if doc := f.document(dir + "/operations/" + op + "/policy.xml"); doc != nil {
			o := known[op]
			o.Name, o.Policy = op, doc
			api.Operations = append(api.Operations, o)
		}
	}
	return api, ""
}

// inPath reports whether a version set puts versions into the path.
func (f *folder) inPath(set string) bool {
	var p struct {
		Scheme string `json:"versioningScheme"`
	}
	dir := "version sets/" + path.Base(set)
	return (f.information(dir+"/versionSetInformation.json", &p) || f.information(dir+"/apiVersionSetInformation.json", &p)) && p.Scheme == "Segment"
}

// operations reads methods and paths from the specification (OpenAPI) of an API.
func (f *folder) operations(dir string) map[string]Operation {
	all := map[string]Operation{}
	for _, file := range []string{"specification.yaml", "specification.yml", "specification.json"} {
		var spec struct {
			Paths map[string]map[string]any `yaml:"paths"`
		}
		if data := f.read(dir + "/" + file); data == nil || yaml.Unmarshal(data, &spec) != nil {
			continue
		}
		for template, methods := range spec.Paths {
			for method, operation := range methods {
				if o, ok := operation.(map[string]any); ok {
					id, _ := o["operationId"].(string)
					all[id] = Operation{Method: strings.ToUpper(method), Template: template}
				}
			}
		}
	}
	return all
}
