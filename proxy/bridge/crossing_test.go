package bridge

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

const jsonType = "application/json"

func post(path, body string) request {
	path, query, _ := strings.Cut(path, "?")
	return request{method: "POST", path: path, query: query, contentType: jsonType, body: body}
}

func get(path string) request {
	path, query, _ := strings.Cut(path, "?")
	return request{method: "GET", path: path, query: query}
}

// form is a body as SDKs write it.
func form(parts ...string) string {
	var b strings.Builder
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--XX\r\nContent-Disposition: form-data; " + parts[i] + "\r\n\r\n" + parts[i+1] + "\r\n")
	}
	return b.String() + "--XX--\r\n"
}

func postForm(path, body string) request {
	r := post(path, body)
	r.contentType = "multipart/form-data; boundary=XX"
	return r
}

// crossings are what tests of one direction have in common.
type crossings []struct {
	name string
	request
	target string // of the other side; else code
	body   string // empty: as it was
	stray  Stray
	code   edgeerr.Code
}

func (all crossings) run(t *testing.T, table *Table) {
	t.Helper()
	for _, tc := range all {
		t.Run(tc.name, func(t *testing.T) {
			want := crossed{target: tc.target, stray: tc.stray, code: tc.code}
			if want.code == edgeerr.None {
				want.body = tc.request.body
				if tc.body != "" {
					want.body = tc.body
				}
			}
			for _, n := range []int{1, 7, 1 << 20} {
				got := cross(t, table, tc.request, n)
				got.read = false
				if got != want {
					t.Errorf("in pieces of %d: %s %s?%s\n%s\ngot  %+v\nwant %+v", n, tc.method, tc.path, tc.query, tc.request.body, got, want)
				}
			}
		})
	}
}

const (
	first = `{"model":"gpt-4o","messages":[{"role":"user","content":"\"model\":\"x\""}]}`
	last  = `{"messages":[{"role":"user","content":"hi","model":"o3-mini"}],"model":"gpt-4o"}`
	gpt4o = "/openai/deployments/gpt4o-prod"
	v2024 = "?api-version=2024-10-21"
)

