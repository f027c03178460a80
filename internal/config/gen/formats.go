package main

import (
	"fmt"
	"strings"
)

// The schema's patterns say what a text may look like. They hold for what is written in
// a file, are never stricter than the loader, and are written in what Go and ECMAScript
// have in common, because editors use the latter. What compares one key with another,
// or a value with a unit with its bounds, is left to the loader.
const (
	label     = `[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?`
	lastLabel = `([0-9]*[A-Za-z_]([A-Za-z0-9_-]*[A-Za-z0-9_])?|[0-9]+-[A-Za-z0-9_-]*[A-Za-z0-9_])` // no number
	hostName  = `(` + label + `\.)*` + lastLabel
	ipv4      = `[0-9]{1,3}(\.[0-9]{1,3}){3}`
	ipv6      = `[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*`
	host      = `(` + hostName + `|` + ipv4 + `|` + ipv6 + `)`
	portOr0   = `0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])`

	// A segment of a path that is neither . nor .., and one that has no dot at its end
	// and no star.
	segment      = `([A-Za-z0-9_~!$&'()*+,;=:@-]|\.[A-Za-z0-9_~!$&'()*+,;=:@-]|\.\.[A-Za-z0-9._~!$&'()*+,;=:@-])[A-Za-z0-9._~!$&'()*+,;=:@-]*`
	plainSegment = `[A-Za-z0-9._~!$&'()+,;=:@-]*[A-Za-z0-9_~!$&'()+,;=:@-]`

	webURL = `^https?://((` + hostName + `|` + ipv4 + `)\.?|\[` + ipv6 + `(%25[^\]]+)?\])(:` + portOr0 + `)?(/{0,2}|(/` + segment + `)+/?)$`

	vault     = `https://[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)+(:[0-9]{1,5})?/secrets/[0-9A-Za-z-]{1,127}(/[0-9A-Za-z-]{1,127})?/?`
	local     = `(env:[A-Za-z_][A-Za-z0-9_]*|file:(/|[A-Za-z]:[\\/]).*)`
	reference = `(` + local + `|keyvault:` + vault + `)`

	// Where keys of issuers come from: with TLS, or from this machine.
	keysURL = `([Hh][Tt][Tt][Pp][Ss]://[^/?#@]+|[Hh][Tt][Tt][Pp]://(localhost|127(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?)([/?][^#]*)?#?`

	fieldName = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
	guid      = `[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`
	modelName = `[!#-\[\]-~]([ !#-\[\]-~]{0,126}[!#-\[\]-~])?`

	// Hosts of pages, in which one star stands where it matches no stranger's domain.
	webLabel = `[a-z0-9_-]+`
	webHost  = `(` + webLabel + `(\.` + webLabel + `)*|\[[0-9a-f:.]+\])`
	starHost = `(\*|(` + webLabel + `\.)*[a-z0-9_-]*\*((\.` + webLabel + `)+|[a-z0-9_-]+(\.` + webLabel + `){2,}))`

	units    = `(ns|us|µs|μs|ms|s|m|h)`
	duration = `(\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)` + units + `)+)|-(0|((0+(\.0*)?|\.0+)` + units + `|0*\.[0-9]+ns)+))` // -0 is no time before 0
	size     = `[0-9]+(B|KiB|MiB|GiB)`
	expanded = `\$\{[A-Za-z_][A-Za-z0-9_]*(:?[-?+=][^}]*)?\}|^\$[A-Za-z_][A-Za-z0-9_]*$`
)

