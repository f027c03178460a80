//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// TestVSCodeChatGetsThrough holds it for what VS Code does with a model of its user's own
// (@vscode/chat-lib 0.66.0). It lets nobody set api-key: without the edge there is no way.
func TestVSCodeChatGetsThrough(t *testing.T) {
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, "chat", "responses"),
		kind("openai_token", "token", tokenOnly, 200, "chat", "responses"),
		[]sdkCase{{name: "own_header/api_key_is_dropped", reason: "bearer_key", sees: keyOnly, direct: 401}},
	)
	runCases(t, cases, node(t), "sdk/agents/vscode_cases.mjs")
}

func TestCopilotCLIGetsThrough(t *testing.T) {
	cases := slices.Concat(
		by("openai-node", kind("openai_key", "bearer_key", keyOnly, 401, "chat", "responses")),
		by("openai-node", kind("openai_token", "token", tokenOnly, 200, "chat")),
		by("openai-node", kind("azure_key", "explicit_key", keyOnly, 200, "chat", "responses")),
		by("openai-node", kind("azure_key_legacy", "explicit_key", keyOnly, 200, "chat")),
		by("openai-node", kind("azure_ad_token", "token", tokenOnly, 200, "chat")),
	)
	runCases(t, cases, node(t), "sdk/agents/copilot_cases.mjs")
}

func TestCodexGetsThrough(t *testing.T) {
	cases := slices.Concat(
		by("codex", kind("openai_key", "bearer_key", keyOnly, 401, "responses")),
		by("codex", kind("openai_token", "token", tokenOnly, 200, "responses")),
	)
	runCases(t, cases, node(t), "sdk/agents/codex_cases.mjs")
}

// TestContinueGetsThrough holds it for both providers. Its azure one asks at Azure's path
// with the key as Bearer.
func TestContinueGetsThrough(t *testing.T) {
	cases := slices.Concat(
		by("openai-node", kind("openai_key", "bearer_key", keyOnly, 401, "chat")),
		by("openai-node", kind("openai_token", "token", tokenOnly, 200, "chat")),
		by("openai-node", kind("azure_key", "bearer_key", keyOnly, 401, "chat")),
	)
	runCases(t, cases, node(t), "sdk/agents/continue_cases.mjs")
}
