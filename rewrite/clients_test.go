package rewrite

import "testing"

// TestClients: what each SDK puts on the wire, as observed with the package of
// that name and version, and what the upstream gets for it.
func TestClients(t *testing.T) {
	var (
		keySent   = "api-key: " + key + "\n"
		tokenSent = "Authorization: Bearer " + token + "\n"
	)
	runDecisions(t, []decisionCase{
		{"openai-python 2.33 OpenAI(api_key=key)", Options{}, "Authorization: Bearer " + key, "bearer_key", keySent, ""},
		{"openai-python 2.33 AzureOpenAI(api_key=key)", Options{}, "api-key: " + key + "\nAuthorization: Bearer " + key, "explicit_key", keySent, ""},
		{"openai-python 2.33 AzureOpenAI(api_key=token)", Options{}, "api-key: " + token + "\nAuthorization: Bearer " + token, "token", tokenSent, ""},
		{"openai-python 2.33 AzureOpenAI(api_key=token) with a key in Ocp-Apim-Subscription-Key", Options{},
			"api-key: " + token + "\nAuthorization: Bearer " + token + "\nOcp-Apim-Subscription-Key: " + key, "token_and_key", tokenSent + keySent, ""},
		{"openai-python 2.33 AzureOpenAI(azure_ad_token=token)", Options{}, "Authorization: Bearer " + token, "token", tokenSent, ""},
		{"openai-python 2.34 AzureOpenAI(api_key=key)", Options{}, "api-key: " + key, "explicit_key", keySent, ""},
		{"openai-python 2.34 AzureOpenAI(api_key=token), the regression of issue 3282", Options{}, "api-key: " + token, "misplaced_token", tokenSent, ""},
		{"openai-python 2.34 with a token provider and AZURE_OPENAI_API_KEY", Options{}, "Authorization: Bearer " + token + "\napi-key: " + key, "token_and_key", tokenSent + keySent, ""},
		{"openai-python default_headers api-key", Options{}, "Authorization: Bearer unused\napi-key: " + key, "explicit_key_wins", keySent, "conflict_dropped"},
		{"openai-python default_headers Ocp-Apim-Subscription-Key", Options{}, "Authorization: Bearer unused\nOcp-Apim-Subscription-Key: " + key, "explicit_key_wins", keySent, "conflict_dropped"},
		{"openai-python default_headers authorization in lower case", Options{}, "Authorization: Bearer " + key + "\nauthorization: Bearer " + otherKey, "ambiguous_credential", "", ""},
		{"openai-python AzureOpenAI default_headers Api-Key", Options{}, "api-key: " + key + "\nApi-Key: " + otherKey, "ambiguous_credential", "", ""},
		{"openai-node 4 to 7 OpenAI({apiKey: key})", Options{}, "authorization: Bearer " + key, "bearer_key", keySent, ""},
		{"openai-node AzureOpenAI({apiKey: key})", Options{}, "api-key: " + key, "explicit_key", keySent, ""},
		{"openai-node AzureOpenAI({apiKey: token})", Options{}, "api-key: " + token, "misplaced_token", tokenSent, ""},
		{"openai-node AzureOpenAI({azureADTokenProvider})", Options{}, "authorization: Bearer " + token, "token", "authorization: Bearer " + token + "\n", ""},
		{"openai-node 4 Realtime in a browser with apiKey", Options{QueryAliases: []string{"api-key", "Authorization"}},
			"?api-version=2024-10-01-preview&deployment=rt&api-key=" + key, "explicit_key", keySent + "?api-version=2024-10-01-preview&deployment=rt\n", "query_key"},
		{"openai-node 4 Realtime in a browser with a token", Options{QueryAliases: []string{"api-key", "Authorization"}},
			"?deployment=rt&Authorization=Bearer+" + token, "misplaced_token", tokenSent + "?deployment=rt\n", "bearer_in_slot,query_key"},
		{"openai-node OpenAIRealtimeWebSocket in a browser", Options{}, "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key." + key,
			"explicit_key", keySent + "Sec-WebSocket-Protocol: realtime\n", "subprotocol_key"},
		{"a page with the organization, the project and the beta in subprotocols", Options{},
			"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key." + key + ", openai-organization.org-1, openai-project.proj_2, openai-beta.realtime-v1",
			"explicit_key", keySent + "Sec-WebSocket-Protocol: realtime, openai-organization.org-1, openai-project.proj_2, openai-beta.realtime-v1\n", "subprotocol_key"},
		{"openai-go option.WithAPIKey(key)", Options{}, "Authorization: Bearer " + key, "bearer_key", keySent, ""},
		{"openai-go azure.WithAPIKey(key)", Options{}, "Api-Key: " + key, "explicit_key", keySent, ""},
		{"openai-go azure.WithAPIKey(token)", Options{}, "Api-Key: " + token, "misplaced_token", tokenSent, ""},
		{"openai-go 1.12 azure.WithAPIKey(key) with OPENAI_API_KEY", Options{}, "Api-Key: " + key + "\nAuthorization: Bearer sk-platform", "explicit_key_wins", keySent, "conflict_dropped"},
		{"go-openai 1.43 default", Options{}, "Authorization: Bearer " + key, "bearer_key", keySent, ""},
		{"go-openai 1.43 Azure", Options{}, "Api-Key: " + key, "explicit_key", keySent, ""},
		{"go-openai 1.43 AzureAD", Options{}, "Authorization: Bearer " + token, "token", tokenSent, ""},
		{"azopenai 0.7.2 with a key credential", Options{}, "Api-Key: " + key, "explicit_key", keySent, ""},
		{"@ai-sdk/azure 4 createAzure({apiKey})", Options{}, "api-key: " + key, "explicit_key", keySent, ""},
		{"@ai-sdk/azure 4 createAzure({tokenProvider})", Options{}, "authorization: Bearer " + token, "token", "authorization: Bearer " + token + "\n", ""},
		{"@langchain/openai 1.6 with a key", Options{}, "authorization: Bearer " + key, "bearer_key", keySent, ""},
		{"Continue with a dummy key and Ocp-Apim-Subscription-Key (issue 9527)", Options{RejectConflict: true},
			"authorization: Bearer dummy\nocp-apim-subscription-key: " + key, "explicit_key_wins", keySent, "placeholder"},
		{"a front that wants the key in both fields", Options{KeepAuthorization: true}, "Authorization: Bearer " + key, "bearer_key", "Authorization: Bearer " + key + "\n" + keySent, ""},
	})
}
