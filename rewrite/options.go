package rewrite

import (
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Options say how credentials are rewritten. The zero value is the default:
// the key goes into api-key, and nothing is refused for want of a credential.
type Options struct {
	// Header is the field in which the upstream expects the key; empty: api-key.
	Header string
	// Value is how the key is written into the field; empty: "{key}".
	Value string
	// Aliases are further fields in which clients send the key; one that is
	// Header counts as such. Nil: api-key and Ocp-Apim-Subscription-Key.
	Aliases []string
	// QueryAliases are parameters in which clients send the key. Nil:
	// subscription-key.
	QueryAliases []string
	// RejectConflict refuses two different credentials of one kind.
	RejectConflict bool
	// RejectMissing refuses a request without a credential.
	RejectMissing bool
	// KeepMisplacedToken leaves a token where the key belongs.
	KeepMisplacedToken bool
	// KeepAuthorization sends Authorization on as well as the key taken from it.
	KeepAuthorization bool
	// Placeholders are values that count as absent. Nil: DefaultPlaceholders.
	Placeholders []string
}

// DefaultPlaceholders returns the values that SDKs and their users are known
// to send where there is no key.
func DefaultPlaceholders() []string {
	return []string{"EMPTY", "dummy", "none", "null", "undefined", "sk-no-key-required"}
}

const (
	// maxNames bounds the governed fields, Authorization included, and the
	// query parameters, so that Decide keeps what it found on the stack.
	maxNames = 16
	// maxAliases leaves room for Authorization and the target field.
	maxAliases = maxNames - 2
	// maxNameLength lets the lengths of names be a bit set in one word.
	maxNameLength = 63
	keyMark       = "{key}"
)

// Complete returns the options with the default of everything that they leave open.
// The aliases of APIM stay whatever Header is: the default is one list for all.
func (o Options) Complete() Options {
	if o.Header == "" {
		o.Header = "api-key"
	}
	if o.Value == "" {
		o.Value = keyMark
	}
	// APIM looks into one of these two fields and this parameter when nobody
	// renamed them.
	if o.Aliases == nil {
		o.Aliases = []string{"api-key", "Ocp-Apim-Subscription-Key"}
	}
	if o.QueryAliases == nil {
		o.QueryAliases = []string{"subscription-key"}
	}
	if o.Placeholders == nil {
		o.Placeholders = DefaultPlaceholders()
	}
	return o
}

// The texts of faults.
const (
	wrongName          = "a field name holds letters, digits and !#$%&'*+-.^_`|~ only (RFC 9110 5.6.2)"
	wrongLength        = "a field that can hold a key has a name of at most 63 characters"
	wrongUse           = "this field has another use and cannot hold a key"
	wrongOwn           = "this field has another use, or a name of more than 63 characters"
	wrongAuthorization = "Authorization is looked at anyway and is no alias"
	wrongTwice         = "the name stands in the list already"
	wrongKept          = "the key goes into Authorization itself (header), so that there is nothing else to keep"
	wrongMark          = "the value has {key} once, as in Bearer {key}; keys themselves do not belong here"
	wrongValue         = "the value holds printable ASCII only"
	wrongSpace         = "the value has no space at its beginning or end"
	wrongScheme        = "Authorization needs a scheme in front of the key, as in Bearer {key}"
	wrongParameter     = "a query parameter's name is written without spaces and without & = # % + ?"
	wrongUnreserved    = "a query parameter's name has 1 to 63 letters, digits or -._~"
	wrongPlaceholder   = "a placeholder has 1 to 63 printable ASCII characters; the empty value is one without being listed"
	wrongAliases       = "more than 14 further fields cannot be looked at"
	wrongParameters    = "more than 16 parameters cannot be looked at"
)

type faults struct{ option.Faults }

// Faults returns every mistake in the options, whatever they leave open.
func (o Options) Faults() option.Faults {
	var f faults
	o = o.Complete()
	if !o.intoAuthorization() {
		f.field("header", o.Header)
	} else if o.KeepAuthorization {
		f.Add("keep_authorization", "", wrongKept)
	}
	f.value(o)
	f.aliases(o)
	f.queryAliases(o.QueryAliases)
	for i, value := range o.Placeholders {
		if len(value) == 0 || len(value) > maxNameLength || !printable(value) {
			f.Add(option.Element("placeholders", i), "", wrongPlaceholder)
		}
	}
	return f.Faults
}

// intoAuthorization reports whether the upstream expects its key in Authorization.
func (o Options) intoAuthorization() bool { return strings.EqualFold(o.Header, "Authorization") }

func (f *faults) value(o Options) {
	prefix, suffix, _ := strings.Cut(o.Value, keyMark)
	switch {
	case strings.Count(o.Value, keyMark) != 1:
		f.Add("value", "", wrongMark)
	case !printable(o.Value):
		f.Add("value", "", wrongValue)
	case strings.HasPrefix(prefix, " ") || strings.HasSuffix(suffix, " "):
		f.Add("value", "", wrongSpace)
	case o.intoAuthorization() && !strings.HasSuffix(prefix, " "):
		f.Add("value", "", wrongScheme)
	}
}

// FieldFault says why a field cannot be one that the edge writes for the upstream, or "".
func FieldFault(name string) string {
	switch {
	case !isFieldName(name):
		return wrongName
	case len(name) > maxNameLength || Taken(name):
		return wrongOwn
	}
	return ""
}

// field checks the name of a field for keys. It is shown where it is a name that
// everybody knows: people paste the key itself here.
func (f *faults) field(key, name string) {
	switch {
	case !isFieldName(name):
		f.Add(key, "", wrongName)
	case len(name) > maxNameLength:
		f.Add(key, "", wrongLength)
	case Taken(name):
		f.Add(key, name, wrongUse)
	}
}

func (f *faults) aliases(o Options) {
	var seen []string
	for i, name := range o.Aliases {
		key, lower := option.Element("aliases", i), strings.ToLower(name)
		switch {
		case strings.EqualFold(name, o.Header):
			continue // an alias equal to the target is the target
		case lower == "authorization":
			f.Add(key, "", wrongAuthorization)
		case slices.Contains(seen, lower):
			f.Add(key, "", wrongTwice)
		default:
			f.field(key, name)
		}
		seen = append(seen, lower)
	}
	if len(seen) > maxAliases {
		f.Add("aliases", "", wrongAliases)
	}
}

// queryAliases refuses a name that stands there twice; two that differ in case are
// one to the query, and harmless.
func (f *faults) queryAliases(names []string) {
	for i, name := range names {
		key := option.Element("query_aliases", i)
		switch {
		case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
			f.Add(key, "", wrongParameter)
		case len(name) == 0 || len(name) > maxNameLength || !unreserved(name):
			f.Add(key, "", wrongUnreserved)
		case slices.Contains(names[:i], name):
			f.Add(key, "", wrongTwice)
		}
	}
	if len(names) > maxNames {
		f.Add("query_aliases", "", wrongParameters)
	}
}
