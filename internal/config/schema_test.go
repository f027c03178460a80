package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// Why a schema cannot find what check finds.
const (
	ofYAML   = "the editor's reader of YAML tells it, before a schema is asked"
	outside  = "it is not in the file"
	missing  = "what is missing may come from a variable or a flag"
	compares = "two keys are compared"
	refers   = "one key names what stands at another"
	measured = "a pattern does not calculate"
	spelled  = "the code has a list of names, in whatever spelling"
	merges   = "editors read merge keys"
)

// unseen are the stories of testdata/invalid that the schema lets pass, each with its
// reason. All others it has to find.
var unseen = reasons(map[string]string{
	outside: `flag-unknown flag-wrong traces-headers-variable variable-of-a-section variable-of-no-section variable-too-deep variable-unknown
		variable-with-one-underscore variable-with-secret variable-without-key variable-without-name
		variable-wrong-choice variable-wrong-duration variable-wrong-list-element variable-wrong-number
		variable-wrong-pairs variable-wrong-truth-value`,
	ofYAML: `comments-only duplicate-key duplicate-name empty-file key-is-a-list not-yaml tab two-documents unclosed-quote`,
	merges: `merge-key`,
	missing: `shared-without-store ticket-keys-without-tls auth-identity-without-resource auth-of-nothing auth-secondary-alone bridge-without-api-version
		bridge-without-models client-without-key listen-certificate-without-key listen-key-without-certificate
		no-route no-upstream route-without-upstream token-policy-cloud-without-tenant token-policy-keys-without-issuer
		token-policy-of-nobody token-policy-tenants-without-tenant token-policy-without-audience
		upstream-certificate-without-key upstream-without-url require-all-of-one require-client-without-clients
		auth-on-a-route-by-address auth-on-an-unguarded-route auth-without-a-route authorization-without-scheme upstreams-of-a-route-guarded
		upstreams-of-a-route-without-name`,
	compares: `limits-burst-alone shared-ca-without-tls admin-address-taken alias-authorization alias-twice auth-identity-header auth-secondary-same auth-two-kinds
		bridge-deployment-twice bridge-with-strip-prefix caller-twice client-key-twice exposed-header-star
		forward-claims-authorization forward-claims-credential forward-claims-neighbour forward-claims-own-credential
		forward-claims-own-credential-of-one shape-of-all-is-that-of-clients shape-without-bridge upstreams-of-a-route-and-one
		upstreams-of-a-route-twice weight-for-callers-alone
		forward-claims-twice health-path-of-a-route require-client-kept route-host-twice-spelled routes-overlap
		strip-prefix-elsewhere strip-prefix-inside-segment traces-ca-without-tls traces-service-name-empty token-policy-header-and-query
		token-policy-tenant-and-issuers token-policy-tenants-beside-tenant upstream-tls-without-https
		wildcard-with-credentials`,
	refers: `bridge-default-unknown client-route-open client-route-unknown require-no-policy require-unknown-policy
		route-to-nowhere route-to-nowhere-without-likeness upstreams-of-a-route-unknown`,
	measured: `limits-burst-of-years breaker-too-short bridge-body-head-too-small duration-nanoseconds duration-of-years failover-body-head-too-large head-too-large head-too-small query-many
		heartbeat-too-often size-too-large token-policy-skew-too-large trusted-proxy-with-host-bits`,
	spelled: `auth-header-taken forward-claims-forwarded key-field-taken`,
})

// reasons turns the names below each reason into the reason of each name.
func reasons(names map[string]string) map[string]string {
	of := map[string]string{}
	for why, stories := range names {
		for _, story := range strings.Fields(stories) {
			of[story] = why
		}
	}
	return of
}

// compiledSchema is the schema as an editor has it.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join(configs, "schema.json"))
	testkit.Must(t, err)
	return s
}

