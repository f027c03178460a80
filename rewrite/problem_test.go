package rewrite

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestMessages: what the client reads says what is wrong, where, and what to
// change, and never holds a value.
func TestMessages(t *testing.T) {
	const secret = "S3cr3tV4lu3"
	way2 := Options{Header: "Authorization", Value: "Bearer {key}", RejectConflict: true}
	reject, missing := Options{RejectConflict: true}, Options{RejectMissing: true}
	for _, tc := range []struct {
		name    string
		options Options
		head    string
		want    []string
	}{
		{"two Authorization lines", Options{}, "Authorization: Bearer " + secret + "\nauthorization: Bearer x", []string{"Authorization more than once", "openai-python", "default_headers", "remove it"}},
		{"two lines of the target field", Options{}, "api-key: " + secret + "\nApi-Key: x", []string{"api-key more than once", "openai-python", "default_headers"}},
		{"two lines of an alias", Options{}, "ocp-apim-subscription-key: " + secret + "\nOcp-Apim-Subscription-Key: x", []string{"Ocp-Apim-Subscription-Key more than once"}},
		{"a repeated parameter", Options{}, "?subscription-key=" + secret + "&subscription-key=x", []string{"the query parameter subscription-key more than once", "default_query"}},
		{"a comma after Bearer", Options{}, "Authorization: Bearer " + secret + ", Bearer x", []string{"Authorization", "comma", "default_headers"}},
		{"a comma in the key slot", Options{}, "api-key: " + secret + ", x", []string{"api-key", "comma", "default_headers"}},
		{"a space after Bearer", Options{}, "Authorization: Bearer " + secret + " x", []string{"Authorization", "space", "api_key"}},
		{"a control character", Options{}, "api-key: " + secret + "\x00", []string{"api-key", "control character", "line ends"}},
		{"a typographic quote", Options{}, "Authorization: Bearer “" + secret + "”", []string{"Authorization", "outside ASCII", "quotes"}},
		{"too long", Options{}, "api-key: " + strings.Repeat(secret, 2000), []string{"api-key", "16 KiB"}},
		{"too long after Bearer", Options{}, "Authorization: Bearer " + strings.Repeat(secret, 2000), []string{"Authorization", "16 KiB"}},
		{"Bearer three times", Options{}, "Authorization: Bearer Bearer Bearer " + secret, []string{"Authorization", "more than twice", "api_key"}},
		{"a broken escape", Options{}, "?subscription-key=%" + secret, []string{"the query parameter subscription-key", "percent-encode"}},
		{"two subprotocols", Options{}, "Sec-WebSocket-Protocol: openai-insecure-api-key." + secret + ", openai-insecure-api-key.x", []string{"the subprotocol openai-insecure-api-key.<key> more than once", "WebSocket"}},
		{"a key and a subprotocol", reject, "api-key: x\nSec-WebSocket-Protocol: openai-insecure-api-key." + secret, []string{"api-key and the subprotocol openai-insecure-api-key.", "different subscription keys"}},
		{"two keys", reject, "Authorization: Bearer " + secret + "\napi-key: x" + secret, []string{"api-key and Authorization", "different subscription keys", "on_conflict: reject", "OPENAI_API_KEY"}},
		{"two keys in the key slot", reject, "api-key: " + secret + "\n?subscription-key=x", []string{"api-key and the query parameter subscription-key", "different subscription keys"}},
		{"two tokens", reject, "Authorization: Bearer " + token + "\napi-key: " + otherToken, []string{"Authorization and api-key", "different tokens"}},
		{"a key and a token for one field", way2, "Authorization: Bearer " + token + "\napi-key: " + secret, []string{"api-key and Authorization", "the same field"}},
		{"two faults: the first place is named", Options{}, "api-key: a\x00\nAuthorization: Bearer " + secret + " x\n?subscription-key=%", []string{"Authorization", "space"}},
		{"nothing", missing, "Host: edge", []string{"no credential", "api_key", "Authorization: Bearer <key>", "in api-key"}},
		{"only a placeholder", missing, "Authorization: Bearer EMPTY", []string{"placeholder", "api_key"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fields, query := parseHead(tc.head)
			d := mustPolicy(t, tc.options).Decide(fields, query)
			got := d.Problem.String()
			for _, part := range tc.want {
				if !strings.Contains(got, part) {
					t.Errorf("message %q lacks %q", got, part)
				}
			}
			if strings.Contains(got, secret) || strings.Contains(got, "c2VjcmV0") {
				t.Errorf("message %q holds a value", got)
			}
		})
	}
}

// TestDecisionsPrintNoSecret: a Decision that ends up in a log or an error shows
// its reason only.
func TestDecisionsPrintNoSecret(t *testing.T) {
	fields, _ := parseHead("Authorization: Bearer " + key + "\napi-key: " + token)
	d := mustPolicy(t, Options{}).Decide(fields, nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb+verb, d, &d); got != "swappedswapped" {
			t.Errorf("%s prints %q, want the reason", verb, got)
		}
	}
	if got, err := json.Marshal(d); err != nil || string(got) != `"swapped"` {
		t.Errorf("as JSON: %s, %v; want the reason", got, err)
	}
}
