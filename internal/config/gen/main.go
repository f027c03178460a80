// Command gen writes what is derived from the types of package config: the
// commented reference file, the JSON schema for editors and the reference for
// people. Field comments are the texts, so there is one place to write them.
//
// Run it by go generate ./internal/config; a test fails where it was forgotten.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

func main() {
	if err := run("../.."); err != nil { // go generate starts it in internal/config
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(filepath.Join(root, "internal", "config"))
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the content of each generated file by its path.
func generate(folder string) (map[string][]byte, error) {
	texts, err := readComments(folder)
	if err != nil {
		return nil, err
	}
	root := tree(texts, "", reflect.ValueOf(sample()), "")
	reference, err := referenceFile(root)
	if err != nil {
		return nil, err
	}
	schema, err := schemaFile(root)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"configs/reference.yaml": reference,
		"configs/schema.json":    schema,
		"docs/configuration.md":  markdownFile(root),
	}, nil
}

// sample is the configuration that the reference shows: the defaults, one
// upstream, one route, one model of a bridge that is off, one field that no route asks
// for, one policy and one client. The route's own bounds are 0, which means the global
// ones, because these are still unset when it is completed.
func sample() config.Config {
	elements := config.Config{
		Upstreams: map[string]config.Upstream{"legacy": {URL: "https://contoso.azure-api.net"}},
		Routes: map[string]config.Route{"openai": {
			Require: config.Require{Headers: map[string]config.RequiredHeader{"X-Azure-FDID": {}}},
			Bridge:  config.Bridge{Models: map[string]config.BridgeModel{"gpt-4o": {}}},
		}},
		TokenPolicies: map[string]config.TokenPolicy{"staff": {
			TenantID: "11111111-2222-3333-4444-555555555555", Audiences: []string{"api://openai-edge"},
			RequiredClaims: map[string]config.RequiredClaim{"roles": {}},
		}},
		Clients: map[string]config.Client{"team-a": {Keys: []string{"sha256:" + strings.Repeat("0", 64)}}},
	}.Complete()
	c := config.Default()
	c.Upstreams, c.Routes, c.TokenPolicies, c.Clients = elements.Upstreams, elements.Routes, elements.TokenPolicies, elements.Clients
	return c
}