// TestSchemaFindsWhatCheckFinds asks a validator of JSON schemas about every mistake.
func TestSchemaFindsWhatCheckFinds(t *testing.T) {
	s := compiledSchema(t)
	known := map[string]bool{}
	for _, story := range testkit.Stories(t, "testdata/invalid/*.txtar") {
		name, file := story.Name, story.Part("edge.yaml")
		known[name] = true
		value, readable := asEditorsRead(file)
		found := readable && s.Validate(value) != nil
		switch why, excused := unseen[name]; {
		case !found && !excused:
			t.Errorf("%s: the schema finds nothing:\n%s", name, file)
		case found && excused:
			t.Errorf("%s: the schema finds it, although %q", name, why)
		}
	}
	for name := range unseen {
		if !known[name] {
			t.Errorf("there is no story %s", name)
		}
	}
}

// TestSchemaAcceptsWhatOperatorsAreGiven: no line below a good file.
func TestSchemaAcceptsWhatOperatorsAreGiven(t *testing.T) {
	s := compiledSchema(t)
	files := testkit.Files(t, configs+"/*.yaml", configs+"/recipes/*.yaml")
	if len(files) < 15 {
		t.Fatalf("found %d files", len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		testkit.Must(t, err)
		value, ok := asEditorsRead(data)
		if !ok {
			t.Fatalf("%s cannot be read", file)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		line, _, _ := bytes.Cut(data, []byte("\n"))
		name, ok := strings.CutPrefix(string(line), "# yaml-language-server: $schema=")
		if !ok {
			t.Errorf("%s does not begin with the line that editors look for", file)
			continue
		}
		named, err := os.Stat(filepath.Join(filepath.Dir(file), name))
		testkit.Must(t, err)
		if want, err := os.Stat(filepath.Join(configs, "schema.json")); err != nil || !os.SameFile(named, want) {
			t.Errorf("%s names another schema: %s", file, name)
		}
	}
}

// asEditorsRead returns what a reader of YAML 1.2 makes of a file, as JSON has it, and
// whether it can be read.
func asEditorsRead(data []byte) (any, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if decoder.Decode(&document) != nil || decoder.Decode(new(yaml.Node)) == nil || yaml.Unmarshal(data, new(map[string]any)) != nil {
		root := document.Content
		if len(root) == 0 || root[0].Kind == yaml.MappingNode {
			return nil, false
		}
	}
	return asJSON(document.Content[0]), true
}

func asJSON(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return asJSON(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, asJSON(item))
		}
		return list
	case yaml.MappingNode:
		section := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if k := n.Content[i]; k.ShortTag() != "!!merge" {
				section[k.Value] = asJSON(n.Content[i+1])
			}
		}
		return section
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		f, _ := strconv.ParseFloat(n.Value, 64)
		return f
	}
	return n.Value
}

