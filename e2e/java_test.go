//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestOpenAIJavaGetsThrough(t *testing.T) {
	java, err := exec.LookPath("java")
	testkit.Must(t, err)
	operations := []string{
		"chat", "chat_async", "chat_stream", "responses", "responses_stream", "embeddings", "upload", "models",
	}
	cases := slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, operations...),
		kind("openai_token", "token", tokenOnly, 200, operations...),
		kind("azure_key", "explicit_key", keyOnly, 200, operations...),
		kind("azure_ad_token", "token", tokenOnly, 200, operations...),
		kind("azure_token_as_key", "misplaced_token", tokenOnly, 401, operations...),
		[]sdkCase{
			{name: "errors/wrong_key_is_sent_once", reason: "bearer_key", sees: wrongKey, fails: 401, says: "401"},
			{name: "errors/cut_stream_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
			{name: "leaving/stream_is_closed_after_the_first_event", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
		},
	)
	classes := cache(t, "java", "classes") + string(os.PathListSeparator) + filepath.Join(cache(t, "java", "lib"), "*")
	runCases(t, cases, java, "-cp", classes, "e2e.Cases")
}
