package lookalike

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestChatCompletion(t *testing.T) {
	url, client := start(t, Options{PrimaryKey: testKey})
	got := do(t, client, "POST", url+"/openai/v1/chat/completions", hello, "api-key: "+testKey)
	body := jsonOf(t, got.body)
	for path, want := range map[string]any{
		"object": "chat.completion", "model": "gpt-4o", "choices.0.index": 0.0,
		"choices.0.finish_reason": "stop", "choices.0.message.role": "assistant",
		"choices.0.message.refusal": nil, "usage.prompt_tokens": 4.0,
	} {
		if v := at(t, body, path); v != want {
			t.Errorf("%s: got %v, want %v", path, v, want)
		}
	}
	content := at(t, body, "choices.0.message.content").(string)
	if !strings.HasPrefix(content, "You said: hello <there> & co\n") || !strings.Contains(content, "in the field api-key") {
		t.Errorf("content: got %q", content)
	}
	if got.head.Get("x-lookalike-body-sha256") != sha(hello) || got.head.Get("x-lookalike-answer-sha256") != sha(got.body) {
		t.Errorf("digests do not fit the bodies: %v", got.head)
	}
}

func TestChatStream(t *testing.T) {
	url, client := start(t, Options{})
	body := strings.Replace(hello, "{", `{"stream":true,"stream_options":{"include_usage":true},`, 1)
	got := do(t, client, "POST", url+"/openai/v1/chat/completions", body)
	if ct := got.head.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") || got.err != nil {
		t.Fatalf("got Content-Type %q, error %v", ct, got.err)
	}
	all := events(t, got.body)
	n := len(all)
	if all[n-1].data != "[DONE]" {
		t.Fatalf("last event: got %q, want [DONE]", all[n-1].data)
	}
	if role := at(t, jsonOf(t, all[0].data), "choices.0.delta.role"); role != "assistant" {
		t.Errorf("first event: got role %v", role)
	}
	var content strings.Builder
	for _, e := range all[1 : n-3] {
		chunk := jsonOf(t, e.data)
		if at(t, chunk, "object") != "chat.completion.chunk" || at(t, chunk, "usage") != nil || at(t, chunk, "choices.0.finish_reason") != nil {
			t.Errorf("chunk: got %v", chunk)
		}
		content.WriteString(at(t, chunk, "choices.0.delta.content").(string))
	}
	if !strings.HasPrefix(content.String(), "You said: hello <there> & co\n") {
		t.Errorf("content: got %q", content.String())
	}
	if reason := at(t, jsonOf(t, all[n-3].data), "choices.0.finish_reason"); reason != "stop" {
		t.Errorf("finish_reason: got %v, want stop", reason)
	}
	if out := at(t, jsonOf(t, all[n-2].data), "usage.completion_tokens"); out != float64(n-4) {
		t.Errorf("usage: got %v completion tokens, want %d", out, n-4)
	}
	if got.head.Get("x-lookalike-answer-sha256") != sha(got.body) {
		t.Error("x-lookalike-answer-sha256 is not that of the stream")
	}
}

func TestWishedEvents(t *testing.T) {
	url, client := start(t, Options{EventInterval: time.Hour})
	body := strings.Replace(hello, "{", `{"stream":true,`, 1)
	got := do(t, client, "POST", url+"/v1/chat/completions", body, "x-lookalike-events: 10000", "x-lookalike-interval: 0s")
	if n := len(events(t, got.body)); n != 10_003 || got.head.Get("x-lookalike-answer-sha256") != sha(got.body) {
		t.Errorf("got %d events, want role + 10,000 + finish + [DONE] that fit the digest", n)
	}
	for _, bad := range []string{"x-lookalike-events: 0", "x-lookalike-interval: 20", "x-lookalike-fault: none-such"} {
		got := do(t, client, "POST", url+"/v1/chat/completions", hello, bad)
		name, _, _ := strings.Cut(bad, ":")
		if got.status != 400 || !strings.Contains(got.body, name) {
			t.Errorf("%s: got %d %s, want 400 that names it", bad, got.status, got.body)
		}
	}
}

func TestCompletions(t *testing.T) {
	url, client := start(t, Options{})
	got := jsonOf(t, do(t, client, "POST", url+"/v1/completions", `{"model":"m","prompt":["once upon"]}`).body)
	if text, _ := at(t, got, "choices.0.text").(string); !strings.HasPrefix(text, "You said: once upon\n") || at(t, got, "object") != "text_completion" {
		t.Errorf("got %v", got)
	}
	all := events(t, do(t, client, "POST", url+"/v1/completions", `{"model":"m","prompt":"x","stream":true}`).body)
	if n := len(all); all[n-1].data != "[DONE]" || at(t, jsonOf(t, all[n-2].data), "choices.0.finish_reason") != "stop" {
		t.Errorf("stream ends with %v", all[n-2:])
	}
}