func TestFromV1ToLegacy(t *testing.T) {
	table := newTable(t, Options{To: Legacy, Models: models})
	crossings{
		{name: "model first", request: post("/chat/completions", first), target: gpt4o + "/chat/completions" + v2024},
		{name: "model last, and another one below", request: post("/chat/completions", last), target: gpt4o + "/chat/completions" + v2024},
		{name: "each model has its version", request: post("/chat/completions", `{"model":"o3-mini"}`),
			target: "/openai/deployments/o3/chat/completions?api-version=2024-12-01-preview"},
		{name: "an escaped key and an escaped value", request: post("/embeddings", `{"input":"x","mod\u0065l":"\u0067pt\u002d4o"}`), target: gpt4o + "/embeddings" + v2024},
		{name: "a name with a slash and a space", request: post("/chat/completions", `{"model":"org/mod l"}`),
			target: "/openai/deployments/a%20b%2Fc/chat/completions?api-version=2025-04-01-preview"},
		{name: "a name that is escaped in JSON", request: post("/chat/completions", `{"model":"org\/mod l"}`),
			target: "/openai/deployments/a%20b%2Fc/chat/completions?api-version=2025-04-01-preview"},
		{name: "a deployment where the name belongs", request: post("/chat/completions", `{"model":"gpt4o-prod"}`), target: gpt4o + "/chat/completions" + v2024},
		{name: "the path of a client whose route is at the root", request: post("/openai/v1/chat/completions", first), target: gpt4o + "/chat/completions" + v2024},
		{name: "without openai", request: post("/v1/chat/completions", first), target: gpt4o + "/chat/completions" + v2024},
		{name: "the word preview goes, the rest of the query stays", request: post("/audio/speech?a=1&API-Version=preview&b=%20&api%2Dversion=v1", `{"model":"gpt-5"}`),
			target: "/openai/deployments/gpt-5/audio/speech?a=1&b=%20&api-version=2025-04-01-preview"},
		{name: "a form", request: postForm("/audio/transcriptions", form(`name="file"; filename="a.mp3"`, "\x00\r\n--X", `name="model"`, "gpt-4o")),
			target: gpt4o + "/audio/transcriptions" + v2024},
		{name: "images edits", request: postForm("/images/edits", form(`name="prompt"`, "model", `name="model"`, "gpt-5")),
			target: "/openai/deployments/gpt-5/images/edits?api-version=2025-04-01-preview"},

		{name: "responses stand at the root, and the body has the deployment", request: post("/responses", `{"input":"x","model": "org/mod l" ,"a":1}`),
			target: "/openai/responses?api-version=2025-04-01-preview", body: `{"input":"x","model": "a b/c" ,"a":1}`},
		{name: "which may be the same", request: post("/responses", `{"model":"gpt-5"}`), target: "/openai/responses?api-version=2025-04-01-preview"},
		{name: "a response", request: get("/responses/resp_1?include=a"), target: "/openai/responses/resp_1?include=a&api-version=2025-04-01-preview"},
		{name: "its items", request: get("/responses/resp_1/input_items"), target: "/openai/responses/resp_1/input_items?api-version=2025-04-01-preview"},
		{name: "a file has the newest version of the table", request: get("/files/file-1/content"), target: "/openai/files/file-1/content?api-version=2025-04-01-preview"},
		{name: "files", request: post("/files", "x"), target: "/openai/files?api-version=2025-04-01-preview"},
		{name: "batches", request: post("/batches", `{"model":1}`), target: "/openai/batches?api-version=2025-04-01-preview"},
		{name: "the model of a fine-tuning is none of the table", request: post("/fine_tuning/jobs", `{"model":"base"}`), target: "/openai/fine_tuning/jobs?api-version=2025-04-01-preview"},

		{name: "AzureOpenAI with a base_url of v1", request: post("/openai/v1/deployments/gpt-4o/chat/completions?api-version=2023-05-15", first),
			target: gpt4o + "/chat/completions" + v2024, stray: DeploymentOnV1},
		{name: "a base_url that ends in a deployment", request: post("/deployments/gpt4o-prod/chat/completions", `{"model":"x"}`),
			target: gpt4o + "/chat/completions" + v2024, stray: NoVersion},
		{name: "and has v1 behind it", request: post("/openai/deployments/o3/v1/chat/completions?api-version=2023-05-15", `{}`),
			target: "/openai/deployments/o3/chat/completions?api-version=2024-12-01-preview", stray: V1BelowDeployment},
		{name: "a legacy client", request: post("/openai/deployments/o3/chat/completions?api-version=2023-05-15", `{}`),
			target: "/openai/deployments/o3/chat/completions?api-version=2024-12-01-preview", stray: DeploymentForV1},
		{name: "batches below a deployment", request: post("/deployments/o3/batches?api-version=2024-10-21", `{}`),
			target: "/openai/batches?api-version=2024-12-01-preview", stray: NotBelowDeployment},
		{name: "responses below a deployment: the path decides", request: post("/deployments/gpt-5/responses?api-version=2024-10-21", `{"model":null}`),
			target: "/openai/responses?api-version=2025-04-01-preview", body: `{"model":"gpt-5"}`, stray: NotBelowDeployment},
		{name: "a client of Azure AI Model Inference", request: post("/models/chat/completions?api-version=2025-05-15-preview", first), target: gpt4o + "/chat/completions" + v2024, stray: ModelInference},
		{name: "and its embeddings", request: post("/openai/v1/models/embeddings?api-version=latest", `{"input":["x"],"model":"gpt4o-prod"}`), target: gpt4o + "/embeddings" + v2024, stray: ModelInference},
		{name: "the word latest", request: post("/chat/completions?api-version=latest", first), target: gpt4o + "/chat/completions" + v2024},
		{name: "a name with slashes that is not escaped", request: post("/deployments/a%20b/c/chat/completions", `{}`),
			target: "/openai/deployments/a%20b%2Fc/chat/completions?api-version=2025-04-01-preview", stray: NoVersion},
		{name: "a name is decoded once", request: post("/deployments/a%20b%252Fc/chat/completions", `{}`), code: edgeerr.ModelNotFound},

		{name: "a name that is not in the table", request: post("/chat/completions", `{"model":"gpt-3"}`), code: edgeerr.ModelNotFound},
		{name: "in another case", request: post("/chat/completions", `{"model":"GPT-4o"}`), code: edgeerr.ModelNotFound},
		{name: "a name that would walk", request: post("/chat/completions", `{"model":"../gpt-4o"}`), code: edgeerr.ModelNotFound},
		{name: "a very long name", request: post("/chat/completions", `{"model":"`+strings.Repeat("\\u0061", 5000)+`"}`), code: edgeerr.ModelNotFound},
		{name: "null is no name", request: post("/chat/completions", `{"model":null}`), code: edgeerr.ModelUnreadable},
		{name: "no name", request: post("/chat/completions", `{"messages":[]}`), code: edgeerr.ModelUnreadable},
		{name: "an empty name", request: post("/chat/completions", `{"model":""}`), code: edgeerr.ModelUnreadable},
		{name: "a number", request: post("/chat/completions", `{"model":4}`), code: edgeerr.ModelUnreadable},
		{name: "an object", request: post("/chat/completions", `{"model":{}}`), code: edgeerr.ModelUnreadable},
		{name: "no body", request: post("/chat/completions", ``), code: edgeerr.ModelUnreadable},
		{name: "a form without a name", request: postForm("/audio/translations", form(`name="file"; filename="model"`, "x")), code: edgeerr.ModelUnreadable},
		{name: "a form without a boundary", request: request{method: "POST", path: "/audio/translations", contentType: "Multipart/Form-Data", body: "x"}, code: edgeerr.ModelUnreadable},
		{name: "another encoding", request: request{method: "POST", path: "/chat/completions", body: "x", encoded: true}, code: edgeerr.BodyEncoded},
		{name: "a version that is too old for responses", request: post("/responses", `{"model":"gpt-4o"}`), code: edgeerr.BridgeImpossible},
		{name: "or for images edits", request: post("/images/edits", `{"model":"o3-mini"}`), code: edgeerr.BridgeImpossible},
		{name: "another method", request: get("/chat/completions"), code: edgeerr.BridgeImpossible},
		{name: "an unknown path", request: post("/chat/completion", first), code: edgeerr.BridgeImpossible},
		{name: "no path", request: get("/"), code: edgeerr.BridgeImpossible},
		{name: "an id of two segments", request: get("/responses/a/b"), code: edgeerr.BridgeImpossible},
		{name: "an unknown operation of a deployment", request: post("/deployments/o3/extensions/chat/completion", "{}"), code: edgeerr.BridgeImpossible},
		{name: "assistants", request: post("/assistants", "{}"), code: edgeerr.BridgeImpossible},
		{name: "realtime", request: get("/realtime?model=gpt-5"), code: edgeerr.BridgeImpossible},
		{name: "videos", request: post("/videos", "{}"), code: edgeerr.BridgeImpossible},
		{name: "responses over WebSocket", request: get("/responses"), code: edgeerr.BridgeImpossible},
		{name: "moderations", request: post("/moderations", "{}"), code: edgeerr.BridgeImpossible},
	}.run(t, table)
}

