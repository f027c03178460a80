package relay

import "bytes"

// Events counts the server-sent events in the data of one body and remembers
// whether the last one said that the stream is complete. It looks at bytes that
// are on their way anyway and changes none.
type Events struct {
	// Count is the number of events that are complete.
	Count int64
	// Final tells that the last event was one that ends an OpenAI stream.
	Final bool

	kept    [28]byte // the start of a line that is not complete
	length  int      // of that line so far
	fields  bool     // the event under way has a field
	closing bool     // and says that it is the last one
}

// The lines by which an OpenAI stream says that it is complete: chat completions
// end with [DONE], responses with one of three events, assistants with done.
var finalLines = [][]byte{
	[]byte("data: [DONE]"), []byte("data:[DONE]"),
	[]byte("event: response.completed"), []byte("event: response.incomplete"), []byte("event: response.failed"),
	[]byte("event: error"), []byte("event: done"), []byte("event: message_stop"),
}

// Feed takes the next bytes of the body.
func (e *Events) Feed(p []byte) {
	for len(p) > 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			e.keep(p)
			return
		}
		if e.length == 0 {
			e.line(p[:end], end)
		} else {
			e.keep(p[:end])
			e.line(e.kept[:min(e.length, len(e.kept))], e.length)
		}
		e.length = 0
		p = p[end+1:]
	}
}

func (e *Events) keep(p []byte) {
	if e.length < len(e.kept) {
		copy(e.kept[e.length:], p)
	}
	e.length += len(p)
}

// line takes a complete line: what is kept of it, and its length.
func (e *Events) line(start []byte, length int) {
	if length == 0 || length == 1 && start[0] == '\r' {
		if e.fields {
			e.Count++
			e.Final = e.closing
		}
		e.fields, e.closing = false, false
		return
	}
	if start[0] == ':' {
		return // a comment
	}
	e.fields = true
	if c := start[0]; (c == 'd' || c == 'e') && isFinal(start) {
		e.closing = true
	}
}

func isFinal(line []byte) bool {
	for _, f := range finalLines {
		if bytes.HasPrefix(line, f) {
			return true
		}
	}
	return false
}

// Between reports whether no event is under way.
func (e *Events) Between() bool { return e.length == 0 && !e.fields }
