package rewrite

import (
	"strings"
	"testing"
)

// TestTable holds every row of the table in docs/credentials.md.
func TestTable(t *testing.T) {
	reject := Options{RejectConflict: true}
	runDecisions(t, []decisionCase{
		{"a bearer key alone moves into the target field", Options{},
			"Authorization: Bearer " + key, "bearer_key", "api-key: " + key + "\n", ""},

		{"the same key in both places is sent once", Options{},
			"Authorization: Bearer " + key + "\napi-key: " + key, "explicit_key", "api-key: " + key + "\n", ""},
		{"the same key in both places is no conflict", reject,
			"Authorization: Bearer " + key + "\napi-key: " + key, "explicit_key", "api-key: " + key + "\n", ""},

		{"an explicit key wins over another bearer key, which is not leaked", Options{},
			"Authorization: Bearer " + otherKey + "\napi-key: " + key, "explicit_key_wins", "api-key: " + key + "\n", "conflict_dropped"},
		{"two different keys are refused on request", reject,
			"Authorization: Bearer " + otherKey + "\napi-key: " + key, "ambiguous_credential", "", "conflict_dropped"},
		{"an explicit key wins over a placeholder", Options{},
			"Authorization: Bearer dummy\napi-key: " + key, "explicit_key_wins", "api-key: " + key + "\n", "placeholder"},
		{"a placeholder is no conflict", reject,
			"Authorization: Bearer dummy\napi-key: " + key, "explicit_key_wins", "api-key: " + key + "\n", "placeholder"},

		{"a bearer token goes on untouched", Options{},
			"authorization: bearer  " + token, "token", "authorization: bearer  " + token + "\n", ""},
		{"a bearer token with five parts goes on untouched", Options{},
			"Authorization: Bearer " + jwe, "token", "Authorization: Bearer " + jwe + "\n", ""},

		{"a token and a key both go on", Options{},
			"Authorization: Bearer " + token + "\napi-key: " + key, "token_and_key", "Authorization: Bearer " + token + "\napi-key: " + key + "\n", ""},

		{"the same token in the key slot is dropped from there", Options{},
			"Authorization: Bearer " + token + "\napi-key: " + token, "token", "Authorization: Bearer " + token + "\n", ""},
		{"the same token twice is no conflict", reject,
			"Authorization: Bearer " + token + "\napi-key: " + token, "token", "Authorization: Bearer " + token + "\n", ""},

		{"another token in the key slot is dropped", Options{},
			"Authorization: Bearer " + token + "\napi-key: " + otherToken, "token_wins", "Authorization: Bearer " + token + "\n", "conflict_dropped"},
		{"two different tokens are refused on request", reject,
			"Authorization: Bearer " + token + "\napi-key: " + otherToken, "ambiguous_credential", "", "conflict_dropped"},

		{"a token in the key slot moves into Authorization", Options{},
			"api-key: " + token, "misplaced_token", "Authorization: Bearer " + token + "\n", ""},
		{"a token in the key slot takes the place of a placeholder", Options{},
			"Authorization: Bearer EMPTY\napi-key: " + token, "misplaced_token", "Authorization: Bearer " + token + "\n", "placeholder"},
		{"a token in the key slot stays on request", Options{KeepMisplacedToken: true},
			"Api-Key: " + token, "misplaced_token", "Api-Key: " + token + "\n", ""},
		{"a token in an alias stays there on request", Options{KeepMisplacedToken: true},
			"Ocp-Apim-Subscription-Key: " + token, "misplaced_token", "Ocp-Apim-Subscription-Key: " + token + "\n", ""},

		{"a key and a token that changed places change back", Options{},
			"Authorization: Bearer " + key + "\napi-key: " + token, "swapped", "Authorization: Bearer " + token + "\napi-key: " + key + "\n", ""},

		{"an explicit key goes on", Options{},
			"Api-Key: " + key, "explicit_key", "api-key: " + key + "\n", ""},
		{"a key in an alias moves into the target field", Options{},
			"ocp-apim-subscription-key: " + key, "explicit_key", "api-key: " + key + "\n", ""},
		{"a key in the query moves into the target field and leaves the URL", Options{},
			"?a=1&subscription-key=" + key + "&b=2", "explicit_key", "api-key: " + key + "\n?a=1&b=2\n", "query_key"},

		{"another scheme goes on untouched", Options{},
			"Authorization: Basic dXNlcjpwYXNz", "other_scheme", "Authorization: Basic dXNlcjpwYXNz\n", ""},
		{"another scheme may contain commas", Options{},
			`Authorization: Digest username="a", realm="b"`, "other_scheme", "Authorization: Digest username=\"a\", realm=\"b\"\n", ""},
		{"a key beside another scheme goes on", Options{},
			"Authorization: Negotiate abc\nOcp-Apim-Subscription-Key: " + key, "other_scheme", "Authorization: Negotiate abc\napi-key: " + key + "\n", ""},
		{"a token beside another scheme stays where it is", Options{},
			"Authorization: Basic abc\nOcp-Apim-Subscription-Key: " + token, "other_scheme", "Authorization: Basic abc\nOcp-Apim-Subscription-Key: " + token + "\n", ""},
		{"a value without a scheme is another scheme", Options{},
			"Authorization: " + key, "other_scheme", "Authorization: " + key + "\n", ""},

		{"no credential adds nothing", Options{}, "Host: edge", "no_credential", "Host: edge\n", ""},
		{"a placeholder alone is dropped", Options{},
			"Host: edge\nAuthorization: Bearer EMPTY\napi-key:", "no_credential", "Host: edge\n", "placeholder"},
		{"no credential is refused on request", Options{RejectMissing: true},
			"Host: edge", "credential_missing", "", ""},
		{"a placeholder is no credential", Options{RejectMissing: true},
			"Authorization: Bearer undefined", "credential_missing", "", "placeholder"},

		{"several Authorization lines are refused", Options{},
			"Authorization: Bearer " + key + "\nauthorization: Bearer " + otherKey, "ambiguous_credential", "", ""},
		{"several equal Authorization lines are refused", Options{},
			"Authorization: Bearer " + key + "\nAuthorization: Bearer " + key, "ambiguous_credential", "", ""},
		{"a comma in a bearer value is refused", Options{},
			"Authorization: Bearer " + key + ", Bearer " + otherKey, "ambiguous_credential", "", ""},
		{"several lines of the target field are refused", Options{},
			"api-key: " + key + "\nApi-Key: " + otherKey, "ambiguous_credential", "", ""},
		{"several lines of an alias are refused even beside a token", Options{},
			"Authorization: Bearer " + token + "\nOcp-Apim-Subscription-Key: a\nOcp-Apim-Subscription-Key: b", "ambiguous_credential", "", ""},
		{"a comma in the key slot is refused", Options{}, "api-key: a,b", "ambiguous_credential", "", ""},
		{"a repeated parameter is refused", Options{},
			"?subscription-key=a&Subscription%2Dkey=a", "ambiguous_credential", "", "query_key"},
		{"a comma in a query key is refused", Options{}, "?subscription-key=a%2Cb", "ambiguous_credential", "", "query_key"},

		{"a space in a bearer value is refused", Options{}, "Authorization: Bearer a b", "malformed_credential", "", ""},
		{"a tab in a bearer value is refused", Options{}, "Authorization: Bearer a\tb", "malformed_credential", "", ""},
		{"a control character in a bearer value is refused", Options{}, "Authorization: Bearer a\x01", "malformed_credential", "", ""},
		{"a control character in another scheme is refused", Options{}, "Authorization: Basic a\x7fb", "malformed_credential", "", ""},
		{"a tab in the key slot is refused", Options{}, "api-key: a\tb", "malformed_credential", "", ""},
		{"a character outside ASCII is refused", Options{}, "api-key: schlüssel", "malformed_credential", "", ""},
		{"a line end in a query key is refused", Options{}, "?subscription-key=a%0d%0aHost:b", "malformed_credential", "", "query_key"},
		{"a broken escape in a query key is refused", Options{}, "?subscription-key=a%zz", "malformed_credential", "", "query_key"},
		{"more than 16 KiB are refused", Options{},
			"Authorization: Bearer " + strings.Repeat("k", 16<<10), "malformed_credential", "", ""},
		{"more than 16 KiB of another scheme are refused", Options{},
			"Authorization: Negotiate " + strings.Repeat("k", 16<<10), "malformed_credential", "", ""},
		{"16 KiB go through", Options{},
			"api-key: " + strings.Repeat("k", 16<<10), "explicit_key", "api-key: " + strings.Repeat("k", 16<<10) + "\n", ""},
		{"more than 16 KiB in the key slot are refused", Options{},
			"api-key: " + strings.Repeat("k", 16<<10+1), "malformed_credential", "", ""},
	})
}