func TestFromLegacyToV1(t *testing.T) {
	table := newTable(t, Options{To: V1, Models: models})
	const chat = "/openai/v1/chat/completions"
	crossings{
		{name: "the deployment goes into the body", request: post("/openai/deployments/gpt4o-prod/chat/completions?api-version=2024-10-21", `{"messages":[],"model":"gpt4o-prod"}`),
			target: chat, body: `{"messages":[],"model":"gpt-4o"}`},
		{name: "LangChain for Python", request: post("/openai/deployments/o3/chat/completions?api-version=2024-10-21", `{"model": null,"messages":[]}`),
			target: chat, body: `{"model": "o3-mini","messages":[]}`},
		{name: "LangChain for JavaScript", request: post("/openai/deployments/o3/chat/completions?api-version=2024-10-21&x=1", `{"model":"gpt-3.5-turbo","messages":[]}`),
			target: chat + "?x=1", body: `{"model":"o3-mini","messages":[]}`},
		{name: "no model in the body", request: post("/deployments/o3/chat/completions?api-version=2024-10-21", ` {"messages":[{"model":1}]}`),
			target: chat, body: ` {"model":"o3-mini","messages":[{"model":1}]}`},
		{name: "nothing in the body", request: post("/deployments/o3/chat/completions?api-version=2024-10-21", `{ }`), target: chat, body: `{"model":"o3-mini" }`},
		{name: "the right model in the body", request: post("/deployments/gpt-5/embeddings?api-version=2024-10-21", `{"model":"gpt-5"}`), target: "/openai/v1/embeddings"},
		{name: "an escaped name", request: post("/deployments/a%20b%2fc/chat/completions?api-version=1", `{"model":"x"}`), target: chat, body: `{"model":"org/mod l"}`},
		{name: "a form", request: postForm("/deployments/o3/audio/transcriptions?api-version=1", form(`name="model"`, "whisper", `name="file"; filename="a"`, "x")),
			target: "/openai/v1/audio/transcriptions", body: form(`name="model"`, "o3-mini", `name="file"; filename="a"`, "x")},
		{name: "a form without it", request: postForm("/deployments/o3/audio/transcriptions?api-version=1", form(`name="file"; filename="a"`, "x")),
			target: "/openai/v1/audio/transcriptions", body: form(`name="model"`, "o3-mini", `name="file"; filename="a"`, "x")},
		{name: "a form that begins with a line end", request: postForm("/deployments/o3/audio/transcriptions?api-version=1", "\r\n"+form(`name="file"; filename="a"`, "x")),
			target: "/openai/v1/audio/transcriptions", body: form(`name="model"`, "o3-mini", `name="file"; filename="a"`, "x")},
		{name: "responses", request: post("/openai/responses?api-version=2025-03-01-preview", `{"model":"gpt4o-prod"}`), target: "/openai/v1/responses", body: `{"model":"gpt-4o"}`},
		{name: "a response", request: get("/openai/responses/resp_1?api-version=2025-03-01-preview"), target: "/openai/v1/responses/resp_1"},
		{name: "cancel", request: post("/openai/responses/resp_1/cancel?api-version=2025-03-01-preview", "{}"), target: "/openai/v1/responses/resp_1/cancel"},
		{name: "models of the resource", request: get("/openai/models?api-version=2024-10-21"), target: "/openai/v1/models"},
		{name: "files", request: get("/openai/files/file-1?api-version=2024-10-21"), target: "/openai/v1/files/file-1"},
		{name: "what v1 alone has", request: post("/openai/containers?api-version=2024-10-21", "{}"), target: "/openai/v1/containers"},

		{name: "an SDK without deployments in its paths", request: post("/openai/chat/completions?api-version=v1", `{"model":"o3"}`),
			target: chat, body: `{"model":"o3-mini"}`, stray: NoDeployment},
		{name: "responses below a deployment", request: post("/openai/deployments/o3/responses?api-version=v1", `{"input":"x","model":"gpt-4o"}`),
			target: "/openai/v1/responses", body: `{"input":"x","model":"o3-mini"}`, stray: NotBelowDeployment},
		{name: "batches below a deployment", request: post("/openai/deployments/o3/batches?api-version=v1", `{"endpoint":"/chat/completions"}`),
			target: "/openai/v1/batches", stray: NotBelowDeployment},
		{name: "v1 behind a deployment", request: post("/openai/deployments/o3/v1/chat/completions?api-version=1", `{"model":"o3-mini"}`), target: chat, stray: V1BelowDeployment},
		{name: "no api-version", request: post("/openai/deployments/o3/chat/completions", `{"model":"o3-mini"}`), target: chat, stray: NoVersion},
		{name: "AzureOpenAI with a base_url of v1", request: post("/openai/v1/deployments/o3/chat/completions?api-version=1", `{"model":"o3-mini"}`), target: chat, stray: DeploymentOnV1},
		{name: "the word preview", request: post("/openai/deployments/o3/chat/completions?api-version=preview", `{"model":"o3-mini"}`), target: chat},
		{name: "the word latest", request: post("/openai/responses?api-version=latest&x=1", `{"model":"o3-mini"}`), target: "/openai/v1/responses?x=1"},
		{name: "a client of Azure AI Model Inference", request: post("/models/chat/completions?api-version=2025-05-15-preview", `{"model":"gpt4o-prod"}`),
			target: chat, body: `{"model":"gpt-4o"}`, stray: ModelInference},
		{name: "a client that speaks v1", request: post("/openai/v1/responses?api-version=preview", `{"model":"whatever"}`), target: "/openai/v1/responses", stray: AlreadyV1},

		{name: "a deployment that is not in the table", request: post("/openai/deployments/gpt-3/chat/completions?api-version=1", "{}"), code: edgeerr.ModelNotFound},
		{name: "a body that is no JSON", request: post("/openai/deployments/o3/chat/completions?api-version=1", `[]`), code: edgeerr.ModelUnreadable},
		{name: "a body that ends early", request: post("/openai/deployments/o3/chat/completions?api-version=1", `{"a":1`), code: edgeerr.ModelUnreadable},
		{name: "a form that ends early", request: postForm("/openai/deployments/o3/images/edits?api-version=1", "--XX\r\n"), code: edgeerr.ModelUnreadable},
		{name: "another encoding", request: request{method: "POST", path: "/deployments/o3/embeddings", body: "x", encoded: true}, code: edgeerr.BodyEncoded},
		{name: "images submit", request: post("/openai/images/generations:submit?api-version=1", "{}"), code: edgeerr.BridgeImpossible},
		{name: "threads", request: post("/openai/threads/1/runs?api-version=1", "{}"), code: edgeerr.BridgeImpossible},
		{name: "realtime sessions", request: post("/openai/realtimeapi/sessions?api-version=1", "{}"), code: edgeerr.BridgeImpossible},
		{name: "realtime", request: get("/openai/realtime?api-version=1&deployment=x"), code: edgeerr.BridgeImpossible},
	}.run(t, table)
}

