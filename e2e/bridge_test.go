//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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
      models: &models
        gpt-5: {deployment: five, api_version: 2025-04-01-preview}
        gpt-4o: {deployment: prod, api_version: 2024-10-21}
  legacy:
    path_prefix: /legacy
    bridge: {to: v1, models: *models}
`

// bridged is what a case brings to the upstream, and what becomes of it.
type bridged struct {
	target, model string // of the upstream; empty: it is not asked
	detail        string // what the SDK returns
	fails         int    // the status that it raises
}

var bridgedCases = func() map[string]bridged {
	const version = "?api-version=2025-04-01-preview"
	cases := map[string]bridged{
		"v1/responses":     {"/openai/responses" + version, "five", "resp_1", 0},
		"legacy/responses": {"/openai/v1/responses", "gpt-5", "resp_1", 0},
		"v1/models":        {detail: "gpt-4o,gpt-5"},
		"v1/unknown_model": {fails: 404, detail: "a model that is not in the route's table"},
		"v1/moderations":   {fails: 404, detail: "Azure OpenAI does not offer this operation"},
		"azure_on_v1/chat": {"/openai/deployments/five/chat/completions" + version, "gpt-5", "hello", 0},
	}
	for name, operation := range map[string][2]string{
		"chat": {"/chat/completions", "hello"}, "chat_stream": {"/chat/completions", "hello"},
		"embeddings": {"/embeddings", "0.5"}, "transcription": {"/audio/transcriptions", "hello"},
	} {
		// The path names the model, and the body keeps what the SDK has written.
		cases["v1/"+name] = bridged{"/openai/deployments/five" + operation[0] + version, "gpt-5", operation[1], 0}
		cases["legacy/"+name] = bridged{"/openai/v1" + operation[0], "gpt-5", operation[1], 0}
	}
	return cases
}()

// bothShapes answers operations of either shape and records each case's target and model.
type bothShapes struct {
	mu    sync.Mutex
	asked map[string][2]string
}

func (b *bothShapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var fields struct {
		Model  string
		Stream bool
	}
	if _, part, found := strings.Cut(string(body), "name=\"model\"\r\n\r\n"); found {
		fields.Model, _, _ = strings.Cut(part, "\r\n")
	} else if err := json.Unmarshal(body, &fields); err != nil {
		fields.Model = err.Error()
	}
	b.mu.Lock()
	b.asked[r.Header.Get("x-e2e-case")] = [2]string{r.URL.RequestURI(), fields.Model}
	b.mu.Unlock()
	answer := `{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`
	switch {
	case fields.Stream:
		w.Header().Set("Content-Type", "text/event-stream")
		answer = "data: " + `{"id":"c","object":"chat.completion.chunk","created":1,"model":"x","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	case strings.Contains(r.URL.Path, "responses"):
		answer = `{"id":"resp_1","object":"response","created_at":1,"model":"x","output":[],"status":"completed","parallel_tool_calls":false,"tool_choice":"auto","tools":[]}`
	case strings.Contains(r.URL.Path, "embeddings"):
		answer = `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"x","usage":{"prompt_tokens":1,"total_tokens":1}}`
	case strings.Contains(r.URL.Path, "audio"):
		answer = `{"text":"hello"}`
	}
	if !fields.Stream {
		w.Header().Set("Content-Type", "application/json")
	}
	_, _ = io.WriteString(w, answer)
}

// TestOpenAIPythonCrossesTheBridge has both classes of openai-python call an upstream of
// the other shape. The older release writes model behind the prompt.
func TestOpenAIPythonCrossesTheBridge(t *testing.T) {
	for _, release := range []string{"2.33.0", "3.52.0"} {
		t.Run("openai "+release, func(t *testing.T) {
			upstream := &bothShapes{asked: map[string][2]string{}}
			server := httptest.NewServer(upstream)
			defer server.Close()
			e := edge.Run(t, strings.Replace(bridgeConfig, "UPSTREAM", server.URL, 1))
			python := cache(t, "python", "openai-"+release, "bin", "python")
			lines := runScript(t, "http://"+e.Address(), "unused", python, "sdk/python/bridge_cases.py")
			if len(lines) != len(bridgedCases) {
				t.Errorf("%d cases were run, want %d", len(lines), len(bridgedCases))
			}
			for name, want := range bridgedCases {
				line := lines[name]
				if line.OK != (want.fails == 0) || line.Status != want.fails || !strings.Contains(line.Detail, want.detail) {
					t.Errorf("%s: got %+v, want %+v", name, line, want)
				}
				if got := upstream.asked[name]; got != [2]string{want.target, want.model} {
					t.Errorf("%s: the upstream was asked %q, want %q for %q", name, got, want.target, want.model)
				}
			}
			checkLog(t, e)
		})
	}
}
