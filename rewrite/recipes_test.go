package rewrite

import "testing"

// TestKeyInAuthorization: APIM's key header is authorization and every stored
// key begins with "Bearer " (way 2 of the README).
func TestKeyInAuthorization(t *testing.T) {
	way2 := Options{Header: "Authorization", Value: "Bearer {key}"}
	strict, keep := way2, way2
	strict.RejectConflict = true
	keep.KeepMisplacedToken = true
	runDecisions(t, []decisionCase{
		{"a bearer key stays", way2, "authorization: bearer " + key, "bearer_key", "Authorization: Bearer " + key + "\n", ""},
		{"a doubled scheme is unwrapped", way2, "Authorization: Bearer Bearer " + key, "bearer_key", "Authorization: Bearer " + key + "\n", "doubled_scheme"},
		{"an explicit key moves into Authorization", way2, "api-key: " + key, "explicit_key", "Authorization: Bearer " + key + "\n", ""},
		{"a query key moves into Authorization", way2, "?subscription-key=" + key, "explicit_key", "Authorization: Bearer " + key + "\n", "query_key"},
		{"the same key in both is sent once", strict, "Authorization: Bearer " + key + "\napi-key: " + key, "explicit_key", "Authorization: Bearer " + key + "\n", ""},
		{"an explicit key wins over another bearer key", way2, "Authorization: Bearer " + otherKey + "\napi-key: " + key, "explicit_key_wins", "Authorization: Bearer " + key + "\n", "conflict_dropped"},
		{"two different keys are refused on request", strict, "Authorization: Bearer " + otherKey + "\napi-key: " + key, "ambiguous_credential", "", "conflict_dropped"},
		{"an explicit key takes the place of a placeholder", strict, "Authorization: Bearer dummy\napi-key: " + key, "explicit_key_wins", "Authorization: Bearer " + key + "\n", "placeholder"},
		{"a token alone stays", way2, "Authorization: Bearer " + token, "token", "Authorization: Bearer " + token + "\n", ""},
		{"a key wins over a token, since the field holds one", way2, "Authorization: Bearer " + token + "\napi-key: " + key, "explicit_key_wins", "Authorization: Bearer " + key + "\n", "conflict_dropped"},
		{"a key and a token for one field are refused on request", strict, "Authorization: Bearer " + token + "\napi-key: " + key, "ambiguous_credential", "", "conflict_dropped"},
		{"a token in a field of its own stays beside a bearer key", strict, "Authorization: Bearer " + key + "\napi-key: " + token, "bearer_key", "Authorization: Bearer " + key + "\napi-key: " + token + "\n", ""},
		{"a token in a field of its own stays beside an explicit key", strict, "Ocp-Apim-Subscription-Key: " + key + "\napi-key: " + token, "explicit_key", "Authorization: Bearer " + key + "\napi-key: " + token + "\n", ""},
		{"a token from the query gives way to a key", way2, "Authorization: Bearer " + key + "\n?subscription-key=" + token, "bearer_key", "Authorization: Bearer " + key + "\n", "query_key,conflict_dropped"},
		{"the same token in the key slot is dropped from there", strict, "Authorization: Bearer " + token + "\napi-key: " + token, "token", "Authorization: Bearer " + token + "\n", ""},
		{"another token in the key slot is dropped", way2, "Authorization: Bearer " + token + "\napi-key: " + otherToken, "token_wins", "Authorization: Bearer " + token + "\n", "conflict_dropped"},
		{"a misplaced token moves", way2, "api-key: " + token, "misplaced_token", "Authorization: Bearer " + token + "\n", ""},
		{"a misplaced token stays on request", keep, "api-key: " + token, "misplaced_token", "api-key: " + token + "\n", ""},
		{"another scheme stays", way2, "Authorization: Basic abc", "other_scheme", "Authorization: Basic abc\n", ""},
		{"another scheme with a token in the key slot: both stay", way2, "Authorization: Basic abc\napi-key: " + token, "other_scheme", "Authorization: Basic abc\napi-key: " + token + "\n", ""},
		{"another scheme with a token in the query: the token is dropped", way2, "Authorization: Basic abc\n?subscription-key=" + token, "other_scheme", "Authorization: Basic abc\n", "query_key,conflict_dropped"},
		{"a key wins over another scheme", way2, "Authorization: Basic abc\napi-key: " + key, "explicit_key_wins", "Authorization: Bearer " + key + "\n", "conflict_dropped"},
		{"nothing is nothing", way2, "Host: edge", "no_credential", "Host: edge\n", ""},
		{"another scheme", Options{Header: "authorization", Value: "Key {key}"}, "Authorization: Bearer " + key, "bearer_key", "authorization: Key " + key + "\n", ""},
	})
}

