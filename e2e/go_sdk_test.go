//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

func TestGoSDKsGetThrough(t *testing.T) {
	operations := []string{"chat", "chat_stream", "responses", "responses_stream", "embeddings", "upload", "models"}
	older := []string{"chat", "chat_stream", "embeddings", "upload", "models"}
	cases := slices.Concat(
		kind("v3_openai_key", "bearer_key", keyOnly, 401, operations...),
		kind("v3_openai_token", "token", tokenOnly, 200, operations...),
		kind("v3_azure_key", "explicit_key", keyOnly, 200, operations...),
		kind("v3_azure_ad_token", "token", tokenOnly, 200, operations...),
		kind("v3_azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
		// Without the edge it works as well, and the platform key goes to Azure.
		kind("v1_azure_key_beside_platform_key", "explicit_key_wins", keyOnly, 200, "chat"),
		kind("go-openai_openai_key", "bearer_key", keyOnly, 401, older...),
		kind("go-openai_azure_key", "explicit_key", keyOnly, 200, older...),
		kind("go-openai_azure_ad_token", "token", tokenOnly, 200, older...),
		kind("go-openai_azure_token_as_key", "misplaced_token", tokenOnly, 401, older...),
		[]sdkCase{
			{name: "v3_errors/wrong_key_is_sent_once", reason: "bearer_key", sees: wrongKey, fails: 401, says: "401"},
			{name: "v3_errors/cut_stream_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
			{name: "v3_leaving/stream_is_closed_after_the_first_event", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
		},
	)
	runCases(t, cases, cache(t, "go-sdk"))
}
