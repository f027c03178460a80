//go:build e2e

package e2e

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// bridgeConfig leads clients of each shape to an upstream that speaks the other. The two
// upstreams are one server, which records what it is asked.
const bridgeConfig = `listen: {address: "127.0.0.1:0"}
admin: {address: "127.0.0.1:0"}
upstreams: {both: {url: "UPSTREAM"}}
routes:
  v1:
    path_prefix: /openai/v1
    bridge:
      to: legacy
      body_head: HEAD
      models: &models
        gpt-5: {deployment: five, api_version: 2025-04-01-preview}
        gpt-4o: {deployment: prod, api_version: 2024-10-21}
  legacy:
    path_prefix: /legacy
    bridge: {to: v1, body_head: HEAD, models: *models}
`

// bridged is what a case brings to the upstream, and what becomes of it.
type bridged struct {
	target, model string // of the upstream; empty: it is not asked
	detail        string // what the SDK returns
	fails         int    // the status that it raises
}

const (
	newest = "?api-version=2025-04-01-preview" // of the table, and that of gpt-5
	audio  = "5000000 bytes b39781589c4403fb"  // zeros, and the first half of their SHA-256
	image  = "2000000 bytes 13aea96040f21330"
)

// crossings are the operations that clients of either shape call, by name.
var crossings = map[string]struct {
	path   string // below a deployment or /openai, and below /openai/v1
	deep   bool   // below a deployment
	named  bool   // the body says the model
	detail string
}{
	"chat":             {"/chat/completions", true, true, "hello"},
	"chat_stream":      {"/chat/completions", true, true, "hello"},
	"responses":        {"/responses", false, true, "resp_1"},
	"responses_stream": {"/responses", false, true, "hello"},
	"embeddings":       {"/embeddings", true, true, "0.5"},
	"transcription":    {"/audio/transcriptions", true, true, audio},
	"image_edit":       {"/images/edits", true, true, image},
	"models":           {"/models", false, false, "gpt-4o,gpt-5"},
	"file_create":      {"/files", false, false, "file-1"},
	"file_list":        {"/files", false, false, "file-1"},
	"batch_create":     {"/batches", false, false, "batch_1"},
	"batch_list":       {"/batches", false, false, "batch_1"},
}

// everything is all of them; some SDKs have fewer.
var everything = slices.Sorted(maps.Keys(crossings))

// across returns what the operations bring to the upstream, from clients of both shapes.
// The path of a legacy API names the model, so that the body keeps what the SDK has
// written; said is what one of v1 finds there.
func across(operations ...string) map[string]bridged {
	cases := map[string]bridged{}
	for _, name := range operations {
		c := crossings[name]
		toLegacy, toV1 := bridged{target: "/openai" + c.path + newest, detail: c.detail}, bridged{target: "/openai/v1" + c.path, detail: c.detail}
		if c.named {
			toLegacy.model, toV1.model = "five", "gpt-5"
		}
		if c.deep {
			toLegacy.target, toLegacy.model = "/openai/deployments/five"+c.path+newest, "gpt-5"
		}
		if name == "models" {
			toLegacy.target = "" // the table is asked
		}
		cases["v1/"+name], cases["legacy/"+name] = toLegacy, toV1
	}
	return cases
}

// pastFiles is what has to be held to find a model behind the files of these cases:
// openai-node and openai-go write it there.
const pastFiles = "8MiB"

// checkBridge runs a script through a bridge that holds that much of a body, and judges
// each of its cases.
func checkBridge(t *testing.T, held string, cases map[string]bridged, command ...string) {
	t.Helper()
	upstream := &bothShapes{asked: map[string][2]string{}}
	server := httptest.NewServer(upstream)
	defer server.Close()
	e := edge.Run(t, strings.NewReplacer("UPSTREAM", server.URL, "HEAD", held).Replace(bridgeConfig))
	lines := runScript(t, "http://"+e.Address(), "unused", command...)
	if len(lines) != len(cases) {
		t.Errorf("%d cases were run, want %d", len(lines), len(cases))
	}
	for name, want := range cases {
		line := lines[name]
		if line.OK != (want.fails == 0) || line.Status != want.fails || !strings.Contains(line.Detail, want.detail) {
			t.Errorf("%s: got %+v, want %+v", name, line, want)
		}
		if got := upstream.asked[name]; got != [2]string{want.target, want.model} {
			t.Errorf("%s: the upstream was asked %q, want %q for %q", name, got, want.target, want.model)
		}
	}
	checkLog(t, e)
}

