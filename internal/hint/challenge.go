package hint

import "bytes"

// challenge is what WWW-Authenticate says. The larger one counts where there are
// several.
type challenge uint8

const (
	noChallenge challenge = iota
	otherLogin            // Negotiate, NTLM, Basic: not of an API for OpenAI clients
	sameField             // APIM names the field in which the key was sent
	otherField            // APIM names another one
)

// keyScheme is the scheme of APIM's challenge:
// AzureApiManagementKey realm="https://host/api",name="api-key",type="header".
const keyScheme = "azureapimanagementkey"

// KeyField returns the name of the field, or of the query parameter, in which APIM
// looks for the key; nil where the value is no challenge of APIM's.
func KeyField(value []byte) (name []byte, query bool) {
	if !hasPrefixFold(value, keyScheme) {
		return nil, false
	}
	return parameter(value, `name="`), string(parameter(value, `type="`)) == "query"
}

// parameter returns what stands in quotes behind a name.
func parameter(value []byte, name string) []byte {
	for at := 0; at < len(value); at++ {
		if !hasPrefixFold(value[at:], name) || at > 0 && value[at-1] != ',' && value[at-1] != ' ' {
			continue
		}
		rest := value[at+len(name):]
		if end := bytes.IndexByte(rest, '"'); end > 0 {
			return rest[:end:end]
		}
		return nil
	}
	return nil
}

func challengeOf(value []byte, field string) challenge {
	switch name, _ := KeyField(value); {
	case len(name) == len(field) && len(field) > 0 && hasPrefixFold(name, field):
		return sameField
	case name != nil:
		return otherField
	}
	for _, scheme := range [...]string{"negotiate", "ntlm", "basic", "digest"} {
		if hasPrefixFold(value, scheme) {
			return otherLogin
		}
	}
	return noChallenge
}

// hasPrefixFold reports whether text begins with prefix, letters without case.
func hasPrefixFold(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(text[i]) != lower(prefix[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
