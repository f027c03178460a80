package usage

import (
	"strings"
	"testing"
)

// said is what an answer says.
type said struct{ in, out, cached, reasoning int64 }

func read(t *Tap, body string, sizes ...int) said {
	for len(body) > 0 {
		n := len(body)
		if len(sizes) > 0 {
			n, sizes = min(max(sizes[0], 1), n), sizes[1:]
		}
		t.Feed([]byte(body[:n]))
		body = body[n:]
	}
	return said{t.Tokens.In(), t.Tokens.Out(), t.Tokens.Cached(), t.Tokens.Reasoning()}
}

// The shapes are those of the types in openai-python 3.52 (src/openai/types: CompletionUsage,
// ResponseUsage, create_embedding_response, images_response, audio/transcription_text_done_event)
// and anthropic-sdk-python (src/anthropic/types/usage.py, message_delta_usage.py).
var answers = []struct {
	name   string
	events bool
	body   string
	want   said
	known  bool
}{
	{"chat completions", false, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"say \"usage\": {\"prompt_tokens\": 7}"},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":4,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","prompt_filter_results":[{"prompt_index":0}]}`, said{19, 10, 8, 4}, true},
	{"embeddings, with the numbers in front", false, "\xef\xbb\xbf {\n  \"usage\": {\"prompt_tokens\": 5, \"total_tokens\": 5},\n  \"data\": [{\"embedding\": [-0.1, 2e-3]}]\n}", said{5, 0, 0, 0}, true},
	{"responses", false, `{"id":"resp_1","object":"response","output":[{"type":"message","usage":{"input_tokens":1}}],"usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":12},"output_tokens":87,"output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}}`, said{36, 87, 12, 64}, true},
	{"responses in the background", false, `{"id":"resp_1","status":"queued","usage":null}`, said{}, false},
	{"a picture", false, `{"created":1,"data":[{"b64_json":"` + strings.Repeat("iVBORw0KGgo+/", 9000) + `"}],"usage":{"total_tokens":100,"input_tokens":50,"output_tokens":50,"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}`, said{50, 50, 0, 0}, true},
	{"a transcript", false, `{"text":"hello","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":45,"total_tokens":59}}`, said{14, 45, 0, 0}, true},
	{"a transcript by the second", false, `{"text":"hello","usage":{"type":"duration","seconds":3}}`, said{}, false},
	{"messages", false, `{"type":"message","content":[],"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":15}}`, said{1125, 15, 1000, 0}, true},
	{"messages, translated", false, `{"usage":{"prompt_tokens":1125,"completion_tokens":15,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"prompt_tokens_details":{"cached_tokens":1000}}}`, said{1125, 15, 1000, 0}, true},
	{"an error", false, `{"statusCode":401,"message":"Access denied"}`, said{}, false},
	{"a list", false, `[{"usage":{"prompt_tokens":1}}]`, said{}, false},
	{"no JSON", false, `usage: {"prompt_tokens":1}`, said{}, false},
	{"nothing", false, ``, said{}, false},
	{"numbers that are none", false, `{"usage":{"prompt_tokens":-1,"completion_tokens":1.5,"input_tokens":1e3,"output_tokens":"12"}}`, said{}, false},
	{"a number beyond belief", false, `{"usage":{"prompt_tokens":1234567890123456}}`, said{}, false},
	{"a number as large as can be", false, `{"usage":{"prompt_tokens":999999999999999}}`, said{in: 999999999999999}, true},
	{"a text with escapes", false, `{"a\"usage":{"b":"\\"},"c":"\\\"usage\":{","usage":{"prompt_tokens":3,"completion_tokens":0}}`, said{3, 0, 0, 0}, true},
	{"usage where a tool has one", false, `{"tools":[{"usage":{"prompt_tokens":3}}],"response":{"a":{"usage":{"prompt_tokens":4}}}}`, said{}, false},

	{"a stream of chat completions", true, "data: {\"choices\":[],\"prompt_filter_results\":[],\"id\":\"\",\"model\":\"\"}\n\n" +
		"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29}}\n\ndata: [DONE]\n\n", said{19, 10, 0, 0}, true},
	{"lines with CR, no spaces, comments", true, ": hi\r\n\r\nevent: x\r\ndata:{\"usage\":{\"prompt_tokens\":1}}\r\n\r\ndata:{\"usage\":\r\ndata: {\"prompt_tokens\":2}}\r\n\r\n", said{2, 0, 0, 0}, true},
	{"each event tells what it was so far", true, "data: {\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":1}}\n\ndata: {\"usage\":{\"prompt_tokens\":19,\"completion_tokens\":2}}\n\n", said{19, 2, 0, 0}, true},
	{"a stream of responses", true, "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"usage\":null}}\n\n" +
		"event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"usage\"}\n\n" +
		"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{}],\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":87,\"output_tokens_details\":{\"reasoning_tokens\":64},\"total_tokens\":123}}}\n\n", said{36, 87, 0, 64}, true},
	{"a response that is not complete", true, "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}}\n\n", said{3, 4, 0, 0}, true},
	{"a stream of messages", true, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\n\n" +
		"event: ping\ndata: {\"type\": \"ping\"}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", said{30, 15, 5, 0}, true},
	{"a transcript in events", true, "data: {\"type\":\"transcript.text.done\",\"text\":\"x\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"output_tokens\":45}}\n\n", said{14, 45, 0, 0}, true},
	{"a stream that was not asked for numbers", true, "data: {\"choices\":[]}\n\ndata: [DONE]\n\n", said{}, false},
	{"fields that are not data", true, "database: {\"usage\":{\"prompt_tokens\":1}}\nid: {\"usage\":{\"prompt_tokens\":1}}\n data: {\"usage\":{\"prompt_tokens\":1}}\n\n", said{}, false},
}

func TestAnswers(t *testing.T) {
	for _, tc := range answers {
		t.Run(tc.name, func(t *testing.T) {
			for _, sizes := range [][]int{nil, ones(len(tc.body)), {1, 2, 3, 5, 7, 11, 13, 17, 19}} {
				var tap Tap
				if tc.events {
					tap.ReadEvents()
				}
				if got := read(&tap, tc.body, sizes...); got != tc.want || tap.Tokens.Known() != tc.known {
					t.Errorf("in pieces of %d...: %+v, known %v; want %+v, %v", append(sizes, 0)[0], got, tap.Tokens.Known(), tc.want, tc.known)
				}
			}
		})
	}
}

func ones(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

// TestATapIsSmall holds that what is kept of a body does not depend on it.
func TestATapIsSmall(t *testing.T) {
	body := []byte(`{"data":[` + strings.Repeat(`{"embedding":[0.1,"\\"]},`, 1000) + `{}],"usage":{"prompt_tokens":5}}`)
	n := testing.AllocsPerRun(10, func() {
		var tap Tap
		tap.Feed(body)
		if tap.Tokens.In() != 5 {
			t.Fatal(tap.Tokens.In())
		}
	})
	if n > 0 {
		t.Errorf("%d bytes allocate %v times, want 0", len(body), n)
	}
}