func TestASecondModelIsRefusedIfItComesInTime(t *testing.T) {
	for _, body := range []string{`{"model":"gpt-4o","mod\u0065l":"gpt-4o"}`, `{"model":null,"model":"gpt-4o"}`} {
		for _, r := range []request{post("/openai/chat/completions", body), post("/openai/deployments/o3/chat/completions", body)} {
			for _, to := range []string{Legacy, V1} {
				table := newTable(t, Options{To: to, Models: models})
				if got := cross(t, table, r, len(body)).code; r.path == "/openai/chat/completions" || to == V1 {
					if got != edgeerr.ModelUnreadable {
						t.Errorf("to %s, %s %s: got %v", to, r.path, body, got)
					}
				} else if got != edgeerr.None { // the path decides, and nothing is read
					t.Errorf("to %s, %s %s: got %v", to, r.path, body, got)
				}
			}
		}
	}
	table := newTable(t, Options{To: Legacy, Models: models})
	if got := cross(t, table, post("/chat/completions", `{"model":"gpt-4o","model":"x"}`), 17); got.code != edgeerr.None {
		t.Errorf("one that comes behind the first piece is not waited for: got %v", got.code)
	}
}

func TestThePrefixOfTheRouteMayEndInV1(t *testing.T) {
	var c Crossing
	const path = "/openai/v1/deployments/o3/chat/completions"
	err := newTable(t, Options{To: Legacy, Models: models}).Begin(&c, &Request{
		Method: []byte("POST"), Path: []byte(path), Prefix: len("/openai/v1"), Query: []byte("api-version=1"), HasBody: true,
	})
	if got := string(c.AppendPath(nil)); err != nil || c.Stray() != DeploymentOnV1 || got != "/openai/deployments/o3/chat/completions" {
		t.Errorf("got %s, %v, %v", got, c.Stray(), err)
	}
}

