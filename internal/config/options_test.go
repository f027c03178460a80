package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestEveryFaultOfAnOptionHasItsPlace goes through every text that rewrite, corsx and
// bridge have for a fault, and holds that Load reports it with file, line and key. A text
// that no case here brings about is missed by name.
func TestEveryFaultOfAnOptionHasItsPlace(t *testing.T) {
	missing := faultTexts(t, "../../rewrite/options.go")
	delete(missing, "wrongOwn") // of forward_claims, which has stories of its own
	for name, text := range faultTexts(t, "../../corsx/check.go") {
		missing["corsx."+name] = text
	}
	for name, text := range faultTextsOf(t, "../../proxy/bridge/options.go", 7) {
		missing["bridge."+name] = text
	}
	many := strings.TrimSuffix(strings.Repeat("x, ", 20), ", ")
	for i := range 20 { // twenty names
		many = strings.Replace(many, "x,", "x"+strconv.Itoa(i)+",", 1)
	}
	for _, tc := range []struct{ section, value, key, text string }{
		{"credential", "header: a b", "header", "a field name holds"},
		{"credential", "header: " + strings.Repeat("x", 64), "header", "a field that can hold a key"},
		{"credential", "header: X-Forwarded-Key", "header", "this field has another use"},
		{"credential", "aliases: [api-key, x-a, sec-key]", "aliases[2]", "this field has another use"},
		{"credential", "aliases: [api-key, authorization]", "aliases[1]", "Authorization is looked at anyway"},
		{"credential", "aliases: [api-key, x-a, x-a]", "aliases[2]", "the name stands in the list"},
		{"credential", "aliases: [" + many + "]", "aliases", "more than 14 further fields"},
		{"credential", "{header: Authorization, value: 'Bearer {key}', keep_authorization: true}", "keep_authorization", "the key goes into Authorization itself"},
		{"credential", "value: x", "value", "the value has {key} once"},
		{"credential", "value: 'ü{key}'", "value", "the value holds printable ASCII"},
		{"credential", "value: '{key} '", "value", "the value has no space"},
		{"credential", "{header: Authorization, value: '{key}'}", "value", "Authorization needs a scheme"},
		{"credential", "query_aliases: [a, 'b=']", "query_aliases[1]", "a query parameter's name is written"},
		{"credential", "query_aliases: ['a[b]']", "query_aliases[0]", "a query parameter's name has 1 to 63"},
		{"credential", "query_aliases: [a, a]", "query_aliases[1]", "the name stands in the list"},
		{"credential", "query_aliases: [" + many + "]", "query_aliases", "more than 16 parameters"},
		{"credential", "placeholders: [x, '']", "placeholders[1]", "a placeholder has 1 to 63"},
		{"cors", "allowed_origins: [app]", "allowed_origins[0]", "an origin is scheme://host"},
		{"cors", "allowed_origins: ['null', 'app://-/']", "allowed_origins[1]", "an origin has no path"},
		{"cors", "allowed_origins: ['https://A.example']", "allowed_origins[0]", "browsers send origins in lower case"},
		{"cors", "allowed_origins: ['http://a.example:80']", "allowed_origins[0]", "browsers leave out port 80 of http"},
		{"cors", "allowed_origins: ['https://*.*.example']", "allowed_origins[0]", "an origin has one * at most"},
		{"cors", "allowed_origins: ['https://a.example:b']", "allowed_origins[0]", "the port is no number"},
		{"cors", "allowed_origins: ['https://*a.example']", "allowed_origins[0]", "the * also allows names"},
		{"cors", "{allowed_origins: ['https://*:8443'], allow_credentials: true}", "allowed_origins[0]", "with allow_credentials origins must be named"},
		{"cors", "allowed_methods: [GET, 'a b']", "allowed_methods[1]", "a method, such as GET"},
		{"cors", "allowed_methods: [TRACK]", "allowed_methods[0]", "browsers and apim-edge refuse this method"},
		{"cors", "allowed_methods: [get]", "allowed_methods[0]", "methods are in upper case"},
		{"cors", "allowed_headers: ['a b']", "allowed_headers[0]", "a field name holds"},
		{"cors", "exposed_headers: [x-a, 'x-*']", "exposed_headers[1]", "fields are named one by one"},
		{"cors", "{exposed_headers: ['*'], allow_credentials: true}", "exposed_headers[0]", "fields to expose are named"},
		{"cors", "max_age: 300ms", "max_age", "browsers count whole seconds"},
		{"bridge", "to: v1", "models", "a bridge needs at least one model"},
		{"bridge", "{to: v1, models: {a: {}}, default: b}", "default", "models has no such name"},
		{"bridge", "{to: v1, models: {a: {}}, prefix: v1}", "prefix", "a prefix begins with /"},
		{"bridge", "{to: v1, models: {' a': {}}}", "models.\" a\"", "a name of a model has"},
		{"bridge", "{to: v1, models: {gpt-4.1: {deployment: 'ä'}}}", "models.\"gpt-4.1\".deployment", "a name of a model has"},
		{"bridge", "{to: v1, models: {a: {deployment: x}, org/b: {deployment: x}}}", "models.\"org/b\".deployment", "a has the same deployment"},
		{"bridge", "{to: legacy, models: {gpt-4.1: {}}}", "models.\"gpt-4.1\".api_version", "a legacy API wants an api-version"},
		{"bridge", "{to: legacy, models: {a: {api_version: 2024-10}}}", "models.a.api_version", "an api-version is a date"},
	} {
		value := tc.value
		if !strings.HasPrefix(value, "{") {
			value = "{" + value + "}"
		}
		_, err := loadBytes([]byte(oneUpstream+"routes:\n  openai:\n    path_prefix: /\n    "+tc.section+": "+value+"\n"), Options{})
		got, where := "", "edge.yaml:5: routes.openai."+tc.section+"."+tc.key+": "
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, where) || !strings.Contains(got, tc.text) || strings.Contains(got, "\n") {
			t.Errorf("%s: %s\ngot  %s\nwant %s...%s", tc.section, tc.value, got, where, tc.text)
		}
		for name, text := range missing {
			if text.MatchString(got) && ownerOf(name) == tc.section {
				delete(missing, name)
			}
		}
	}
	for name, text := range missing {
		t.Errorf("no case here leads to the fault %s: %s", name, text)
	}
}