// TestKeepAuthorization: some fronts want the key in both fields.
func TestKeepAuthorization(t *testing.T) {
	both := Options{KeepAuthorization: true}
	runDecisions(t, []decisionCase{
		{"a bearer key goes into both fields", both, "authorization: Bearer " + key, "bearer_key", "authorization: Bearer " + key + "\napi-key: " + key + "\n", ""},
		{"the same key twice goes on twice", both, "Authorization: Bearer " + key + "\napi-key: " + key, "explicit_key", "Authorization: Bearer " + key + "\napi-key: " + key + "\n", ""},
		{"a doubled scheme is unwrapped in both fields", both, "Authorization: Bearer Bearer " + key, "bearer_key", "Authorization: Bearer " + key + "\napi-key: " + key + "\n", "doubled_scheme"},
		{"another bearer key is dropped all the same", both, "Authorization: Bearer " + otherKey + "\napi-key: " + key, "explicit_key_wins", "api-key: " + key + "\n", "conflict_dropped"},
		{"a placeholder is dropped all the same", both, "Authorization: Bearer dummy\napi-key: " + key, "explicit_key_wins", "api-key: " + key + "\n", "placeholder"},
		{"a swapped token takes the field", both, "Authorization: Bearer " + key + "\napi-key: " + token, "swapped", "Authorization: Bearer " + token + "\napi-key: " + key + "\n", ""},
		{"an explicit key alone is not copied", both, "api-key: " + key, "explicit_key", "api-key: " + key + "\n", ""},
	})
}

// TestOtherFields: targets, aliases and value forms by configuration.
func TestOtherFields(t *testing.T) {
	runDecisions(t, []decisionCase{
		{"x-api-key as an alias", Options{Aliases: []string{"x-api-key"}}, "X-Api-Key: " + key, "explicit_key", "api-key: " + key + "\n", ""},
		{"x-api-key is not read by default", Options{}, "x-api-key: " + key, "no_credential", "x-api-key: " + key + "\n", ""},
		{"APIM's own field as the target", Options{Header: "Ocp-Apim-Subscription-Key"}, "Authorization: Bearer " + key, "bearer_key", "Ocp-Apim-Subscription-Key: " + key + "\n", ""},
		{"api-key as an alias of APIM's own field", Options{Header: "Ocp-Apim-Subscription-Key"}, "api-key: " + key, "explicit_key", "Ocp-Apim-Subscription-Key: " + key + "\n", ""},
		{"a value form with Bearer", Options{Value: "Bearer {key}"}, "api-key: Bearer " + key, "explicit_key", "api-key: Bearer " + key + "\n", "bearer_in_slot"},
		{"a value form with text on both sides", Options{Value: "<{key}>"}, "Authorization: Bearer " + key, "bearer_key", "api-key: <" + key + ">\n", ""},
		{"the target field is written as configured", Options{Header: "API-Key"}, "api-key: " + key, "explicit_key", "API-Key: " + key + "\n", ""},
		{"no aliases", Options{Aliases: []string{}, QueryAliases: []string{}}, "Ocp-Apim-Subscription-Key: a\n?subscription-key=b", "no_credential", "Ocp-Apim-Subscription-Key: a\n?subscription-key=b\n", ""},
		{"a parameter of one's own", Options{QueryAliases: []string{"api-key"}}, "?api-version=1&API-KEY=" + key, "explicit_key", "api-key: " + key + "\n?api-version=1\n", "query_key"},
	})
}
