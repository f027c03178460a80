//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

func TestLangChainJSGetsThrough(t *testing.T) {
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, "chat", "chat_stream", "embeddings"),
		kind("azure_key", "explicit_key", keyOnly, 200, "chat", "chat_stream"),
		kind("azure_ad_token", "token", tokenOnly, 200, "chat", "chat_stream"),
		kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, "chat", "chat_stream"),
	)
	runCases(t, cases, node(t), "sdk/node/langchain_cases.mjs")
}

func TestLangChainPythonGetsThrough(t *testing.T) {
	operations := []string{"chat", "chat_stream", "chat_async", "chat_stream_async", "embeddings"}
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, operations...),
		kind("azure_key", "explicit_key", keyOnly, 200, operations...),
		kind("azure_ad_token", "token", tokenOnly, 200, operations...),
		kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
	)
	runCases(t, cases, cache(t, "python", "langchain", "bin", "python"), "sdk/python/langchain_cases.py")
}