// ownerOf returns the section that a text of missing is for.
func ownerOf(name string) string {
	switch owner, _, found := strings.Cut(name, "."); {
	case found && owner == "corsx":
		return "cors"
	case found:
		return owner
	}
	return "credential"
}

// faultTexts reads the constants wrong... and want... of a file, as patterns of what
// they become.
func faultTexts(t *testing.T, file string) map[string]*regexp.Regexp {
	t.Helper()
	return faultTextsOf(t, file, 10)
}

// faultTextsOf wants at least so many of them.
func faultTextsOf(t *testing.T, file string, least int) map[string]*regexp.Regexp {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	testkit.Must(t, err)
	texts := map[string]*regexp.Regexp{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "wrong") && !strings.HasPrefix(spec.Names[0].Name, "want") {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		testkit.Must(t, err)
		texts[spec.Names[0].Name] = regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(text), "%s", ".+"))
		return true
	})
	if len(texts) < least {
		t.Fatalf("%s: found %d texts", file, len(texts))
	}
	return texts
}

// TestTextsOfFaultsAreConstants: a text that is written where the fault is made would
// be missed by the test above.
func TestTextsOfFaultsAreConstants(t *testing.T) {
	for _, file := range []string{"../../rewrite/options.go", "../../corsx/check.go", "../../proxy/bridge/options.go", "../identity/token/faults.go", "../identity/clientkey/options.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		testkit.Must(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				key, _ := pair.Key.(*ast.Ident)
				if _, literal := pair.Value.(*ast.BasicLit); literal && key != nil && (key.Name == "Text" || key.Name == "Want") {
					t.Errorf("%s: a fault says %s in place", file, pair.Value.(*ast.BasicLit).Value)
				}
			}
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 3 {
				if literal, ok := call.Args[2].(*ast.BasicLit); ok && literal.Kind == token.STRING && strings.Contains(literal.Value, " ") {
					t.Errorf("%s: a fault says %s in place", file, literal.Value)
				}
			}
			return true
		})
	}
}