// TestOpenAIPythonCrossesTheBridge has both classes of openai-python call an upstream of
// the other shape. Releases before 3.24 write model behind the prompt.
func TestOpenAIPythonCrossesTheBridge(t *testing.T) {
	cases := across(everything...)
	maps.Copy(cases, map[string]bridged{
		"v1/unknown_model": {fails: 404, detail: "a model that is not in the route's table"},
		"v1/moderations":   {fails: 404, detail: "Azure OpenAI does not offer this operation"},
		"azure_on_v1/chat": {"/openai/deployments/five/chat/completions" + newest, "gpt-5", "hello", 0},
	})
	for _, release := range []string{"2.33.0", "3.20.0", "3.57.0"} {
		t.Run("openai "+release, func(t *testing.T) {
			checkBridge(t, pastFiles, cases, cache(t, "python", "openai-"+release, "bin", "python"), "sdk/python/bridge_cases.py")
		})
	}
}

// TestOpenAINodeCrossesTheBridge has the model behind a prompt, and behind a file. One
// client adds its deployment to the path of a batch, where no API has it.
func TestOpenAINodeCrossesTheBridge(t *testing.T) {
	cases := across(everything...)
	cases["azure_with_deployment/batch_create"] = bridged{target: "/openai/v1/batches", detail: "batch_1"}
	checkBridge(t, pastFiles, cases, node(t), "sdk/node/bridge_cases.mjs", "openai")
}

func TestOpenAIGoCrossesTheBridge(t *testing.T) {
	checkBridge(t, pastFiles, across(everything...), cache(t, "go-sdk"), "bridge")
}

// TestAModelBehindAFileNeedsRoom leaves body_head at its default: the client is told
// what to do.
func TestAModelBehindAFileNeedsRoom(t *testing.T) {
	cases := map[string]bridged{}
	for _, name := range []string{"v1/transcription", "legacy/transcription", "v1/image_edit", "legacy/image_edit"} {
		cases[name] = bridged{fails: 413, detail: "raise bridge.body_head of the route"}
	}
	command := []string{node(t), "sdk/node/bridge_cases.mjs", "openai"}
	checkBridge(t, "1MiB", cases, append(command, slices.Sorted(maps.Keys(cases))...)...)
}

// told has cases of an SDK that returns the text of a response, where others name it.
func told(cases map[string]bridged) map[string]bridged {
	for _, kind := range []string{"v1", "legacy"} {
		c := cases[kind+"/responses"]
		c.detail = "hello"
		cases[kind+"/responses"] = c
	}
	return cases
}

// TestVercelAISDKCrossesTheBridge has the provider for Azure put a deployment in front of
// responses, where no API has it.
func TestVercelAISDKCrossesTheBridge(t *testing.T) {
	checkBridge(t, pastFiles, told(across("chat", "chat_stream", "responses", "responses_stream", "embeddings", "transcription")),
		node(t), "sdk/node/bridge_cases.mjs", "vercel")
}

func TestLangChainCrossesTheBridge(t *testing.T) {
	operations := []string{"chat", "chat_stream", "responses", "embeddings"}
	t.Run("Python", func(t *testing.T) {
		checkBridge(t, pastFiles, told(across(operations...)), cache(t, "python", "langchain", "bin", "python"), "sdk/python/langchain_bridge_cases.py")
	})
	t.Run("JavaScript", func(t *testing.T) {
		checkBridge(t, pastFiles, told(across(operations...)), node(t), "sdk/node/bridge_cases.mjs", "langchain")
	})
}
