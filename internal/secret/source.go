package secret

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Source is a place that a secret comes from.
type Source interface {
	// Current returns the secret as it is now. It is cheap enough to be asked
	// for every use. When a source that has worked before fails, Current
	// returns the last good Value together with the error: whoever asks can go
	// on and say so.
	Current() (Value, error)
	// String returns the reference, which is no secret.
	String() string
}

// errLiteral does not quote what was found, because that is the secret.
var errLiteral = errors.New("a secret must not stand in the configuration itself (the value is not shown here); " +
	"write env:NAME for an environment variable, file:/path for a file that holds it, or keyvault:https://VAULT/secrets/NAME")

// Parse returns the source that ref names: env:NAME, file:/path or keyvault:URL. It
// reads nothing yet. A literal value is refused, and no error repeats it.
func Parse(ref string) (Source, error) {
	scheme, name, found := strings.Cut(ref, ":")
	switch {
	case found && scheme == "env":
		if !isVariable(name) {
			// Not quoted: somebody may have written env: in front of the secret itself.
			return nil, errors.New("env: must be followed by the name of an environment variable: letters, digits and underscores, not beginning with a digit")
		}
		return env(name), nil
	case found && scheme == "file":
		if !filepath.IsAbs(name) {
			return nil, errors.New("file: must be followed by an absolute path, for example file:/run/secrets/key")
		}
		return &file{path: filepath.Clean(name)}, nil
	case found && scheme == "keyvault":
		return parseVaulted(name)
	}
	return nil, errLiteral
}

// env is an environment variable.
type env string

func (e env) String() string { return "env:" + string(e) }

// Current implements Source. An environment does not change while a process
// runs, unless the process changes it itself.
func (e env) Current() (Value, error) {
	content, found := os.LookupEnv(string(e))
	switch {
	case !found:
		return Value{}, fmt.Errorf("%v: the environment variable is not set", e)
	case content == "":
		return Value{}, fmt.Errorf("%v: the environment variable is empty", e)
	}
	return New(content), nil
}

func isVariable(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
