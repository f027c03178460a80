// Package usage reads how many tokens a model has used from the answer that says so: a
// JSON body or an event stream, as it passes. It is pure: bytes in, numbers out. It keeps
// no byte of a body but the name under way, whatever the body's size, and takes pieces
// that end anywhere.
//
// The answers are those of OpenAI's API in both shapes of Azure (chat completions,
// completions, embeddings, responses, images, transcripts) and Anthropic's messages:
//
//	{"usage": {"prompt_tokens": 9, "completion_tokens": 12}}      chat completions
//	data: {"choices": [], "usage": {"prompt_tokens": 9, ...}}     its last event
//	data: {"type": "response.completed", "response": {"usage": {"input_tokens": 9, ...}}}
//	data: {"type": "message_start", "message": {"usage": {"input_tokens": 9, ...}}}
//
// What it does not know is passed over. Nothing here can fail.
package usage
