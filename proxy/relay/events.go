package relay

import "bytes"

// Events counts the server-sent events in the data of one body and remembers
// whether the last one said that the stream is complete. It looks at bytes that
// are on their way anyway and changes none.
//
// The format is that of "Interpreting an event stream" in the HTML standard, as far as
// it is needed: events end with an empty line, a colon begins a comment, one space
// behind the colon of a field is no part of its value, and a byte-order mark may stand
// in front of all. A line ends with LF here, with or without CR in front of it: in a
// stream that ends its lines with CR alone, no event is seen.
type Events struct {
	// Count is the number of events that are complete.
	Count int64
	// Final tells that the last event that is complete was one that ends a stream. An
	// event that follows takes it back.
	Final bool

	api knowledge // of the API whose events these are
	// fields, told and closing are of the event under way, and false between two.
	fields  bool // it has a field
	told    bool // and has said what it is
	closing bool // namely the last one
	marked  bool // the first line has been looked at for a byte-order mark
	// length is that of the line that is not complete, as far as it is kept or one
	// more; 0: no byte of it has come.
	length int32
	kept   [44]byte // its start: as long as the longest name in the table needs
}

// knowledge is what the edge knows of the API of a stream. It is only ever raised.
type knowledge uint8

const (
	unsaid   knowledge = iota // no event has said anything yet
	foreign                   // none so far is one that the edge knows
	familiar                  // how a stream of this API ends is known
)

// apis are the streams whose end is known: by the names of their events, which stand
// in a line of their own or as the first member of the data. final are the events
// that end one; an error ends any.
//
// Sources: openapi.yaml in openai/openai-openapi of 2026-08-21 (components/schemas:
// ResponseStreamEvent and BetaResponseStreamEvent, AssistantStreamEvent with its DoneEvent,
// CreateSpeechResponseStreamEvent, CreateTranscriptionResponseStreamEvent,
// ImageGenStreamEvent, ImageEditStreamEvent: these and chat completions are all that it
// answers with text/event-stream, or by events); the same names stand in openai/openai-python
// below src/openai/types. For messages: src/anthropic/types/raw_message_stream_event.py in
// anthropics/anthropic-sdk-python of 2026-08-07.
var apis = []struct {
	family string
	final  []string
}{
	{"response.", []string{"response.completed", "response.incomplete", "response.failed"}},
	{"message_", []string{"message_stop"}},
	{"content_block_", nil}, // of the same stream
	{"thread.", nil},        // ends with done
	{"done", []string{"done"}},
	{"speech.audio.", []string{"speech.audio.done"}},
	{"transcript.text.", []string{"transcript.text.done"}},
	{"image_generation.", []string{"image_generation.completed"}},
	{"image_edit.", []string{"image_edit.completed"}},
}

// Chat completions and completions have events without a name, whose data is of
// these kinds alone: the last one is [DONE] (ChatCompletionStreamOptions and
// CreateCompletionRequest in openapi.yaml, src/openai/_streaming.py in openai/openai-python).
// JSON-RPC (the Model Context Protocol) has such events too, and no last one.
const (
	lastData  = "[DONE]"
	errorData = `{"error":`
	typeData  = `{"type":`
	rpcData   = `{"jsonrpc":`
)

// Feed takes the next bytes of the body.
func (e *Events) Feed(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			e.keep(p)
			return
		}
		if e.length == 0 {
			e.line(p[:end])
		} else {
			e.keep(p[:end])
			e.line(e.kept[:min(int(e.length), len(e.kept))])
		}
		e.length = 0
		p = p[end+1:]
	}
}

// keep takes a piece of a line that is not complete. Only its start is kept, so that a
// line costs the same memory however long it is: what an event says of itself stands
// at the beginning.
func (e *Events) keep(p []byte) {
	if int(e.length) < len(e.kept) {
		copy(e.kept[e.length:], p)
	}
	e.length = int32(min(int(e.length)+len(p), len(e.kept)+1)) //nolint:gosec // 45 at most
}

// line takes a complete line, or what is kept of it.
func (e *Events) line(line []byte) {
	if !e.marked {
		e.marked = true
		line = bytes.TrimPrefix(line, byteOrderMark)
	}
	if len(line) == 0 || len(line) == 1 && line[0] == '\r' {
		if e.fields {
			e.Count++
			e.Final = e.closing
		}
		e.fields, e.told, e.closing = false, false, false
		return
	}
	if line[0] == ':' {
		return // a comment
	}
	e.fields = true
	switch {
	case line[0] == 'd' && hasPrefix(line, "data:"):
		e.data(trimSpace(line[len("data:"):]))
		e.told = true
	case line[0] == 'e' && hasPrefix(line, "event:"):
		e.told = true
		e.name(bytes.TrimSuffix(trimSpace(line[len("event:"):]), []byte{'\r'}))
	}
}

// A stream may begin with one, which is no part of the first field's name.
var byteOrderMark = []byte("\xef\xbb\xbf")

func hasPrefix(p []byte, prefix string) bool {
	return len(p) >= len(prefix) && string(p[:len(prefix)]) == prefix
}

func trimSpace(value []byte) []byte { return bytes.TrimPrefix(value, []byte{' '}) }

// data takes a line of data. Where the event has no name, its first one tells what
// it is.
func (e *Events) data(value []byte) {
	switch {
	case hasPrefix(value, lastData):
		e.closing = true
		if !e.told {
			e.api = familiar
		}
	case e.told:
	case hasPrefix(value, typeData):
		value = bytes.TrimPrefix(trimSpace(value[len(typeData):]), []byte{'"'})
		name, _, _ := bytes.Cut(value, []byte{'"'})
		e.name(name)
	case hasPrefix(value, rpcData):
		e.api = max(e.api, foreign)
	default:
		e.api = familiar
		e.closing = hasPrefix(value, errorData)
	}
}

// name takes the name of an event, from its own line or out of the data.
func (e *Events) name(name []byte) {
	e.closing = string(name) == "error"
	for i := range apis {
		if !hasPrefix(name, apis[i].family) {
			continue
		}
		e.api = familiar
		for _, final := range apis[i].final {
			e.closing = e.closing || string(name) == final
		}
		return
	}
	e.api = max(e.api, foreign)
}

// Incomplete reports whether the stream, which has ended, has ended too early: it
// belongs to an API whose streams have a last event, and has come without it, or it
// has come without any.
func (e *Events) Incomplete() bool { return !e.Final && e.api != foreign }

// Between reports whether no event is under way.
func (e *Events) Between() bool { return e.length == 0 && !e.fields }