// TestUnwrapping: what the rules say of doubled and misplaced schemes.
func TestUnwrapping(t *testing.T) {
	runDecisions(t, []decisionCase{
		{"the scheme is compared without case", Options{}, "Authorization: bEARER " + key, "bearer_key", "api-key: " + key + "\n", ""},
		{"several spaces and tabs may follow the scheme", Options{}, "Authorization: Bearer \t " + key, "bearer_key", "api-key: " + key + "\n", ""},
		{"a scheme that begins like Bearer is another one", Options{}, "Authorization: BearerX " + key, "other_scheme", "Authorization: BearerX " + key + "\n", ""},
		{"a doubled scheme before a key is unwrapped", Options{}, "Authorization: Bearer bearer " + key, "bearer_key", "api-key: " + key + "\n", "doubled_scheme"},
		{"a doubled scheme before a token is unwrapped", Options{}, "Authorization: Bearer Bearer " + token, "token", "Authorization: Bearer " + token + "\n", "doubled_scheme"},
		{"a scheme three times is refused", Options{}, "Authorization: Bearer Bearer Bearer " + key, "malformed_credential", "", "doubled_scheme"},
		{"Bearer before a key in the key slot is taken off", Options{}, "api-key: Bearer " + key, "explicit_key", "api-key: " + key + "\n", "bearer_in_slot"},
		{"Bearer before a key in an alias is taken off", Options{}, "Ocp-Apim-Subscription-Key: bearer " + key, "explicit_key", "api-key: " + key + "\n", "bearer_in_slot"},
		{"Bearer before a token in the key slot is taken off", Options{}, "api-key: Bearer " + token, "misplaced_token", "Authorization: Bearer " + token + "\n", "bearer_in_slot"},
		{"Bearer twice in the key slot is taken off", Options{}, "api-key: Bearer Bearer " + key, "explicit_key", "api-key: " + key + "\n", "doubled_scheme,bearer_in_slot"},
		{"a kept token keeps its Bearer in the key slot", Options{KeepMisplacedToken: true}, "api-key: Bearer " + token, "misplaced_token", "api-key: Bearer " + token + "\n", "bearer_in_slot"},
		{"the same key with and without Bearer is the same key", Options{RejectConflict: true},
			"Authorization: Bearer " + key + "\napi-key: Bearer " + key, "explicit_key", "api-key: " + key + "\n", "bearer_in_slot"},
		{"a space after Bearer in the key slot is refused", Options{}, "api-key: Bearer a b", "malformed_credential", "", "bearer_in_slot"},
		{"what looks like a token but has a space is a key", Options{}, "api-key: " + token + " x", "explicit_key", "api-key: " + token + " x\n", ""},
		{"a space in a key of its own is part of it", Options{}, "api-key: a b", "explicit_key", "api-key: a b\n", ""},
		{"Bearer with a plus in the query is unwrapped", Options{QueryAliases: []string{"Authorization"}},
			"?Authorization=Bearer+" + token, "misplaced_token", "Authorization: Bearer " + token + "\n", "bearer_in_slot,query_key"},
		{"Bearer with an escaped space in the query is unwrapped", Options{}, "?subscription-key=Bearer%20" + key, "explicit_key", "api-key: " + key + "\n", "bearer_in_slot,query_key"},
	})
}

