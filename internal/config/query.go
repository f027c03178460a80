package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/rewrite"
)

// Query says which parameters the upstream is sent other than the client has sent them.
type Query struct {
	// Parameters that the upstream gets with these values, once, whatever the client
	// has sent: {api-version: "2024-10-21"}. Write texts as they are; they are
	// percent-encoded.
	Set map[string]string `koanf:"set"`
	// The same for parameters of which the client has sent none of the name.
	Default map[string]string `koanf:"default"`
	// Parameters that the upstream does not get.
	Remove []string `koanf:"remove" dollar:"ok"`
}

// Changes reports whether any parameter is another one upstream.
func (q Query) Changes() bool { return len(q.Set)+len(q.Default)+len(q.Remove) > 0 }

// Parameters returns what the keys say, nil where that is nothing.
func (q Query) Parameters() *rewrite.Parameters {
	return rewrite.NewParameters(q.Set, q.Default, q.Remove)
}

// WrittenParameter returns name and value as the upstream is sent them.
func WrittenParameter(name, value string) string { return rewrite.WrittenParameter(name, value) }

// IsKeyParameter reports whether a parameter is one in which API Management or Azure
// OpenAI look for a key.
func IsKeyParameter(name string) bool {
	return strings.EqualFold(name, "subscription-key") || strings.EqualFold(name, "api-key")
}

// query checks what a route changes of queries. Parameters of credentials are under their
// rules, and a bridge writes the version that its model has.
func (v *checker) query(key string, r Route) {
	seen := map[string]string{}
	check := func(at, name string) {
		v.parameter(at, name, r)
		lower := strings.ToLower(name)
		if seen[lower] != "" {
			v.fault(at, option.Show(name), "the parameter stands in "+seen[lower]+" already", "")
			return
		}
		seen[lower] = parent(at)
	}
	for _, part := range []struct {
		name   string
		values map[string]string
	}{{"set", r.Query.Set}, {"default", r.Query.Default}} {
		for _, name := range slices.Sorted(maps.Keys(part.values)) {
			at := option.Child(option.Child(key, part.name), name)
			check(at, name)
			if strings.ContainsFunc(part.values[name], func(c rune) bool { return c < ' ' || c == 0x7f }) {
				v.fault(at, "", "a value has no line breaks and other control characters", "")
			}
		}
	}
	for i, name := range r.Query.Remove {
		check(option.Element(option.Child(key, "remove"), i), name)
	}
	if len(seen) > rewrite.MaxParameters {
		v.fault(key, "", fmt.Sprintf("these are %d parameters, of which %d can be changed", len(seen), rewrite.MaxParameters), "")
	}
}

func (v *checker) parameter(at, name string, r Route) {
	same := func(other string) bool { return strings.EqualFold(name, other) }
	ofToken := func(policy string) bool { return same(v.config.TokenPolicies[policy].Query) }
	fault := rewrite.ParameterFault(name)
	switch {
	case fault != "":
	case IsKeyParameter(name), slices.ContainsFunc(r.Credential.QueryAliases, same):
		fault = "this parameter has the key, which the rules of credential deal with"
	case slices.ContainsFunc(r.Require.Token, ofToken):
		fault = "this parameter has the token that the route asks for"
	case r.Bridge.To != "" && same("api-version"):
		fault = "the bridge writes api-version, or takes it off; see bridge.models"
	}
	v.fault(at, option.Show(name), fault, "")
}
