// Package secret holds values that must not be seen: subscription keys, tokens,
// passwords. A Value prints, logs and marshals as *** whatever is done to it;
// only Reveal gives its content, so that a search for Reveal finds every place
// where a secret is used.
//
// A configuration names a secret by reference and never holds it:
//
//	source, err := secret.Parse("file:/run/secrets/admin-token")
//	...
//	token, err := source.Current() // the file is read again while it runs
//	if token.Equal(secret.New(presented)) { ... }
//
// The package guards against showing a secret by mistake. It does not wipe
// memory: the runtime may have copied a string at any time.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
)

// mask is what every representation of a Value shows, empty ones included:
// nobody shall learn from a log whether a secret is set.
const mask = "***"

// Value is a secret. The zero Value is empty. Values cannot be compared with
// ==, which would not take constant time; use Equal.
type Value struct {
	// The content is held by a closure and not by a field: package fmt and
	// every dumper built on reflect walk unexported fields without asking any
	// method, so that a Value inside an unexported field would be printed.
	reveal func() string
}

// New returns a Value with the content.
func New(content string) Value {
	if content == "" {
		return Value{}
	}
	return Value{reveal: func() string { return content }}
}

// Reveal returns the content. Call it where the secret is used, and nowhere else.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// IsZero reports whether v is empty.
func (v Value) IsZero() bool { return v.reveal == nil }

// Equal reports whether v and other hold the same content, in a time that
// depends on neither. An empty Value equals nothing, not even another empty
// one: a token that was never configured must not match one that was never sent.
func (v Value) Equal(other Value) bool {
	// The digests have one length, so the comparison does not tell the
	// length of the content either.
	a, b := sha256.Sum256([]byte(v.Reveal())), sha256.Sum256([]byte(other.Reveal()))
	same := subtle.ConstantTimeCompare(a[:], b[:]) == 1
	return same && !v.IsZero()
}

// String returns ***.
func (v Value) String() string { return mask }

// GoString returns ***.
func (v Value) GoString() string { return mask }

// Format writes *** for every verb and flag; without it %x and %d would walk
// into the struct.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText returns ***; encoding/xml, log/slog and map keys use it.
func (v Value) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON returns "***"; encoding/json and zerolog's Interface use it.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalYAML returns ***.
func (v Value) MarshalYAML() (any, error) { return mask, nil }
