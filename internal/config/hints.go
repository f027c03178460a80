package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// What people write in place of what is meant. A hint ends a message that would be
// right, and of no help, without it.

// elsewhere returns the keys of this name in all of the configuration, where they are
// few: a key at the wrong level is known, but not there.
func elsewhere(name string) []string {
	found := keysNamed("", configType, name)
	if len(found) > 3 {
		return nil
	}
	return found
}

func keysNamed(key string, t reflect.Type, name string) (found []string) {
	switch shapeOf(t) {
	case named:
		return keysNamed(key+".<name>", t.Elem(), name)
	case listed:
		return keysNamed(key+"[]", t.Elem(), name)
	case section:
		for _, f := range fieldsOf(t) {
			sub := strings.TrimPrefix(key+"."+f.key, ".")
			if f.key == name {
				found = append(found, sub)
			}
			found = append(found, keysNamed(sub, f.typ, name)...)
		}
	}
	return found
}

// verifying are keys by which other programs take any certificate.
var verifying = regexp.MustCompile(`^(tls_|ssl_|proxy_ssl_)?(insecure|(insecure_)?skip_verify|verify|no_verify)$`)

const alwaysVerified = "the upstream's certificate is always verified; name who has signed it in tls.ca_file, and the name in it in tls.server_name"

// expanding finds what a shell or Compose would expand: ${NAME}, ${NAME:-x}, or $NAME
// as the whole value. {key} of a credential is none.
var expanding = regexp.MustCompile(`\$\{([A-Za-z_]\w*)(:?[-?+=][^}]*)?\}|^\$([A-Za-z_]\w*)$`)

// expandFault says what to write in place of a variable in a value, or "".
func expandFault(key string, f field, value string) string {
	m := expanding.FindStringSubmatch(value)
	switch {
	case m == nil || f.tag.Get("dollar") == "ok":
		return ""
	case f.tag.Get("secret") == "reference":
		return "variables are not expanded in a file; write env:" + m[1] + m[3]
	}
	if strings.HasSuffix(key, "]") {
		key = parent(key) // of a list
	}
	path := keyParts(key)
	for i, part := range path {
		path[i] = inVariable(part)
	}
	return "variables are not expanded in a file; leave it out, and set " + variableName(path) + " in the environment"
}

// ofKubernetes are the variables that a Service named apim-edge... makes by itself.
var ofKubernetes = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)

var oneUnderscore = regexp.MustCompile(`^APIM_EDGE_[A-Za-z0-9]\w*$`)

// strays are the variables that would be keys if they had two underscores between
// levels. They are not errors: with one they may be anybody's.
func strays(environ []string) (found Problems) {
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if value == "" || !oneUnderscore.MatchString(name) || ofKubernetes.MatchString(name) {
			continue
		}
		if meant := meantVariable(name); meant != "" {
			found = append(found, Problem{File: name, Found: name, Allowed: meant,
				Text: "this variable is not looked at, because levels are separated by two underscores" + didYouMean(meant)})
		}
	}
	return found
}

// meantVariable returns the variable that has this name with one underscore in place
// of two, or "".
func meantVariable(name string) string {
	words := strings.ToLower(strings.TrimPrefix(name, "APIM_EDGE_"))
	path := pathOf(configType, strings.Trim(strings.ReplaceAll(words, levels, "_"), "_"))
	if path == nil {
		return ""
	}
	return variableName(path)
}

// pathOf splits words that are joined by single underscores into a path of keys.
func pathOf(t reflect.Type, words string) []string {
	switch shapeOf(t) {
	case section:
		for _, f := range fieldsOf(t) {
			if words == f.key && shapeOf(f.typ) >= list {
				return []string{f.key}
			}
			if rest, ok := strings.CutPrefix(words, f.key+"_"); ok {
				if path := pathOf(f.typ, rest); path != nil {
					return slices.Insert(path, 0, f.key)
				}
			}
		}
	case named:
		for i := range words {
			if words[i] != '_' || i == 0 {
				continue
			}
			if path := pathOf(t.Elem(), words[i+1:]); path != nil {
				return slices.Insert(path, 0, words[:i])
			}
		}
	}
	return nil
}
