package lookalike

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const hello = `{"model":"gpt-4o","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hello <there> & co"}]}`

func TestPaths(t *testing.T) {
	url, client := start(t, Options{})
	notFound := `{ "statusCode": 404, "message": "Resource not found" }`
	for _, tc := range []struct {
		name, method, path string
		wantStatus         int
		want               string // the model of a 200, else the body
	}{
		{"v1", "POST", "/openai/v1/chat/completions", 200, "gpt-4o"},
		{"legacy: the deployment is the model", "POST", "/openai/deployments/team-a/chat/completions?api-version=2024-10-21", 200, "team-a"},
		{"legacy under v1, as AzureOpenAI with base_url makes it", "POST", "/openai/v1/deployments/team-a/chat/completions?api-version=preview", 200, "team-a"},
		{"a deployment with a slash in its name", "POST", "/openai/deployments/a%2Fb/chat/completions?api-version=1", 200, "a/b"},
		{"only v1", "POST", "/v1/chat/completions", 200, "gpt-4o"},
		{"nothing in front", "POST", "/chat/completions", 200, "gpt-4o"},
		{"an API path of the company's own", "POST", "/team/ai/openai/v1/chat/completions", 200, "gpt-4o"},
		{"legacy without api-version", "POST", "/openai/deployments/team-a/chat/completions", 404, `{"error":{"code":"404","message":"Resource not found"}}`},
		{"no such operation", "POST", "/openai/v1/chat", 404, notFound},
		{"another method", "GET", "/openai/v1/chat/completions", 404, notFound},
		{"the root", "GET", "/", 404, notFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := do(t, client, tc.method, url+tc.path, hello)
			if got.status != tc.wantStatus {
				t.Fatalf("got %d, want %d: %s", got.status, tc.wantStatus, got.body)
			}
			if got.status != 200 {
				if got.body != tc.want {
					t.Errorf("got %s, want %s", got.body, tc.want)
				}
				return
			}
			if model := at(t, jsonOf(t, got.body), "model"); model != tc.want {
				t.Errorf("model: got %q, want %q", model, tc.want)
			}
		})
	}
}

func TestBadBodiesAreRefused(t *testing.T) {
	url, client := start(t, Options{})
	for _, tc := range []struct{ name, path, body, want string }{
		{"no JSON", "/v1/chat/completions", "{", "we could not parse the JSON body of your request: unexpected end of JSON input"},
		{"a wrong type", "/v1/chat/completions", `{"model":"m","messages":"x"}`, "invalid type in the JSON body"},
		{"no model", "/v1/embeddings", `{"input":"x"}`, "you must provide a model parameter"},
		{"no form", "/v1/files", "x", "the body is no multipart form"},
		{"too many dimensions", "/v1/embeddings", `{"model":"m","input":"x","dimensions":9999}`, "dimensions: want 1 to 8192, got 9999"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := do(t, client, "POST", url+tc.path, tc.body)
			message, _ := at(t, jsonOf(t, got.body), "error.message").(string)
			if got.status != 400 || !strings.HasPrefix(message, tc.want) {
				t.Errorf("got %d %q, want 400 %q", got.status, message, tc.want)
			}
		})
	}
}

func TestEmbeddings(t *testing.T) {
	url, client := start(t, Options{})
	floats := do(t, client, "POST", url+"/v1/embeddings", `{"model":"m","input":["hi there","you"],"dimensions":4,"encoding_format":"float"}`)
	base := do(t, client, "POST", url+"/v1/embeddings", `{"model":"m","input":"hi there","dimensions":4,"encoding_format":"base64"}`)
	values, _ := at(t, jsonOf(t, floats.body), "data.0.embedding").([]any)
	if len(values) != 4 {
		t.Fatalf("got %d values, want 4: %s", len(values), floats.body)
	}
	raw, err := base64.StdEncoding.DecodeString(at(t, jsonOf(t, base.body), "data.0.embedding").(string))
	if err != nil || len(raw) != 16 {
		t.Fatalf("base64: %d bytes, %v; want 16", len(raw), err)
	}
	var square float64
	for i, v := range values {
		one := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		if math.Abs(one-v.(float64)) > 1e-6 {
			t.Errorf("value %d: base64 says %v, float says %v", i, one, v)
		}
		square += one * one
	}
	if math.Abs(square-1) > 1e-5 {
		t.Errorf("length %v, want a unit vector", square)
	}
	for path, want := range map[string]any{
		"object": "list", "data.1.index": 1.0, "data.1.object": "embedding", "model": "m", "usage.total_tokens": 3.0,
	} {
		if got := at(t, jsonOf(t, floats.body), path); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	plain := do(t, client, "POST", url+"/v1/embeddings", `{"model":"m","input":[[1,2],[3]]}`)
	if n := len(at(t, jsonOf(t, plain.body), "data.1.embedding").([]any)); n != defaultDimensions {
		t.Errorf("default: got %d values, want %d", n, defaultDimensions)
	}
}

func TestModels(t *testing.T) {
	url, client := start(t, Options{})
	list := jsonOf(t, do(t, client, "GET", url+"/openai/v1/models", "").body)
	if at(t, list, "object") != "list" || at(t, list, "data.0.id") != "gpt-4o" || at(t, list, "data.0.object") != "model" {
		t.Errorf("list: got %v", list)
	}
	one := jsonOf(t, do(t, client, "GET", url+"/openai/v1/models/team%2Fmodel", "").body)
	if at(t, one, "id") != "team/model" {
		t.Errorf("retrieve: got %v, want team/model", one)
	}
}

func TestFiles(t *testing.T) {
	url, client := start(t, Options{})
	content := strings.Repeat("a line of a file\n", 50_000)
	var form strings.Builder
	w := multipart.NewWriter(&form)
	_ = w.WriteField("purpose", "assistants")
	part, err := w.CreateFormFile("file", "notes.txt")
	testkit.Must(t, err)
	_, _ = part.Write([]byte(content))
	_ = w.Close()

	up := do(t, client, "POST", url+"/openai/v1/files", form.String(), "Content-Type: "+w.FormDataContentType())
	file := jsonOf(t, up.body)
	for path, want := range map[string]any{
		"object": "file", "bytes": float64(len(content)), "filename": "notes.txt",
		"purpose": "assistants", "status": "processed", "sha256": sha(content),
	} {
		if got := at(t, file, path); got != want {
			t.Errorf("%s: got %v, want %v", path, got, want)
		}
	}
	if got := up.head.Get("x-lookalike-body-sha256"); got != sha(form.String()) {
		t.Errorf("x-lookalike-body-sha256: got %s, want that of the whole form", got)
	}
	one := url + "/openai/v1/files/" + file["id"].(string)
	if got := do(t, client, "GET", one, ""); got.body != up.body {
		t.Errorf("retrieve: got %s, want %s", got.body, up.body)
	}
	if got := do(t, client, "DELETE", one, ""); at(t, jsonOf(t, got.body), "deleted") != true {
		t.Errorf("delete: got %s", got.body)
	}
	if got := do(t, client, "GET", one, ""); got.status != 404 {
		t.Errorf("after delete: got %d, want 404", got.status)
	}
	if got := do(t, client, "GET", url+"/openai/v1/files", ""); len(at(t, jsonOf(t, got.body), "data").([]any)) != 0 {
		t.Errorf("list after delete: got %s, want none", got.body)
	}
}