func TestATableOfOneModelReadsNothing(t *testing.T) {
	table := newTable(t, Options{To: Legacy, Prefix: "/", Models: map[string]Model{"gpt-5": {APIVersion: "2025-04-01-preview"}}})
	for _, r := range []request{post("/chat/completions", "no JSON"), postForm("/images/edits", "no form"), post("/responses", "no JSON")} {
		got := cross(t, table, r, 1<<20)
		if got.read || got.code != edgeerr.None || got.body != r.body {
			t.Errorf("%s: got %+v", r.path, got)
		}
	}
	if got := cross(t, table, post("/chat/completions", "x"), 1).target; got != "/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview" {
		t.Errorf("without prefix: got %s", got)
	}
}

func TestBeyondTheHeldPart(t *testing.T) {
	long := `{"messages":"` + strings.Repeat("x", 100) + `","model":"gpt-5"}`
	for _, tc := range []struct {
		name, to, fallback string
		request
		code edgeerr.Code
	}{
		{"no default", Legacy, "", post("/chat/completions", long), edgeerr.ModelTooFar},
		{"the default", Legacy, "gpt-4o", post("/chat/completions", long), edgeerr.None},
		{"the default of a form", Legacy, "gpt-4o", postForm("/audio/transcriptions", form(`name="file"; filename="x"`, long, `name="model"`, "gpt-5")), edgeerr.None},
		{"a body in which the name has to be replaced", Legacy, "gpt-4o", post("/responses", long), edgeerr.ModelTooFar},
		{"also towards v1", V1, "", post("/deployments/gpt-5/chat/completions?api-version=1", long), edgeerr.ModelTooFar},
		{"a name in front", Legacy, "", post("/chat/completions", first+strings.Repeat(" ", 100)), edgeerr.None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(t, Options{To: tc.to, Models: models, Default: tc.fallback, BodyHead: 64})
			for _, n := range []int{1, 50, 64} {
				got := cross(t, table, tc.request, n)
				if got.code != tc.code {
					t.Errorf("in pieces of %d: got %v, want %v", n, got.code, tc.code)
				}
				if want := gpt4o + tc.path + v2024; tc.code == edgeerr.None && got.target != want {
					t.Errorf("in pieces of %d: got %s, want %s", n, got.target, want)
				}
			}
		})
	}
}