// definitions are what values look like, by name.
var definitions = map[string]*schema{
	"text":      {Not: &schema{Pattern: expanded}},
	"nonempty":  {MinLength: 1, Not: &schema{Pattern: expanded}},
	"line":      {Pattern: `^[^\x00-\x1f\x7f]*$`, Not: &schema{Pattern: expanded}},
	"url":       {Pattern: webURL, Not: &schema{Pattern: `^https?://[^/]*:0*(/|$)`}},
	"collector": {Pattern: webURL, Not: &schema{Pattern: `^https?://[^/]*:0*(/|$)|/v1/traces/?$|^https?://[^/]*:0*4317(/|$)`}},
	"prefix":    {Pattern: `^(/{1,2}|(/` + plainSegment + `)+/?)$`},
	"path":      {Pattern: `^(/|(/` + segment + `)+)$`},
	"asked":     {Pattern: `^(/|(/` + segment + `)+)(\?[!"$-~]*)?$`},
	"route":     {Pattern: `^(\.|` + host + `\.?|\[(` + ipv4 + `|` + ipv6 + `)\])$`},
	"host":      {Pattern: `^` + host + `$`},
	"address":   {Pattern: `^(` + hostName + `|` + ipv4 + `|\[[A-Za-z0-9_.:-]+(%[^\]]+)?\])?:` + portOr0 + `$`},
	"network":   {Pattern: `^(` + ipv4 + `|` + ipv6 + `)(%[^/]+)?(/[0-9]{1,3})?$`},
	"reference": {Pattern: `^` + reference + `$`},
	"local":     {Pattern: `^` + local + `$`},
	"keys":      {Pattern: `^(` + reference + `|` + keysURL + `)$`},
	"proxy":     {Pattern: `^(none|` + reference + `|(` + anyCase("http") + `://)?([^/?#]*@)?(` + hostName + `|` + ipv4 + `|\[` + ipv6 + `\])(:(` + portOr0 + `)?)?/?\??#?)$`},
	"hash":      {Pattern: `^sha256:[0-9A-Fa-f]{64}$`},
	"metadata":  {Pattern: `^` + keysURL + `$`, Not: &schema{Pattern: `://login\.microsoftonline\..*/(common|organizations)/`}},
	"guid":      {Pattern: `^` + guid + `$`},
	"tenant":    {Pattern: `^(` + guid + `|` + anyCase("organizations") + `)$`},
	"resource":  {Pattern: `^(` + guid + `|[A-Za-z][A-Za-z0-9+.-]*:.*)$`, Not: &schema{Pattern: `/\.default$`}},
	"audience":  {MinLength: 1, Not: &schema{Pattern: `^(https://graph\.microsoft\.com|00000003-0000-0000-c000-000000000000)/?$|` + expanded}},
	"algorithm": {Enum: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}},
	"cloud":     {Enum: []string{"public", "usgovernment", "china"}},
	"failure":   {Enum: []string{"connect", "429", "503"}},
	"rate":      {Pattern: `^[1-9][0-9]{0,8}/[smhd]$`, Not: &schema{Pattern: `^([2-9][0-9]{5}|1[0-9]{6}|[0-9]{7,})/s$`}},
	"store":     {Pattern: `^` + anyCase("redis") + `[Ss]?://([^/?#:]*@)?(` + hostName + `|` + ipv4 + `|\[` + ipv6 + `(%25[^\]]+)?\])(:(` + portOr0 + `)?)?/?[0-9]*$`},
	"field":     {Pattern: `^` + fieldName + `{1,63}$`},
	"exposed":   {Pattern: "^(\\*|[!#$%&'+.^_`|~0-9A-Za-z-]+)$"},
	"method":    {Pattern: "^[!#$%&'*+.^_`|~0-9A-Z-]+$", Not: &schema{Enum: []string{"*", "CONNECT", "TRACE", "TRACK"}}},
	"alias":     {Pattern: `^[A-Za-z0-9._~-]{1,63}$`},
	"parameter": {Pattern: `^[!"$'-*,-<>@-~]{1,63}$`},
	"template":  {Pattern: `^(\{key\}|[!-~][ -~]*\{key\})([ -~]*[!-~])?$`, Not: &schema{Pattern: `\{key\}.*\{key\}`}},
	"expiry":    {Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{1,2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2}))?$`},
	"version":   {Pattern: `^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$`},
	"deployed":  {Pattern: `^[^/?# ]+$`, Not: &schema{Pattern: expanded}},
	"model":     {Pattern: `^` + modelName + `$`, Not: &schema{Pattern: expanded}},
	"base":      {Pattern: `^(/{1,3}|(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+/{0,2})$`},
	"origin": {
		Pattern: `^(\*|null|[a-z0-9+.-]+://[^/]*)$`,
		If:      &schema{Pattern: `^https?://`},
		Then:    &schema{Pattern: `^https?://(` + webHost + `(:([0-9]+|\*))?|` + starHost + `(:[0-9]+)?)$`},
		Not:     &schema{Pattern: `^(https://.*:443|http://.*:80)$|\*.*\*`},
	},
	"duration":          {Pattern: `^` + duration + `$`},
	"duration_set":      {Pattern: `^` + duration + `$`, Not: &schema{Pattern: `^[+-]?0$`}},
	"size":              {Pattern: `^(0|` + size + `)$`},
	"size_set":          {Pattern: `^` + size + `$`, Not: &schema{Pattern: `^0+[A-Z]`}},
	"name":              {Pattern: `^[a-z0-9]+([_-][a-z0-9]+)*$`, MaxLength: 63},
	"name_of_model":     {Pattern: `^` + modelName + `$`, Not: &schema{Pattern: foreign}},
	"field_name":        {Pattern: `^` + fieldName + `{1,63}$`},
	"name_of_parameter": {Pattern: `^[!"$'-*,-<>@-~]{1,63}$`},
	"name_of_claim":     {Pattern: `^[^\x00-\x1f\x7f]+$`, Not: &schema{Pattern: foreign}},
}

// foreign are names that cannot be a part of a key.
const foreign = `^_|__|_$`

