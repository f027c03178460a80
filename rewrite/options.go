package rewrite

import (
	"errors"
	"slices"
	"strconv"
	"strings"
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

// Fault is one mistake in Options.
type Fault struct {
	// Key is the option as the configuration spells it, an element by its
	// position: aliases[2].
	Key string
	// Found is the value, where it may be shown: people paste keys in odd places.
	Found string
	// Text says what is wrong with the value. Want says what may stand there,
	// where that is all there is to say. One of the two is set.
	Text, Want string
	// Meant is a likely correction, or empty.
	Meant string
}

// Error implements error.
func (f Fault) Error() string {
	text := f.Key + ": "
	if f.Found != "" {
		text += "found " + strconv.Quote(f.Found) + ", "
	}
	switch {
	case f.Want != "":
		text += "want " + f.Want
	case f.Found != "":
		text += "but " + f.Text
	default:
		text += f.Text
	}
	if f.Meant != "" {
		text += "; did you mean " + strconv.Quote(f.Meant) + "?"
	}
	return text
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

type faults []Fault

func (f *faults) add(key, found, text string) {
	*f = append(*f, Fault{Key: key, Found: found, Text: text})
}

// Faults returns every mistake in the options, whatever they leave open.
func (o Options) Faults() []Fault {
	var f faults
	o = o.Complete()
	if !o.intoAuthorization() {
		f.field("header", o.Header)
	} else if o.KeepAuthorization {
		f.add("keep_authorization", "", wrongKept)
	}
	f.value(o)
	f.aliases(o)
	f.queryAliases(o.QueryAliases)
	for i, value := range o.Placeholders {
		if len(value) == 0 || len(value) > maxNameLength || !printable(value) {
			f.add(element("placeholders", i), "", wrongPlaceholder)
		}
	}
	return f
}

// intoAuthorization reports whether the upstream expects its key in Authorization.
func (o Options) intoAuthorization() bool { return strings.EqualFold(o.Header, "Authorization") }

func (f *faults) value(o Options) {
	prefix, suffix, _ := strings.Cut(o.Value, keyMark)
	switch {
	case strings.Count(o.Value, keyMark) != 1:
		f.add("value", "", wrongMark)
	case !printable(o.Value):
		f.add("value", "", wrongValue)
	case strings.HasPrefix(prefix, " ") || strings.HasSuffix(suffix, " "):
		f.add("value", "", wrongSpace)
	case o.intoAuthorization() && !strings.HasSuffix(prefix, " "):
		f.add("value", "", wrongScheme)
	}
}

// FieldFault says why a field cannot be one that the edge writes for the upstream, or "".
func FieldFault(name string) string {
	switch {
	case !isFieldName(name):
		return wrongName
	case len(name) > maxNameLength || taken(name):
		return wrongOwn
	}
	return ""
}

// field checks the name of a field for keys. It is shown where it is a name that
// everybody knows: people paste the key itself here.
func (f *faults) field(key, name string) {
	switch {
	case !isFieldName(name):
		f.add(key, "", wrongName)
	case len(name) > maxNameLength:
		f.add(key, "", wrongLength)
	case taken(name):
		f.add(key, name, wrongUse)
	}
}

func (f *faults) aliases(o Options) {
	var seen []string
	for i, name := range o.Aliases {
		key, lower := element("aliases", i), strings.ToLower(name)
		switch {
		case strings.EqualFold(name, o.Header):
			continue // an alias equal to the target is the target
		case lower == "authorization":
			f.add(key, "", wrongAuthorization)
		case slices.Contains(seen, lower):
			f.add(key, "", wrongTwice)
		default:
			f.field(key, name)
		}
		seen = append(seen, lower)
	}
	if len(seen) > maxAliases {
		f.add("aliases", "", wrongAliases)
	}
}

// queryAliases refuses a name that stands there twice; two that differ in case are
// one to the query, and harmless.
func (f *faults) queryAliases(names []string) {
	for i, name := range names {
		key := element("query_aliases", i)
		switch {
		case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=#%+?", r) }):
			f.add(key, "", wrongParameter)
		case len(name) == 0 || len(name) > maxNameLength || !unreserved(name):
			f.add(key, "", wrongUnreserved)
		case slices.Contains(names[:i], name):
			f.add(key, "", wrongTwice)
		}
	}
	if len(names) > maxNames {
		f.add("query_aliases", "", wrongParameters)
	}
}

func element(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }

// join makes one error of all faults.
func join(faults []Fault) error {
	var errs []error
	for _, f := range faults {
		errs = append(errs, f)
	}
	return errors.Join(errs...)
}
