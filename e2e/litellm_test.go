//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

func TestLiteLLMGetsThrough(t *testing.T) {
	operations := []string{"chat", "chat_stream", "chat_async", "chat_stream_async", "embeddings"}
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, operations...),
		kind("azure_key", "explicit_key", keyOnly, 200, operations...),
		kind("azure_ad_token", "token", tokenOnly, 200, operations...),
		kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
	)
	runCases(t, cases, cache(t, "python", "litellm", "bin", "python"), "sdk/python/litellm_cases.py")
}
