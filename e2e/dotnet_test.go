//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// TestOpenAIDotNetGetsThrough holds it for OpenAI and Azure.AI.OpenAI 2.0.0 on .NET 9.
func TestOpenAIDotNetGetsThrough(t *testing.T) {
	operations := []string{"chat", "chat_async", "chat_stream", "embeddings"}
	withFiles := append(slices.Clip(operations), "upload")
	cases := slices.Concat(
		by("openai-dotnet", kind("openai_key", "bearer_key", keyOnly, 401, withFiles...)),
		by("openai-dotnet", kind("openai_token", "token", tokenOnly, 200, withFiles...)),
		by("azure-sdk", kind("azure_key", "explicit_key", keyOnly, 200, operations...)),
		by("azure-sdk", kind("azure_ad_token", "token", tokenOnly, 200, operations...)),
		by("azure-sdk", kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...)),
		[]sdkCase{
			{name: "errors/wrong_key_is_sent_once", reason: "bearer_key", sees: wrongKey, fails: 401, says: "401"},
			{name: "errors/too_many_is_sent_again", reason: "bearer_key", sees: keyOnly, requests: 2, fails: 429, says: "429"},
			{name: "errors/cut_stream_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
			{name: "leaving/stream_is_closed_after_the_first_event", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
		},
	)
	runCases(t, cases, "env", "E2E_DOTNET="+cache(t, "dotnet"), cache(t, "python", "dotnet", "bin", "python"), "sdk/python/dotnet_cases.py")
}
