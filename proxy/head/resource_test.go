package head

import (
	"strings"
	"testing"
)

func TestNamesResource(t *testing.T) {
	for path, want := range map[string]bool{
		"/openai/v1/chat/completions":                          false,
		"/openai/deployments/gpt-4o/chat/completions":          false,
		"/openai/v1/responses":                                 false,
		"/openai/v1/responses/":                                false,
		"/openai/v1/responses/compact":                         false,
		"/openai/v1/responses/input_tokens":                    false,
		"/openai/v1/responses/resp_1":                          true,
		"/openai/responses/resp_1/cancel":                      true,
		"/openai/responses/resp_1/input_items":                 true,
		"/openai/v1/chat/completions/chatcmpl-1":               true,
		"/openai/v1/files":                                     true,
		"/openai/v1/files/file-1/content":                      true,
		"/v1/batches/batch_1":                                  true,
		"/openai/threads/t/runs":                               true,
		"/openai/v1/vector_stores/vs_1/files":                  true,
		"/openai/v1/video/generations/jobs/1":                  true,
		"/openai/v1/embeddings":                                false,
		"/openai/v1/models/my-files":                           false,
		"/openai/deployments/a%2Ffiles/audio/transcriptions":   false,
		"/openai/v1/realtime":                                  false,
		"/":                                                    false,
		"":                                                     false,
		"//files//":                                            true,
		"/openai/deployments/responses/chat/completions":       true, // a deployment of that name: it stays, no more
		"/openai/deployments/completions-model/embeddings":     false,
		"/openai/v1/images/edits":                              false,
		"/openai/v1/fine_tuning/jobs/ft-1/checkpoints?after=1": true,
	} {
		if got := NamesResource([]byte(path)); got != want {
			t.Errorf("NamesResource(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestNamesID(t *testing.T) {
	long := strings.Repeat(`a_id "b" _ids `, 1000)
	for body, want := range map[string]bool{
		``:                          false,
		`{"model":"m","input":"x"}`: false,
		`{"model":"m","previous_response_id":"resp_1"}`:                                      true,
		`{"previous_response_id" : "resp_1"`:                                                 true,
		"{\"previous_response_id\"\n:\t\"r\"}":                                               true,
		`{"previous_response_id":null,"input":"x"}`:                                          false,
		`{"previous_response_id": null}`:                                                     false,
		`{"input":"say \"previous_response_id\":\"resp_1\""}`:                                false,
		`{"input":"previous_response_id"}`:                                                   false,
		`{"input":[{"content":[{"type":"input_file","file_id":"file-1"}]}]}`:                 true,
		`{"tools":[{"type":"file_search","vector_store_ids":["vs_1"]}]}`:                     true,
		`{"tools":[{"type":"file_search","vector_store_ids":[]}]}`:                           false,
		`{"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}`:                false,
		`{"tools":[{"type":"code_interpreter","container":"cntr_1"}]}`:                       true,
		`{"conversation":"conv_1"}`:                                                          true,
		`{"conversation":{"id":"conv_1"}}`:                                                   true,
		`{"conversation":null}`:                                                              false,
		`{"input":"conversation"}`:                                                           false,
		`{"user_id":"u","safety_id":"s"}`:                                                    false,
		`{"input":"` + strings.ReplaceAll(long, `"`, `\"`) + `"}`:                            false,
		`{"input":"` + strings.ReplaceAll(long, `"`, `\"`) + `","previous_response_id":"r"}`: true,
		`_id`:                      false,
		`_id"`:                     false,
		`"file_id"`:                false,
		`"file_id":`:               false,
		`"container":`:             false,
		`"previous_response_id":"`: true,
	} {
		if got := NamesID([]byte(body)); got != want {
			t.Errorf("NamesID(%.80q) = %v, want %v", body, got, want)
		}
	}
}

// FuzzNamesID holds that no body harms it.
func FuzzNamesID(f *testing.F) {
	for _, seed := range []string{`{"previous_response_id":"r"}`, `"container":"`, `_id"_id`, `"conversation"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, body []byte) {
		NamesID(body)
	})
}

func BenchmarkNamesID(b *testing.B) {
	body := []byte(`{"messages":[{"role":"user","content":"` + strings.Repeat(`lorem ipsum \"dolor_id\" `, 650) + `"}],"model":"gpt-4o"}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		NamesID(body)
	}
}