func TestTheDefaultServesBodiesThatNameNone(t *testing.T) {
	table := newTable(t, Options{To: Legacy, Models: models, Default: "gpt-5"})
	const chat = "/openai/deployments/gpt-5/chat/completions?api-version=2025-04-01-preview"
	const responses = "/openai/responses?api-version=2025-04-01-preview"
	crossings{
		{name: "none", request: post("/chat/completions", `{}`), target: chat},
		{name: "null", request: post("/chat/completions", `{"model":null}`), target: chat},
		{name: "no body", request: post("/chat/completions", ""), target: chat},
		{name: "an empty one", request: post("/chat/completions", `{"model":""}`), target: chat},
		{name: "one that has to be there", request: post("/responses", `{"input":1}`), target: responses, body: `{"model":"gpt-5","input":1}`},
		{name: "null that has to be replaced", request: post("/responses", `{"model":null}`), target: responses, body: `{"model":"gpt-5"}`},
		{name: "not those that name an unknown one", request: post("/chat/completions", `{"model":"x"}`), code: edgeerr.ModelNotFound},
	}.run(t, table)
}

func TestModelsAreAnsweredFromTheTable(t *testing.T) {
	table := newTable(t, Options{To: Legacy, Models: models})
	var list struct {
		Object string
		Data   []struct {
			ID, Object string
			Created    int
			OwnedBy    string `json:"owned_by"`
		}
	}
	answer := cross(t, table, get("/openai/v1/models?a=1"), 1).answer
	if err := json.Unmarshal([]byte(answer), &list); err != nil || list.Object != "list" || len(list.Data) != len(models) {
		t.Fatalf("got %s, %v", answer, err)
	}
	for i, m := range list.Data {
		if _, ok := models[m.ID]; !ok || m.Object != "model" || m.OwnedBy == "" || i > 0 && m.ID <= list.Data[i-1].ID {
			t.Errorf("got %+v", m)
		}
		for _, path := range []string{"/models/" + m.ID, "/v1/models/" + url.PathEscape(m.ID)} {
			one := cross(t, table, get(strings.ReplaceAll(path, " ", "%20")), 1)
			if !strings.Contains(answer, one.answer) || !strings.Contains(one.answer, `"`+m.ID+`"`) {
				t.Errorf("%s: got %+v", path, one)
			}
		}
	}
	for _, tc := range []struct {
		path string
		code edgeerr.Code
	}{{"/models/gpt-3", edgeerr.ModelNotFound}, {"/models/gpt4o-prod", edgeerr.ModelNotFound}, {"/modelsx", edgeerr.BridgeImpossible}} {
		if got := cross(t, table, get(tc.path), 1); got.code != tc.code {
			t.Errorf("%s: got %+v", tc.path, got)
		}
	}
	if got := cross(t, table, request{method: "DELETE", path: "/models/gpt-4o"}, 1).code; got != edgeerr.BridgeImpossible {
		t.Errorf("DELETE: got %v", got)
	}
}
