//go:build e2e

package e2e

import (
	"slices"
	"testing"
)

// pythonOperations are run by each kind of client; the first without the edge, too.
var pythonOperations = []string{
	"chat", "chat_stream", "responses", "responses_stream", "embeddings", "upload", "models",
	"chat_async", "chat_stream_async", "responses_async", "responses_stream_async",
	"embeddings_async", "upload_async", "models_async",
}

// pythonRelease is what differs between releases of openai-python.
type pythonRelease struct {
	version string
	// tokenAsKey is what becomes of AzureOpenAI(api_key=<token>): up to 2.33
	// it was sent in both fields and worked; from 2.34 it is sent as api-key
	// alone (openai/openai-python issue 3282).
	tokenAsKey       string
	tokenAsKeyDirect int
	// keyBesideProvider is what becomes of AZURE_OPENAI_API_KEY beside an
	// explicit token provider.
	keyBesideProvider sdkCase
	// twice are the cases in which default_headers repeats a credential in
	// another letter case. Older releases send both lines; the newest sends
	// one: the Authorization of default_headers, the key of api_key.
	twice []sdkCase
}

const (
	apimRefusesKey = "Access denied due to invalid subscription key."
	doubledHeaders = "default_headers"
)

var (
	sentTwice = []sdkCase{
		{name: "default_headers/two_authorizations", requests: -1, fails: 400, says: doubledHeaders},
		{name: "default_headers/two_api_keys", requests: -1, fails: 400, says: doubledHeaders},
	}
	sentOnce = []sdkCase{
		{name: "default_headers/two_authorizations", reason: "bearer_key", sees: wrongKey, fails: 401, says: apimRefusesKey},
		{name: "default_headers/two_api_keys", reason: "explicit_key", sees: keyOnly},
	}
)

func TestOpenAIPythonGetsThrough(t *testing.T) {
	const keyAndProvider = "environment/key_beside_token_provider"
	for _, release := range []pythonRelease{
		{"2.33.0", "token", 200, sdkCase{name: keyAndProvider, reason: "token", sees: tokenOnly}, sentTwice},
		{"2.34.0", "misplaced_token", 401, sdkCase{name: keyAndProvider, reason: "token_and_key", sees: keyAndToken}, sentTwice},
		{"3.57.0", "misplaced_token", 401, sdkCase{name: keyAndProvider, reason: "token", sees: tokenOnly}, sentOnce},
	} {
		t.Run("openai "+release.version, func(t *testing.T) {
			python := cache(t, "python", "openai-"+release.version, "bin", "python")
			runCases(t, pythonCases(release), python, "sdk/python/openai_cases.py")
		})
	}
}

func pythonCases(release pythonRelease) []sdkCase {
	return slices.Concat(
		kind("openai_key", "bearer_key", keyOnly, 401, pythonOperations...),
		kind("openai_token", "token", tokenOnly, 200, pythonOperations...),
		kind("azure_key", "explicit_key", keyOnly, 200, pythonOperations...),
		kind("azure_ad_token", "token", tokenOnly, 200, pythonOperations...),
		kind("azure_token_as_key", release.tokenAsKey, tokenOnly, release.tokenAsKeyDirect, pythonOperations...),
		[]sdkCase{
			release.keyBesideProvider,
			{name: "default_headers/key_beside_placeholder", reason: "explicit_key_wins", sees: keyOnly},
			{name: "default_headers/key_beside_platform_key", reason: "explicit_key_wins", sees: keyOnly},
			{name: "default_headers/ocp_key_beside_placeholder", reason: "explicit_key_wins", sees: keyOnly, direct: 401},
			{name: "default_headers/ocp_key_beside_same_key", reason: "explicit_key", sees: keyOnly},
			{name: "default_headers/key_beside_token", reason: "token_and_key", sees: keyAndToken},
			{name: "errors/wrong_key_is_sent_once", reason: "bearer_key", sees: wrongKey, fails: 401, says: apimRefusesKey},
			{name: "errors/too_many_is_sent_again", requests: 2, reason: "bearer_key", sees: keyOnly, fails: 429, says: "exceeded token rate limit"},
			{name: "errors/cut_stream_raises", reason: "bearer_key", sees: keyOnly, more: causeIs("upstream_aborted")},
			{name: "leaving/stream_is_closed_after_the_first_event", reason: "bearer_key", sees: keyOnly, more: wasCancelled},
		},
		release.twice,
	)
}