// TestPlaceholders: values that count as absent.
func TestPlaceholders(t *testing.T) {
	for _, value := range []string{"EMPTY", "Dummy", "none", "NULL", "undefined", "sk-no-key-required", ""} {
		runDecisions(t, []decisionCase{
			{"bearer " + value, Options{}, "Authorization: Bearer " + value, "no_credential", "", "placeholder"},
			{"without a scheme " + value, Options{}, "Authorization: " + value, "no_credential", "", "placeholder"},
			{"in the key slot " + value, Options{}, "api-key: " + value, "no_credential", "", "placeholder"},
			{"in the query " + value, Options{}, "?subscription-key=" + value, "no_credential", "", "placeholder,query_key"},
		})
	}
	runDecisions(t, []decisionCase{
		{"a doubled scheme with nothing behind it", Options{}, "Authorization: Bearer Bearer", "no_credential", "", "doubled_scheme,placeholder"},
		{"a placeholder in the target field lets an alias speak", Options{RejectConflict: true},
			"api-key: EMPTY\nOcp-Apim-Subscription-Key: " + key, "explicit_key", "api-key: " + key + "\n", "placeholder"},
		{"a placeholder in the key slot lets a bearer key speak", Options{RejectConflict: true},
			"Authorization: Bearer " + key + "\napi-key: none", "bearer_key", "api-key: " + key + "\n", "placeholder"},
		{"a parameter without a value is empty", Options{}, "?subscription-key", "no_credential", "", "placeholder,query_key"},
		{"the list can be replaced", Options{Placeholders: []string{"changeme"}},
			"Authorization: Bearer ChangeMe\napi-key: EMPTY", "explicit_key_wins", "api-key: EMPTY\n", "placeholder"},
		{"an empty list leaves the empty value", Options{Placeholders: []string{}},
			"Authorization: Bearer EMPTY\napi-key:", "bearer_key", "api-key: EMPTY\n", "placeholder"},
	})
}