func TestResponses(t *testing.T) {
	url, client := start(t, Options{})
	for _, tc := range []struct{ name, input string }{
		{"a text", `"good morning"`},
		{"a list of items", `[{"role":"user","content":"first"},{"type":"message","role":"user","content":[{"type":"input_text","text":"good morning"}]}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := jsonOf(t, do(t, client, "POST", url+"/openai/v1/responses", `{"model":"m","input":`+tc.input+`}`).body)
			for path, want := range map[string]any{
				"object": "response", "status": "completed", "output.0.type": "message",
				"output.0.content.0.type": "output_text", "usage.input_tokens": 2.0,
			} {
				if v := at(t, got, path); v != want {
					t.Errorf("%s: got %v, want %v", path, v, want)
				}
			}
			if text, _ := at(t, got, "output.0.content.0.text").(string); !strings.HasPrefix(text, "You said: good morning\n") {
				t.Errorf("text: got %q", text)
			}
		})
	}
}

func TestResponsesStream(t *testing.T) {
	url, client := start(t, Options{})
	all := events(t, do(t, client, "POST", url+"/openai/v1/responses", `{"model":"m","input":"good morning","stream":true}`).body)
	var kinds []string
	var text strings.Builder
	for i, e := range all {
		data := jsonOf(t, e.data)
		if at(t, data, "type") != e.name || at(t, data, "sequence_number") != float64(i) {
			t.Errorf("event %d %q: got %s", i, e.name, e.data)
		}
		if e.name == "response.output_text.delta" {
			text.WriteString(at(t, data, "delta").(string))
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.name {
			kinds = append(kinds, e.name)
		}
	}
	want := "response.created response.in_progress response.output_item.added response.content_part.added " +
		"response.output_text.delta response.output_text.done response.content_part.done " +
		"response.output_item.done response.completed"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("events\n got %s\nwant %s", got, want)
	}
	last := jsonOf(t, all[len(all)-1].data)
	if at(t, last, "response.output.0.content.0.text") != text.String() {
		t.Error("the completed response is not what the deltas said")
	}
}

// The pauses themselves are not timed here: only their order and ratio count.
func TestSlowReasoningPauses(t *testing.T) {
	s := New(Options{ReasoningPause: 2 * time.Second, EventInterval: time.Millisecond})
	x := &exchange{s: s, model: slowReasoning}
	if first, next := x.pause(0), x.pause(1); first != 2*time.Second || next != time.Second {
		t.Errorf("got %v and %v, want 2s and 1s", first, next)
	}
	x = &exchange{s: s, model: "gpt-4o", wish: wish{interval: time.Millisecond}}
	if first, next := x.pause(0), x.pause(1); first != 0 || next != time.Millisecond {
		t.Errorf("got %v and %v, want 0 and 1ms", first, next)
	}
}

// What the demo says of slow-reasoning is what its stream does.
func TestFirstWordIsWhenTheFirstWordComes(t *testing.T) {
	s := New(Options{ReasoningPause: 2 * time.Second})
	x := &exchange{s: s, model: slowReasoning}
	var waited time.Duration
	events := 0
	for frame := range chatEvents(object{}, x.words("Hello"), object{}, false) {
		waited += x.pause(events)
		events++
		if bytes.Contains(frame, []byte("You said: Hello")) {
			break
		}
	}
	if got := s.FirstWord(); got != waited || events != 2 {
		t.Errorf("FirstWord() = %v; the first word is event %d, after %v", got, events, waited)
	}
}

func TestDepartureIsSeen(t *testing.T) {
	for _, tc := range []struct{ name, model string }{
		{"between events", "gpt-4o"},
		{"before the first event", slowReasoning},
		{"before the head", "hang"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			arrived, ended := make(chan Request, 1), make(chan End, 1)
			url, client := start(t, Options{
				EventInterval: time.Hour, ReasoningPause: time.Hour,
				OnRequest: func(r Request) { arrived <- r }, OnEnd: func(e End) { ended <- e },
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body := `{"model":"` + tc.model + `","stream":true,"messages":[]}`
			req, err := http.NewRequestWithContext(ctx, "POST", url+"/v1/chat/completions", strings.NewReader(body))
			testkit.Must(t, err)
			wantEvents := 0
			if tc.model == "gpt-4o" {
				resp, err := client.Do(req)
				testkit.Must(t, err)
				defer resp.Body.Close()
				if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				wantEvents = 1
			} else {
				go func() {
					if resp, err := client.Do(req); err == nil {
						resp.Body.Close()
					}
				}()
			}
			id := (<-arrived).ID
			cancel()
			if got := <-ended; !got.Left || got.Events != wantEvents || got.ID != id {
				t.Errorf("got %+v, want left after %d events", got, wantEvents)
			}
		})
	}
}
