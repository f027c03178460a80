package lookalike

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type responsesRequest struct {
	Input        json.RawMessage `json:"input"`
	Instructions *string         `json:"instructions"`
	Stream       bool            `json:"stream"`
}

func (x *exchange) responses() answer {
	var req responsesRequest
	if refusal := x.decode(&req); refusal != nil {
		return *refusal
	}
	prompt := inputText(req.Input)
	out := response{
		id: "resp_" + guid(), itemID: "msg_" + guid(), model: x.model,
		instructions: req.Instructions, created: time.Now().Unix(),
		promptTokens: countTokens(prompt), words: x.words(prompt),
	}
	if req.Stream {
		return x.stream(out.events())
	}
	return jsonAnswer(http.StatusOK, out.whole())
}

// inputText is what the user said last: the input itself, or the last message
// of the user in a list of items.
func inputText(raw json.RawMessage) string {
	var items []message
	if json.Unmarshal(raw, &items) == nil {
		return lastUserText(items)
	}
	return textOf(raw)
}

// response is one answer of the responses operation.
type response struct {
	id, itemID, model string
	instructions      *string
	created           int64
	promptTokens      int
	words             []string
}

func (o response) text() string { return strings.Join(o.words, "") }

// envelope is the response object in one of its states.
func (o response) envelope(status string, output []object, usage any) object {
	return object{
		"id": o.id, "object": "response", "created_at": o.created, "status": status,
		"background": false, "error": nil, "incomplete_details": nil,
		"instructions": o.instructions, "max_output_tokens": nil, "model": o.model,
		"output": output, "parallel_tool_calls": true, "previous_response_id": nil,
		"reasoning": object{"effort": nil, "summary": nil}, "store": false,
		"temperature": 1.0, "text": object{"format": object{"type": "text"}},
		"tool_choice": "auto", "tools": []object{}, "top_p": 1.0,
		"truncation": "disabled", "usage": usage, "metadata": object{},
	}
}

func (o response) whole() object {
	return o.envelope("completed", []object{o.item("completed", []object{o.part(o.text())})}, object{
		"input_tokens": o.promptTokens, "output_tokens": len(o.words),
		"total_tokens":          o.promptTokens + len(o.words),
		"input_tokens_details":  object{"cached_tokens": 0, "cache_write_tokens": 0},
		"output_tokens_details": object{"reasoning_tokens": 0},
	})
}

func (o response) item(status string, content []object) object {
	return object{"id": o.itemID, "type": "message", "status": status, "role": "assistant", "content": content}
}

func (o response) part(text string) object {
	return object{"type": "output_text", "text": text, "annotations": []object{}, "logprobs": []object{}}
}

// events is the documented order: the response opens, its item opens, its part
// opens, the text comes, and all three close again.
func (o response) events() func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		sequence := 0
		send := func(kind string, data object) bool {
			data["type"], data["sequence_number"] = kind, sequence
			sequence++
			return yield(event(kind, data))
		}
		within := func(more object) object {
			return with(object{"item_id": o.itemID, "output_index": 0, "content_index": 0}, more)
		}
		for _, step := range []struct {
			kind string
			data object
		}{
			{"response.created", object{"response": o.envelope("in_progress", []object{}, nil)}},
			{"response.in_progress", object{"response": o.envelope("in_progress", []object{}, nil)}},
			{"response.output_item.added", object{"output_index": 0, "item": o.item("in_progress", []object{})}},
			{"response.content_part.added", within(object{"part": o.part("")})},
		} {
			if !send(step.kind, step.data) {
				return
			}
		}
		for _, word := range o.words {
			if !send("response.output_text.delta", within(object{"delta": word, "logprobs": []object{}})) {
				return
			}
		}
		text := o.text()
		_ = send("response.output_text.done", within(object{"text": text, "logprobs": []object{}})) &&
			send("response.content_part.done", within(object{"part": o.part(text)})) &&
			send("response.output_item.done", object{"output_index": 0, "item": o.item("completed", []object{o.part(text)})}) &&
			send("response.completed", object{"response": o.whole()})
	}
}
