package carryover

import (
	"regexp"
	"strings"
	"unicode"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// variable is what a set-variable, or a policy with a variable for its output, has left
// to those behind it.
type variable struct {
	constant *apimpolicy.Value // it is this text
	identity *identity         // it is a token of this managed identity
	policy   string            // it is a token that passed this policy
	random   []int             // it is a random number, from the first up to below the second
}

var (
	namedValue = regexp.MustCompile(`\{\{\s*([\w.-]+)\s*\}\}`)
	terraform  = regexp.MustCompile(`\$\{|%\{`)
)

const (
	anExpression = "an expression; apim-edge evaluates none"
	aMix         = "text and an expression in one value"
)

// text resolves a value that is no secret, or says why it cannot.
func (r *route) text(v apimpolicy.Value) (text, why string) {
	switch {
	case v.Kind == apimpolicy.Mixed:
		return "", aMix
	case v.Kind == apimpolicy.Expression:
		return r.constant(v.Text, r.text)
	case terraform.MatchString(v.Text):
		return "", "a template, with ${...} or %{...}; render it first, and import the result"
	}
	text = namedValue.ReplaceAllStringFunc(v.Text, func(ref string) string {
		name := namedValue.FindStringSubmatch(ref)[1]
		nv, known := r.in.NamedValues[name]
		switch {
		case !known:
			why = "the named value " + name + " is not known; give it by --named-values FILE"
		case nv.Secret || nv.Vault != "":
			why = "the named value " + name + " is a secret, and here the configuration has no place for one"
		case strings.HasPrefix(strings.TrimSpace(nv.Value), "@"):
			why = "the named value " + name + " is an expression; apim-edge evaluates none"
		}
		return nv.Value
	})
	if text = strings.TrimSpace(text); why == "" && (config.Expands(text) || strings.ContainsFunc(text, unicode.IsControl)) {
		why = "a text that the configuration cannot have: a line break, or a $ as of a variable"
	}
	return text, why
}

// constant resolves an expression that is a variable with a known text.
func (r *route) constant(expression string, resolve func(apimpolicy.Value) (string, string)) (text, why string) {
	folded := apimpolicy.Fold(expression)
	if m := textOnly.FindStringSubmatch(folded); m != nil {
		return resolve(apimpolicy.Value{Text: m[1]})
	}
	name, ok := variableIn(folded)
	if !ok {
		return "", anExpression
	}
	known, ok := r.variables[name]
	if !ok || known.constant == nil || known.constant.Kind != apimpolicy.Literal {
		return "", "the variable " + name + ", whose text is not known here"
	}
	return resolve(*known.constant)
}

var textOnly = regexp.MustCompile(`^"([^"\\]*)"$`)

var (
	variablePart  = regexp.MustCompile(`^context\.Variables\["([^"]+)"\](?:\.ToString\(\))?$`)
	variableValue = regexp.MustCompile(`^context\.Variables\.GetValueOrDefault(?:<[\w?]+>)?\("([^"]+)"(?:,[^,()]*)?\)(?:\.ToString\(\))?$`)
	cast          = regexp.MustCompile(`^\((?:string|String|int|Int32)\)`)
)

// variableIn returns the name of the variable that a folded expression is.
func variableIn(folded string) (name string, ok bool) {
	text := cast.ReplaceAllString(unwrap(folded), "")
	text = unwrap(text)
	for _, pattern := range []*regexp.Regexp{variablePart, variableValue} {
		if m := pattern.FindStringSubmatch(text); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// unwrap takes off brackets around the whole of a folded expression.
func unwrap(text string) string { return apimpolicy.Fold("@(" + text + ")") }

var bearerForms = []*regexp.Regexp{
	regexp.MustCompile(`^"Bearer "\+(.+)$`),
	regexp.MustCompile(`^[sS]tring\.(?:Concat\("Bearer ",|Format\("Bearer \{0\}",)(.+)\)$`),
	regexp.MustCompile(`^\$"Bearer \{(.+)\}"$`),
}

// behindBearer returns what a folded expression puts behind "Bearer ".
func behindBearer(folded string) (rest string, ok bool) {
	for _, form := range bearerForms {
		if m := form.FindStringSubmatch(folded); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// reference is where a secret comes from.
type reference struct{ ref, note string }

// secret returns a reference for a value that is a secret. What stands in the policy
// itself is not written anywhere: it becomes the variable that is named.
func (r *route) secret(v apimpolicy.Value, variable string) (ref reference, why string) {
	if v.Kind == apimpolicy.Mixed {
		return ref, aMix
	}
	if v.Kind == apimpolicy.Expression {
		return ref, anExpression
	}
	text := v.Text
	if m := namedValue.FindStringSubmatch(text); m != nil && m[0] == text {
		nv := r.in.NamedValues[m[1]]
		switch _, err := secret.Parse("keyvault:" + nv.Vault); {
		case nv.Vault != "" && err == nil:
			return reference{ref: "keyvault:" + nv.Vault}, ""
		case strings.HasPrefix(strings.TrimSpace(nv.Value), "@"):
			return ref, "the named value " + m[1] + " is an expression; apim-edge evaluates none"
		}
		name := environName(m[1])
		return reference{"env:" + name, "the value of the named value " + m[1] + " has to be put into the variable " + name}, ""
	}
	if strings.Contains(text, "{{") || terraform.MatchString(text) {
		return ref, "a secret that is put together of several parts"
	}
	return reference{"env:" + variable, "the secret stands in the policy itself; put it into the variable " + variable +
		", and exchange it: whoever reads the policy has it"}, ""
}

var notWordy = regexp.MustCompile(`[^A-Z0-9]+`)

// environName makes the name of an environment variable of any name.
func environName(name string) string {
	name = strings.Trim(notWordy.ReplaceAllString(strings.ToUpper(name), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "KEY_" + name
	}
	return strings.TrimRight(name, "_")
}
