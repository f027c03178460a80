package rewrite

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestWhoNeedsTheRules holds of each kind of request whether an upstream would find its
// credentials without the rules.
func TestWhoNeedsTheRules(t *testing.T) {
	inAuthorization := Options{Header: "Authorization", Value: "Bearer {key}", Aliases: []string{"api-key"}}
	for _, tc := range []struct {
		name, head string
		options    Options
		want       bool
	}{
		{"a key as Bearer", "Authorization: Bearer " + key, Options{}, true},
		{"a key in its field", "API-Key: " + key, Options{}, false},
		{"the same key in both", "Authorization: Bearer " + key + "\napi-key: " + key, Options{}, false},
		{"another key in Authorization", "Authorization: Bearer " + otherKey + "\napi-key: " + key, Options{}, false},
		{"a key in an alias", "Ocp-Apim-Subscription-Key: " + key, Options{}, true},
		{"a key in an alias and in its field", "Ocp-Apim-Subscription-Key: " + key + "\napi-key: " + key, Options{}, false},
		{"a key in the query", "?subscription-key=" + key, Options{}, true},
		{"a key in the query and in its field", "?subscription-key=" + key + "\napi-key: " + key, Options{}, false},
		{"a key behind Bearer in its field", "api-key: Bearer " + key, Options{}, true},
		{"a token", "Authorization: Bearer " + token, Options{}, false},
		{"a token with Bearer twice", "Authorization: Bearer Bearer " + token, Options{}, true},
		{"a token and a key", "Authorization: Bearer " + token + "\napi-key: " + key, Options{}, false},
		{"the same token twice", "Authorization: Bearer " + token + "\napi-key: " + token, Options{}, true},
		{"two tokens", "Authorization: Bearer " + token + "\napi-key: " + otherToken, Options{}, true},
		{"a token and a placeholder", "Authorization: Bearer " + token + "\napi-key: dummy", Options{}, true},
		{"a token in the key's place", "api-key: " + token, Options{}, true},
		{"one that is left there", "api-key: " + token, Options{KeepMisplacedToken: true}, false},
		{"key and token that change places", "Authorization: Bearer " + key + "\napi-key: " + token, Options{}, true},
		{"a placeholder besides a key", "Authorization: Bearer EMPTY\napi-key: " + key, Options{}, false},
		{"another scheme", "Authorization: Basic YTpi", Options{}, false},
		{"another scheme and a key", "Authorization: Basic YTpi\napi-key: " + key, Options{}, false},
		{"nothing", "Accept: */*", Options{}, false},
		{"a placeholder alone", "api-key: dummy", Options{}, false},
		{"what is refused", "api-key: a\napi-key: b", Options{}, false},
		{"way 2: a key as Bearer", "authorization: bearer " + key, inAuthorization, false},
		{"way 2: a key without a scheme", "Authorization: " + key, inAuthorization, false}, // another scheme, to who reads it
		{"way 2: a key in api-key", "api-key: " + key, inAuthorization, true},
		{"way 2: a token", "Authorization: Bearer " + token, inAuthorization, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := NewPolicy(tc.options)
			testkit.Must(t, err)
			fields, query := parseHead(tc.head)
			d := p.Decide(fields, query)
			if got := p.Moves(&d, fields); got != tc.want {
				t.Errorf("%s: %v, Moves = %v, want %v", tc.head, d, got, tc.want)
			}
		})
	}
}