// TestKeySlotOrder: target field, aliases as configured, query.
func TestKeySlotOrder(t *testing.T) {
	all := "?subscription-key=q\nOcp-Apim-Subscription-Key: alias\napi-key: target"
	runDecisions(t, []decisionCase{
		{"the target field wins", Options{}, all, "explicit_key", "api-key: target\n", "query_key,conflict_dropped"},
		{"an alias wins over the query", Options{}, "?subscription-key=q\nOcp-Apim-Subscription-Key: alias", "explicit_key", "api-key: alias\n", "query_key,conflict_dropped"},
		{"aliases count in the order of the configuration", Options{Header: "x-key", Aliases: []string{"b", "a"}},
			"a: 1\nb: 2", "explicit_key", "x-key: 2\n", "conflict_dropped"},
		{"parameters count in the order of the configuration", Options{QueryAliases: []string{"b", "a"}},
			"?a=1&b=2", "explicit_key", "api-key: 2\n", "query_key,conflict_dropped"},
		{"different keys are refused on request", Options{RejectConflict: true}, all, "ambiguous_credential", "", "query_key,conflict_dropped"},
		{"the same key in three places is no conflict", Options{RejectConflict: true},
			"?subscription-key=" + key + "\nOcp-Apim-Subscription-Key: " + key + "\napi-key: " + key, "explicit_key", "api-key: " + key + "\n", "query_key"},
		{"an escaped query key is the same key", Options{RejectConflict: true},
			"?subscription-key=%61b%2B+\napi-key: ab++", "explicit_key", "api-key: ab++\n", "query_key"},
		{"a plus in a query key stays a plus", Options{}, "?subscription-key=a+b", "explicit_key", "api-key: a+b\n", "query_key"},
		{"a query key of nothing but spaces is a placeholder", Options{}, "?subscription-key=%20 &a", "no_credential", "?a\n", "placeholder,query_key"},
		{"spaces around a query key are taken off", Options{}, "?subscription-key=%20a%20", "explicit_key", "api-key: a\n", "query_key"},
	})
}

// TestTokenAndKeyInSlot: a key and a token in the key slot are two kinds, so
// neither is lost.
func TestTokenAndKeyInSlot(t *testing.T) {
	both := "api-key: " + token + "\nOcp-Apim-Subscription-Key: " + key
	sent := "Authorization: Bearer " + token + "\napi-key: " + key + "\n"
	runDecisions(t, []decisionCase{
		{"both go to their places", Options{RejectConflict: true}, both, "misplaced_token", sent, ""},
		{"beside the same bearer token the key still goes", Options{RejectConflict: true},
			"Authorization: Bearer " + token + "\n" + both, "token_and_key", sent, ""},
		{"beside another bearer token the key still goes", Options{},
			"Authorization: Bearer " + otherToken + "\n" + both, "token_wins", "Authorization: Bearer " + otherToken + "\napi-key: " + key + "\n", "conflict_dropped"},
		{"beside the same bearer key both go", Options{RejectConflict: true},
			"Authorization: Bearer " + key + "\n" + both, "swapped", sent, ""},
		{"beside another bearer key both go and the bearer key does not", Options{},
			"Authorization: Bearer " + otherKey + "\n" + both, "explicit_key_wins", sent, "conflict_dropped"},
		{"a kept token in the target field leaves no room for the key", Options{KeepMisplacedToken: true},
			both, "misplaced_token", "api-key: " + token + "\n", "conflict_dropped"},
		{"a kept token without room for the key is refused on request", Options{KeepMisplacedToken: true, RejectConflict: true},
			both, "ambiguous_credential", "", "conflict_dropped"},
		{"a kept token in an alias stays beside the key", Options{KeepMisplacedToken: true, RejectConflict: true},
			"api-key: " + key + "\nOcp-Apim-Subscription-Key: " + token, "misplaced_token", "api-key: " + key + "\nOcp-Apim-Subscription-Key: " + token + "\n", ""},
		{"a kept token leaves the URL for the target field", Options{KeepMisplacedToken: true},
			"?subscription-key=" + token, "misplaced_token", "api-key: " + token + "\n", "query_key"},
		{"a kept token from the query gives way to a key", Options{KeepMisplacedToken: true},
			"api-key: " + key + "\n?subscription-key=" + token, "misplaced_token", "api-key: " + key + "\n", "query_key,conflict_dropped"},
	})
}
