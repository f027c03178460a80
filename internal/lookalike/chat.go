package lookalike

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type chatRequest struct {
	Messages      []message     `json:"messages"`
	Stream        bool          `json:"stream"`
	StreamOptions streamOptions `json:"stream_options"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

func (x *exchange) chatCompletions() answer {
	var req chatRequest
	if refusal := x.decode(&req); refusal != nil {
		return *refusal
	}
	prompt := lastUserText(req.Messages)
	words := x.words(prompt)
	usage := chatUsage(prompt, words)
	head := object{
		"id": "chatcmpl-" + guid(), "created": time.Now().Unix(),
		"model": x.model, "system_fingerprint": "fp_lookalike",
	}
	if req.Stream {
		return x.stream(chatEvents(head, words, usage, req.StreamOptions.IncludeUsage))
	}
	return jsonAnswer(http.StatusOK, with(head, object{
		"object": "chat.completion",
		"choices": []object{{
			"index": 0, "finish_reason": "stop", "logprobs": nil,
			"message": object{
				"role": "assistant", "content": strings.Join(words, ""),
				"refusal": nil, "annotations": []object{},
			},
		}},
		"usage": usage,
	}))
}

// chatEvents is the order of OpenAI: role, one event per word, finish reason,
// usage where it was asked for, [DONE].
func chatEvents(head object, words []string, usage object, includeUsage bool) func(func([]byte) bool) {
	chunk := func(choices []object, chunkUsage any) []byte {
		data := with(head, object{"object": "chat.completion.chunk", "choices": choices})
		if includeUsage {
			data["usage"] = chunkUsage // null but for the last one
		}
		return event("", data)
	}
	choice := func(delta object, finish any) []object {
		return []object{{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": finish}}
	}
	return func(yield func([]byte) bool) {
		if !yield(chunk(choice(object{"role": "assistant", "content": "", "refusal": nil}, nil), nil)) {
			return
		}
		for _, word := range words {
			if !yield(chunk(choice(object{"content": word}, nil), nil)) {
				return
			}
		}
		if !yield(chunk(choice(object{}, "stop"), nil)) {
			return
		}
		if includeUsage && !yield(chunk([]object{}, usage)) {
			return
		}
		yield(doneEvent)
	}
}

func chatUsage(prompt string, words []string) object {
	in, out := countTokens(prompt), len(words)
	return object{
		"prompt_tokens": in, "completion_tokens": out, "total_tokens": in + out,
		"prompt_tokens_details":     object{"cached_tokens": 0, "audio_tokens": 0},
		"completion_tokens_details": object{"reasoning_tokens": 0, "audio_tokens": 0},
	}
}

type completionRequest struct {
	Prompt        json.RawMessage `json:"prompt"`
	Stream        bool            `json:"stream"`
	StreamOptions streamOptions   `json:"stream_options"`
}

// completions is the operation that chat completions replaced.
func (x *exchange) completions() answer {
	var req completionRequest
	if refusal := x.decode(&req); refusal != nil {
		return *refusal
	}
	prompt := strings.Join(promptTexts(req.Prompt), "\n")
	words := x.words(prompt)
	usage := chatUsage(prompt, words)
	head := object{
		"id": "cmpl-" + guid(), "object": "text_completion",
		"created": time.Now().Unix(), "model": x.model,
	}
	choice := func(text string, finish any) []object {
		return []object{{"index": 0, "text": text, "logprobs": nil, "finish_reason": finish}}
	}
	if !req.Stream {
		return jsonAnswer(http.StatusOK, with(head, object{
			"choices": choice(strings.Join(words, ""), "stop"), "usage": usage,
		}))
	}
	return x.stream(func(yield func([]byte) bool) {
		for _, word := range words {
			if !yield(event("", with(head, object{"choices": choice(word, nil)}))) {
				return
			}
		}
		last := object{"choices": choice("", "stop")}
		if req.StreamOptions.IncludeUsage {
			last["usage"] = usage
		}
		if yield(event("", with(head, last))) {
			yield(doneEvent)
		}
	})
}

// promptTexts reads a prompt or an embedding input: one text, a list of texts,
// or tokens as numbers, which are kept as they were written.
func promptTexts(raw json.RawMessage) []string {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil {
		return many
	}
	var lists [][]int
	if json.Unmarshal(raw, &lists) != nil {
		return []string{string(raw)}
	}
	for _, list := range lists {
		text, _ := json.Marshal(list) // integers always marshal
		many = append(many, string(text))
	}
	return many
}

// with returns the members of both; those of more win.
func with(base, more object) object {
	out := make(object, len(base)+len(more))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}