// formats names the definition of each key whose texts have a form of their own; that
// of a list holds for its elements. A ? allows the empty text.
var formats = map[string]string{
	"listen.address":                "address",
	"listen.health_path":            "path?",
	"admin.address":                 "address?",
	"admin.allowed_hosts":           "host",
	"trusted_proxies":               "network",
	"census.key":                    "local?",
	"listen.tls.ticket_keys":        "local",
	"traces.endpoint":               "collector?",
	"shared.redis":                  "store?",
	"routes.<name>.limits.requests": "rate?",

	"upstreams.<name>.url":                             "url",
	"upstreams.<name>.tls.server_name":                 "host?",
	"upstreams.<name>.auth.header":                     "field?",
	"upstreams.<name>.auth.managed_identity.resource":  "resource?",
	"upstreams.<name>.auth.managed_identity.client_id": "guid?",

	"routes.<name>.failover.on":                           "failure",
	"upstreams.<name>.probe.path":                         "asked?",
	"routes.<name>.path_prefix":                           "prefix?",
	"routes.<name>.strip_prefix":                          "prefix?",
	"routes.<name>.host":                                  "route?",
	"routes.<name>.query.remove":                          "parameter",
	"routes.<name>.query.set":                             "line",
	"routes.<name>.query.default":                         "line",
	"routes.<name>.credential.header":                     "field?",
	"routes.<name>.credential.value":                      "template?",
	"routes.<name>.credential.aliases":                    "field",
	"routes.<name>.credential.query_aliases":              "alias",
	"routes.<name>.forward_claims":                        "field",
	"routes.<name>.require.addresses.allow":               "network",
	"routes.<name>.require.addresses.deny":                "network",
	"routes.<name>.cors.allowed_origins":                  "origin",
	"routes.<name>.cors.allowed_methods":                  "method",
	"routes.<name>.cors.allowed_headers":                  "exposed",
	"routes.<name>.cors.exposed_headers":                  "exposed",
	"routes.<name>.usage_models":                          "deployed",
	"routes.<name>.bridge.prefix":                         "base?",
	"routes.<name>.bridge.models.<name>.deployment":       "model?",
	"routes.<name>.bridge.models.<name>.api_version":      "version?",
	"token_policies.<name>.tenant_id":                     "tenant?",
	"token_policies.<name>.tenants":                       "guid",
	"token_policies.<name>.cloud":                         "cloud?",
	"token_policies.<name>.openid_configs":                "metadata",
	"token_policies.<name>.issuers":                       "nonempty",
	"token_policies.<name>.audiences":                     "audience",
	"token_policies.<name>.client_application_ids":        "nonempty",
	"token_policies.<name>.required_claims.<name>.values": "nonempty",
	"token_policies.<name>.algorithms":                    "algorithm",
	"token_policies.<name>.header":                        "field?",
	"token_policies.<name>.query":                         "parameter?",
	"token_policies.<name>.failed.message":                "line",
	"clients.<name>.expires":                              "expiry?",
}

// ofSecrets are the definitions of what the tag secret says.
var ofSecrets = map[string]string{"reference": "reference", "keys": "keys", "hash": "hash", "proxy": "proxy"}

// namedBy are the definitions of names that operators do not choose.
var namedBy = map[string]string{
	"routes.<name>.bridge.models":           "name_of_model",
	"token_policies.<name>.required_claims": "name_of_claim",
	"routes.<name>.require.headers":         "field_name",
	"routes.<name>.query.set":               "name_of_parameter",
	"routes.<name>.query.default":           "name_of_parameter",
	"traces.headers":                        "field_name",
}

// format returns the definition of a key's texts, and whether they may be empty.
func (k key) format() (name string, empty bool) {
	if name, ok := formats[k.path]; ok {
		bare, empty := strings.CutSuffix(name, "?")
		return bare, empty
	}
	if name, ok := ofSecrets[k.tag.Get("secret")]; ok {
		return name, k.typ.Kind() == stringKind
	}
	if k.tag.Get("dollar") == "ok" {
		return "", true
	}
	return "text", true
}

// ref refers to a definition. In draft 7 what stands beside a $ref is not looked at, so
// it stands below allOf.
func ref(name string, empty bool) []*schema {
	if _, ok := definitions[name]; !ok {
		panic(fmt.Sprintf("BUG: no definition %q", name))
	}
	to := &schema{Ref: "#/definitions/" + name}
	if empty && name != "text" && name != "line" {
		to = &schema{AnyOf: []*schema{{Enum: []string{""}}, to}}
	}
	return []*schema{to}
}

// anyCase is a pattern for a word in upper and lower case.
func anyCase(word string) string {
	var out strings.Builder
	for _, c := range word {
		fmt.Fprintf(&out, "[%c%c]", c-'a'+'A', c)
	}
	return out.String()
}
