//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

func TestVercelAISDKGetsThrough(t *testing.T) {
	operations := []string{"chat", "chat_stream", "responses", "responses_stream", "embed"}
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, operations...),
		kind("azure_key", "explicit_key", keyOnly, 200, operations...),
		kind("azure_key_legacy", "explicit_key", keyOnly, 200, "chat", "chat_stream", "embed"),
		kind("azure_ad_token", "token", tokenOnly, 200, operations...),
		kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
	)
	runCases(t, cases, node(t), "sdk/node/vercel_cases.mjs")
}
