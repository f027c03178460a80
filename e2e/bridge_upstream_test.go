//go:build e2e

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
)

// bothShapes is an upstream that has both shapes of the API, and is strict about each as
// Azure is: a legacy path needs a version and a deployment that is there, one of v1 has
// no version and a model that is there. It records each case's target and model.
type bothShapes struct {
	mu    sync.Mutex
	asked map[string][2]string
}

// asked is what a request says.
type asked struct {
	model  string
	stream bool
	file   string // how long the file of a form is, and its hash
}

func (b *bothShapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	said, err := readAsked(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	b.asked[r.Header.Get("x-e2e-case")] = [2]string{r.URL.RequestURI(), said.model}
	b.mu.Unlock()
	if fault := faultOfShape(r, said.model); fault != "" {
		http.Error(w, fault, http.StatusBadRequest)
		return
	}
	_, operation, _ := strings.Cut(strings.NewReplacer("/openai/v1", "/openai", "/deployments/five", "").Replace(r.URL.Path), "/openai")
	answer := answerOf(r.Method+" "+operation, said)
	w.Header().Set("Content-Type", map[bool]string{true: "text/event-stream", false: "application/json"}[said.stream])
	_, _ = io.WriteString(w, answer)
}

func readAsked(r *http.Request) (said asked, err error) {
	if reader, err := r.MultipartReader(); err == nil {
		return readForm(reader)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || len(body) == 0 {
		return said, err
	}
	var fields struct {
		Model  string
		Stream bool
	}
	err = json.Unmarshal(body, &fields)
	return asked{model: fields.Model, stream: fields.Stream}, err
}

func readForm(form *multipart.Reader) (said asked, err error) {
	for {
		part, err := form.NextPart()
		if err != nil {
			return said, ignoreEOF(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return said, err
		}
		switch {
		case part.FileName() != "":
			sum := sha256.Sum256(content)
			said.file = fmt.Sprintf("%d bytes %x", len(content), sum[:8])
		case part.FormName() == "model" && said.model != "":
			return said, fmt.Errorf("model is there twice")
		case part.FormName() == "model":
			said.model = string(content)
		}
	}
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// faultOfShape says what Azure would not accept.
func faultOfShape(r *http.Request, model string) string {
	version := r.URL.Query().Get("api-version")
	_, deployed, deep := strings.Cut(r.URL.Path, "/deployments/")
	switch v1 := strings.HasPrefix(r.URL.Path, "/openai/v1/"); {
	case v1 && version != "":
		return "api-version query parameter is not allowed when using /v1 path"
	case v1 && model != "" && model != "gpt-5":
		return "unknown_model"
	case !v1 && version != "2025-04-01-preview":
		return "Resource not found"
	case deep && !strings.HasPrefix(deployed, "five/"):
		return "DeploymentNotFound"
	}
	return ""
}

// answerOf returns the least that SDKs take for an answer.
func answerOf(operation string, said asked) string {
	const completion = `{"id":"c","object":"chat.completion%s","created":1,"model":"x","choices":[{"index":0,"%s":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`
	const response = `{"id":"resp_1","object":"response","created_at":1,"model":"x","status":"completed","parallel_tool_calls":false,"tool_choice":"auto","tools":[],` +
		`"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}},` +
		`"output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hello","annotations":[]}]}]}`
	switch operation {
	case "POST /chat/completions":
		if said.stream {
			return "data: " + fmt.Sprintf(completion, ".chunk", "delta") + "\n\ndata: [DONE]\n\n"
		}
		return fmt.Sprintf(completion, "", "message")
	case "POST /responses":
		if said.stream {
			return responseEvents(response)
		}
		return response
	case "POST /embeddings":
		return `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"x","usage":{"prompt_tokens":1,"total_tokens":1}}`
	case "POST /audio/transcriptions":
		return `{"text":"` + said.file + `"}`
	case "POST /images/edits":
		return `{"created":1,"data":[{"b64_json":"` + said.file + `"}]}`
	case "GET /models":
		return `{"object":"list","data":[{"id":"gpt-4o","object":"model","created":1,"owned_by":"x"},{"id":"gpt-5","object":"model","created":1,"owned_by":"x"}]}`
	}
	item := `{"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","input_file_id":"file-1","completion_window":"24h","status":"validating","created_at":1}`
	if strings.HasSuffix(operation, "/files") {
		item = `{"id":"file-1","object":"file","bytes":2,"created_at":1,"filename":"lines.jsonl","purpose":"batch","status":"processed"}`
	}
	if strings.HasPrefix(operation, "GET ") {
		return `{"object":"list","data":[` + item + `],"has_more":false}`
	}
	return item
}

// responseEvents streams one piece of text.
func responseEvents(response string) (all string) {
	for n, event := range []string{
		`{"type":"response.created","response":` + strings.Replace(response, "completed", "in_progress", 1) + `,"sequence_number":%d}`,
		`{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","status":"in_progress","role":"assistant","content":[]},"sequence_number":%d}`,
		`{"type":"response.content_part.added","item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]},"sequence_number":%d}`,
		`{"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"hello","logprobs":[],"sequence_number":%d}`,
		`{"type":"response.output_text.done","item_id":"msg_1","output_index":0,"content_index":0,"text":"hello","logprobs":[],"sequence_number":%d}`,
		`{"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hello","annotations":[]}]},"sequence_number":%d}`,
		`{"type":"response.completed","response":` + response + `,"sequence_number":%d}`,
	} {
		name, _, _ := strings.Cut(strings.TrimPrefix(event, `{"type":"`), `"`)
		all += "event: " + name + "\ndata: " + fmt.Sprintf(event, n) + "\n\n"
	}
	return all
}