// TestSchemaIsNeverStricterThanCheck: a value that check takes has no line below it in
// an editor. The values are drawn from pieces of right and of odd ones.
func TestSchemaIsNeverStricterThanCheck(t *testing.T) {
	s := compiledSchema(t)
	pieces := map[string][]string{
		"url":       {"https://", "http://", "HTTPS://", "contoso.azure-api.net", "10.0.0.1", "[::1]", "[fe80::1%25eth0]", "a", ".", "..", "/", "//", ":", "0", "443", "70000", "x", "-", "_", "%41", "@", "?", "#", "*", " "},
		"path":      {"/", "/", "openai", "v1", ".", "..", "*", "~", "%2F", "a", "?", "{", "x-1"},
		"host":      {"contoso", ".", "azure-api", "net", "10", ".0.0.1", "[", "]", "::1", "fe80::", "1", "%eth0", ":", "443", "-", "_", "A", "*", " "},
		"origin":    {"https://", "http://", "app://", "HTTP://", "*", "null", "chat", ".", "example", "com", "localhost", ":", "*", "443", "80", "8080", "[::1]", "/", "-", "A"},
		"word":      {"a", "X-Key", "_", "-", ".", "+", "=", "&", "~", "!", "|", " ", "é", "\"", "\\", "{key}", "Bearer ", "EMPTY", "*", "GET", "post", "TRACE", ","},
		"reference": {"env:", "file:", "keyvault:", "https://", "http://", "contoso.vault.azure.net", "/secrets/", "NAME", "name", "/", "1", "_", ".", "none", "user:pass@", "proxy.example.com", ":3128", "127.0.0.1", "?", "#", "sha256:", strings.Repeat("ab", 32)},
		"measure":   {"0", "1", "30", ".", "5", "s", "m", "h", "ms", "us", "µs", "ns", "+", "-", "B", "KiB", "MiB", "GiB", "KB", " "},
		"store":     {"redis://", "rediss://", "REDIS://", "RedisS://", "REDISS://", "name", "name@", "a@b@", "%41@", ":", "@", "store.example.com", "10.0.0.1", "[::1]", "[fe80::1%25eth0]", "6379", ":6379", ":", "70000", "/", "/", "0", "1", "+1", "-0", "%31", "?", "#", " "},
		"endpoint":  {"http://", "https://", "HTTP://", "HTTPS://", "collector", "10.0.0.1", "[::1]", ":", "4318", "4317", "/", "/v1", "/traces", "x", "?", "#", "@"},
		"rate":      {"1", "0", "600", "99999", "/", "/s", "/m", "/h", "/d", "/S", "+", " "},
		"id":        {"11111111-2222-3333-4444-555555555555", "organizations", "Organizations", "common", "https://", "api://edge", "graph.microsoft.com", "cognitiveservices.azure.com", "/.default", "/", "2027-06-30", "2024-10-21", "-preview", "T12:00:00", "Z", "+01:00", "public", "china", "RS256", "ES256", "HS256", ""},
	}
	type place struct{ file, pieces string }
	places := []place{
		{"upstreams: {legacy: {url: %}}", "url"},
		{"upstreams: {legacy: {url: 'https://a', proxy: %}}", "reference"},
		{"upstreams: {legacy: {url: 'https://a', tls: {server_name: %}}}", "host"},
		{"upstreams: {legacy: {url: 'https://a', max_age: %}}", "measure"},
		{"upstreams: {legacy: {url: 'https://a', auth: {value: %}}}\nroutes: {a: {open: true}}", "reference"},
		{"upstreams: {legacy: {url: 'https://a', auth: {value: 'env:A', header: %}}}\nroutes: {a: {open: true}}", "word"},
		{"upstreams: {legacy: {url: 'https://a', auth: {managed_identity: {resource: %}}}}\nroutes: {a: {open: true}}", "id"},
		{"listen: {address: %}", "host"},
		{"listen: {health_path: %}", "path"},
		{"admin: {address: %}", "host"},
		{"admin: {allowed_hosts: [%]}", "host"},
		{"admin: {token: %}", "reference"},
		{"trusted_proxies: [%]", "host"},
		{"timeouts: {connect: %, drain: %}", "measure"},
		{"limits: {head: %}", "measure"},
		{"limits: {request_body: %, slowest: %}", "measure"},
		{"routes: {a: {path_prefix: %}}", "path"},
		{"routes: {a: {path_prefix: %, strip_prefix: %}}", "path"},
		{"routes: {a: {host: %}}", "host"},
		{"routes: {a: {heartbeat: %, timeouts: {stream_idle: %}}}", "measure"},
		{"routes: {a: {credential: {header: %}}}", "word"},
		{"routes: {a: {credential: {value: %}}}", "word"},
		{"routes: {a: {credential: {aliases: [%]}}}", "word"},
		{"routes: {a: {credential: {query_aliases: [%]}}}", "word"},
		{"routes: {a: {credential: {placeholders: [%]}}}", "word"},
		{"routes: {a: {cors: {allowed_origins: [%]}}}", "origin"},
		{"routes: {a: {cors: {allowed_origins: ['*'], allowed_methods: [%], allowed_headers: [%], exposed_headers: [%]}}}", "word"},
		{"routes: {a: {bridge: {to: v1, prefix: %, models: {m: }}}}", "path"},
		{"routes: {a: {bridge: {to: v1, models: {m: {deployment: %}}}}}", "word"},
		{"routes: {a: {bridge: {to: v1, models: {m: {api_version: %}}}}}", "id"},
		{"routes: {a: {bridge: {to: v1, models: {%: {}}}}}", "word"},
		{"routes: {a: {bridge: {to: v1, models: {m: }, body_head: %}}}", "measure"},
		{"routes: {a: {forward_claims: {oid: %}}}", "word"},
		{"routes: {a: {require: {addresses: {allow: [%], deny: [%]}}}}", "host"},
		{"routes: {a: {require: {headers: {%: {values: [%]}}}}}", "reference"},
		{"routes: {a: {require: {headers: {%: {}}}}}", "word"},
		{"routes: {a: {query: {set: {%: x}, default: {y: %}, remove: [%]}}}", "word"},
		{"token_policies: {p: {tenant_id: %, audiences: [%]}}", "id"},
		{"token_policies: {p: {tenant_id: organizations, tenants: [%], cloud: %, audiences: [a]}}", "id"},
		{"token_policies: {p: {openid_configs: [%], issuers: [%], audiences: [%]}}", "url"},
		{"token_policies: {p: {signing_keys: [%], issuers: [a], audiences: [a]}}", "reference"},
		{"token_policies: {p: {signing_keys: ['env:A'], issuers: [a], audiences: [a], algorithms: [%], client_application_ids: [%]}}", "id"},
		{"token_policies: {p: {signing_keys: ['env:A'], issuers: [a], audiences: [a], header: %}}", "word"},
		{"token_policies: {p: {signing_keys: ['env:A'], issuers: [a], audiences: [a], query: %}}", "word"},
		{"token_policies: {p: {signing_keys: ['env:A'], issuers: [a], audiences: [a], clock_skew: %}}", "measure"},
		{"token_policies: {p: {signing_keys: ['env:A'], issuers: [a], audiences: [a], required_claims: {%: {values: [%]}}}}", "word"},
		{"shared: {redis: %}", "store"},
		{"shared: {redis: 'rediss://a', password: %}", "reference"},
		{"traces: {endpoint: %}", "endpoint"},
		{"census: {enabled: true, key: %}", "reference"},
		{"routes: {a: {limits: {requests: %}}}", "rate"},
		{"routes: {a: {upstreams: [{name: legacy}], failover: {on: [%], body_head: %}}}", "measure"},
		{"routes: {a: {usage: true, usage_models: [%]}}", "word"},
		{"upstreams: {legacy: {url: 'https://a', probe: {path: %}}}", "path"},
		{"upstreams: {legacy: {url: 'https://a', breaker: {within: %, open: %}}}", "measure"},
		{"upstreams: {legacy: {url: 'https://a', tls: {ca_file: %}}}", "word"},
		{"clients: {c: {keys: [%]}}", "reference"},
		{"clients: {c: {keys: ['sha256:" + strings.Repeat("0", 64) + "'], expires: %}}", "id"},
		{"clients: {c: {keys: ['sha256:" + strings.Repeat("0", 64) + "'], upstream_key: %}}", "reference"},
		{"clients: {%: {keys: ['sha256:" + strings.Repeat("0", 64) + "']}}", "word"},
	}
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		for range 10 { // of the few checks that rapid makes by default
			tc := rapid.SampledFrom(places).Draw(t, "place")
			file := tc.file
			for strings.Contains(file, "%") {
				words := rapid.SliceOfN(rapid.SampledFrom(pieces[tc.pieces]), 0, 6).Draw(t, "words")
				value := strings.ReplaceAll(strconv.Quote(strings.Join(words, "")), "%", "\x00")
				file = strings.Replace(file, "%", value, 1)
			}
			file = strings.ReplaceAll(file, "\x00", "%")
			if !strings.Contains(file, "upstreams:") {
				file += "\nupstreams: {legacy: {url: 'https://a'}}"
			}
			value, readable := asEditorsRead([]byte(file))
			if !readable || !accepted([]byte(file)) {
				continue
			}
			taken++
			if err := s.Validate(value); err != nil {
				t.Fatalf("check takes this file, the schema does not:\n%s\n%v", file, err)
			}
		}
	})
	if taken == 0 {
		t.Error("check takes none of the files")
	}
}

// accepted reports whether check has no fault in a file.
func accepted(data []byte) bool {
	root, problem := parseYAML("edge.yaml", data)
	if problem != nil {
		return false
	}
	_, err := merge(fileLayer("edge.yaml", root), Options{})
	return err == nil
}
