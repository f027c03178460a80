package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
	"github.com/apim-edge/apim-edge/rewrite"
)

// RequiredHeader is what one field of a request has to say.
type RequiredHeader struct {
	// The values of which the field has to have one: env:NAME, file:/path or keyvault:URL.
	// What changes there is used within a minute (file) or minutes (keyvault), without a
	// reload. Empty: any value will do.
	Values []string `koanf:"values" secret:"reference"`
	// Compare without regard to upper and lower case.
	IgnoreCase bool `koanf:"ignore_case"`
}

// RequiredFault says why a request cannot be asked for a field of this name, or "". It
// knows nothing of the fields that other keys of a route name.
func RequiredFault(name string) string {
	switch {
	case !freeName(name):
		return "this is no " + freeNameWanted
	case len(name) > 63:
		return "a field that can be asked for has a name of at most 63 characters"
	case rewrite.Taken(name):
		return "this field says something of the connection, of proxies, of the content or of a browser; ask for one that a front sets, such as X-Azure-FDID"
	}
	return rewrite.FieldFault(name)
}

// headers checks the fields that a request must have. What others own cannot be asked for:
// the credential rules compare keys themselves, and the edge drops from everybody what it
// writes itself.
func (v *checker) headers(key string, r Route) {
	governed := v.governed(r)
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.Require.Headers)) {
		at, lower := option.Child(key, name), strings.ToLower(name)
		switch fault := RequiredFault(name); {
		case !freeName(name): // which the check of names has told
		case fault != "":
			v.fault(at, option.Show(name), fault, "")
		case alike(name, governed):
			v.fault(at, option.Show(name), "this field has the credential; say who may pass by credential.on_missing, require.token or require.client", "")
		case alike(name, slices.Collect(maps.Values(r.ForwardClaims))):
			v.fault(at, option.Show(name), "forward_claims writes this field, and drops what comes in it from outside", "")
		case seen[lower] != "":
			v.fault(at, option.Show(name), "this is the same field as "+seen[lower], "")
		}
		seen[lower] = name
		v.references(option.Child(at, "values"), r.Require.Headers[name].Values)
	}
}

func (v *checker) references(key string, refs []string) {
	for i, ref := range refs {
		at := option.Element(key, i)
		v.fault(at, "", referenceFault(ref), "")
		if slices.Contains(refs[:i], ref) {
			v.fault(at, "", "this stands in the list already", "")
		}
	}
}

// governed are the fields of credentials of a route.
func (v *checker) governed(r Route) []string {
	all := append([]string{"authorization", r.Credential.Header}, r.Credential.Aliases...)
	for _, name := range r.UpstreamNames() {
		if a := v.config.Upstreams[name].Auth; a.Set() {
			all = append(all, a.complete().Header)
		}
	}
	return all
}

// alike reports whether some server would take a name for one of others.
func alike(name string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return rewrite.Compare([]byte(name), strings.ToLower(other)) != rewrite.Different
	})
}
