package rewrite

import "testing"

// TestSubprotocols: a key among the subprotocols is the last place of the key slot.
func TestSubprotocols(t *testing.T) {
	const field = "Sec-WebSocket-Protocol: "
	offer := field + "realtime, " + keySubprotocol + key
	left := field + "realtime\n"
	sent := "api-key: " + key + "\n"
	reject := Options{RejectConflict: true}
	runDecisions(t, []decisionCase{
		{"a key moves into the target field", Options{}, offer, "explicit_key", sent + left, "subprotocol_key"},
		{"a key alone takes the line with it", Options{}, field + keySubprotocol + key, "explicit_key", sent, "subprotocol_key"},
		{"the name of the field counts without case", Options{}, "sec-websocket-protocol: a," + keySubprotocol + key + "\t, b", "explicit_key", sent + "sec-websocket-protocol: a, b\n", "subprotocol_key"},
		{"so does the name of the member", Options{}, field + "OpenAI-Insecure-API-Key." + key + ",,", "explicit_key", sent, "subprotocol_key"},
		{"the list stands on several lines", Options{}, field + "a\n" + field + keySubprotocol + key + "\n" + field + "b , c", "explicit_key", field + "a\n" + field + "b , c\n" + sent, "subprotocol_key"},
		{"a list without a key stays as it is", Options{}, "Host: edge\n" + field + "a ,b,\nX: y", "no_credential", "Host: edge\n" + field + "a ,b,\nX: y\n", ""},
		{"a member that only begins like it is none", Options{}, field + "openai-insecure-api-key, xopenai-insecure-api-key.a", "no_credential", field + "openai-insecure-api-key, xopenai-insecure-api-key.a\n", ""},

		{"the target field wins", Options{}, offer + "\napi-key: other", "explicit_key", "api-key: other\n" + left, "conflict_dropped,subprotocol_key"},
		{"an alias wins", Options{}, offer + "\nOcp-Apim-Subscription-Key: other", "explicit_key", "api-key: other\n" + left, "conflict_dropped,subprotocol_key"},
		{"the query wins", Options{}, offer + "\n?subscription-key=other", "explicit_key", "api-key: other\n" + left, "query_key,conflict_dropped,subprotocol_key"},
		{"Authorization wins", Options{}, offer + "\nAuthorization: Bearer other", "bearer_key", "api-key: other\n" + left, "conflict_dropped,subprotocol_key"},
		{"Authorization wins where both fields get the key", Options{KeepAuthorization: true}, offer + "\nAuthorization: Bearer other", "bearer_key",
			"Authorization: Bearer other\napi-key: other\n" + left, "conflict_dropped,subprotocol_key"},
		{"the same key elsewhere is no conflict", reject, offer + "\nAuthorization: Bearer " + key + "\napi-key: " + key, "explicit_key", sent + left, "subprotocol_key"},
		{"another key is refused on request", reject, offer + "\nAuthorization: Bearer other", "ambiguous_credential", "", "conflict_dropped,subprotocol_key"},
		{"two keys are refused", Options{}, offer + "\n" + field + keySubprotocol + key, "ambiguous_credential", "", "subprotocol_key"},

		{"beside a bearer token both go", Options{}, offer + "\nAuthorization: Bearer " + token, "token_and_key", "Authorization: Bearer " + token + "\n" + sent + left, "subprotocol_key"},
		{"beside another scheme the key goes", Options{}, offer + "\nAuthorization: Basic abc", "other_scheme", "Authorization: Basic abc\n" + sent + left, "subprotocol_key"},
		{"a placeholder lets it speak", Options{}, offer + "\nAuthorization: Bearer dummy\napi-key:", "explicit_key_wins", sent + left, "placeholder,subprotocol_key"},
		{"a placeholder is none and is dropped", Options{}, field + "realtime, " + keySubprotocol + "EMPTY", "no_credential", left, "placeholder,subprotocol_key"},
		{"an empty one is none", Options{RejectMissing: true}, field + keySubprotocol, "credential_missing", "", "placeholder,subprotocol_key"},
		{"a token goes into Authorization", Options{}, field + keySubprotocol + token + ", realtime", "misplaced_token", "Authorization: Bearer " + token + "\n" + left, "subprotocol_key"},
		{"a token beside a bearer key goes into Authorization", Options{}, "Authorization: Bearer " + key + "\n" + field + keySubprotocol + token, "swapped", "Authorization: Bearer " + token + "\n" + sent, "subprotocol_key"},
		{"another token than that in Authorization is dropped", Options{}, "Authorization: Bearer " + token + "\n" + field + keySubprotocol + otherToken, "token_wins", "Authorization: Bearer " + token + "\n", "conflict_dropped,subprotocol_key"},
		{"a kept token leaves the list for the target field", Options{KeepMisplacedToken: true}, field + keySubprotocol + token, "misplaced_token", "api-key: " + token + "\n", "subprotocol_key"},
		{"a key goes into Authorization where the upstream wants it there", Options{Header: "Authorization", Value: "Bearer {key}"}, offer, "explicit_key", "Authorization: Bearer " + key + "\n" + left, "subprotocol_key"},
		{"a space in it is part of a key", Options{}, field + keySubprotocol + "a b", "explicit_key", "api-key: a b\n", "subprotocol_key"},
		{"a character outside ASCII is refused", Options{}, field + keySubprotocol + "schlüssel", "malformed_credential", "", "subprotocol_key"},
	})
}

// TestNeighbours: what some upstreams read as a governed field is dropped, and
// holds no credential.
func TestNeighbours(t *testing.T) {
	bearer := "Authorization: Bearer " + key + "\n"
	sent := "api-key: " + key + "\n"
	runDecisions(t, []decisionCase{
		{"beside a key", Options{}, bearer + "api_key: forged\nOCP_Apim.Subscription-Key: forged", "bearer_key", sent, "neighbour_dropped"},
		{"alone", Options{}, "Host: edge\napi_key: " + key, "no_credential", "Host: edge\n", "neighbour_dropped"},
		{"in two lines", Options{}, bearer + "api_key: a\napi_key: b", "bearer_key", sent, "neighbour_dropped"},
		{"is no credential to ask for", Options{RejectMissing: true}, "api_key: " + key, "credential_missing", "", "neighbour_dropped"},
		{"an alias of that name is read", Options{Aliases: []string{"api_key"}}, "api_key: " + key, "explicit_key", sent, ""},
		{"a target of that name is written, and the usual spelling dropped", Options{Header: "api_key", Aliases: []string{}}, bearer + "api-key: forged", "bearer_key", "api_key: " + key + "\n", "neighbour_dropped"},
		{"a forged list of subprotocols", Options{}, bearer + "Sec_WebSocket_Protocol: " + keySubprotocol + "forged", "bearer_key", sent, "neighbour_dropped"},
	})
}
