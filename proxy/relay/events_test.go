package relay

import (
	"strings"
	"testing"
	"unsafe"
)

// TestAStreamIsIncompleteWhereItsAPIIsKnown holds how the streams of each API end, in
// any pieces, and that nothing is said of a stream that the edge does not know.
func TestAStreamIsIncompleteWhereItsAPIIsKnown(t *testing.T) {
	const chat = `data: {"id":"chatcmpl-1","choices":[]}` + "\n\n"
	for _, tc := range []struct {
		name, data string
		incomplete bool
	}{
		{"chat completions", chat + "data: [DONE]\n\n", false},
		{"chat completions, without a space", "data:{}\n\ndata:[DONE]\n\n", false},
		{"chat completions that stop", chat, true},
		{"chat completions that end with an error", chat + `data: {"error":{"message":"x"}}` + "\n\n", false},
		{"chat completions that only say DONE", chat + "data: DONE\n\n", true},
		{"responses", "event: response.created\ndata: {}\n\nevent: response.completed\ndata: {}\n\n", false},
		{"responses that are cut short by a limit", "event: response.incomplete\ndata: {}\n\n", false},
		{"responses that failed", "event: response.failed\ndata: {}\n\n", false},
		{"responses that stop", "event: response.created\ndata: {}\n\n", true},
		{"responses whose last event is another's namesake", "event: response.completed.not\ndata: {}\n\n", true},
		{"responses without lines for their names", `data: {"type":"response.created"}` + "\n\n" + `data: {"type":"response.completed"}` + "\n\n", false},
		{"responses without lines for their names that stop", `data: {"type":"response.created"}` + "\n\n", true},
		{"an error ends any", "event: response.created\ndata: {}\n\nevent: error\ndata: {}\n\n", false},
		{"an error without a line for its name", `data: {"type":"error","message":"x"}` + "\n\n", false},
		{"assistants", "event: thread.run.created\ndata: {}\n\nevent: done\ndata: [DONE]\n\n", false},
		{"assistants that stop", "event: thread.message.delta\ndata: {}\n\n", true},
		{"messages", "event: message_start\ndata: {}\n\nevent: ping\ndata: {}\n\nevent: message_stop\ndata: {}\n\n", false},
		{"messages that stop", "event: content_block_delta\ndata: {}\n\n", true},
		{"messages that stop at a ping", "event: message_start\ndata: {}\n\nevent: ping\ndata: {}\n\n", true},
		{"speech", `data: {"type":"speech.audio.delta","audio":"AA"}` + "\n\n" + `data: {"type":"speech.audio.done"}` + "\n\n", false},
		{"speech that stops", `data: {"type":"speech.audio.delta","audio":"AA"}` + "\n\n", true},
		{"a transcript", `data: {"type": "transcript.text.delta"}` + "\n\n" + `data: {"type": "transcript.text.done"}` + "\n\n", false},
		{"a transcript that stops", `data: {"type":"transcript.text.segment"}` + "\n\n", true},
		{"an image", "event: image_generation.partial_image\ndata: {}\n\nevent: image_generation.completed\r\ndata: {}\r\n\r\n", false},
		{"an image, by its data", `data: {"type": "image_generation.completed","b64_json":"AA"}` + "\n\n", false},
		{"an image that stops", "event: image_generation.partial_image\ndata: {}\n\n", true},
		{"an edited image", `data: {"type":"image_edit.completed"}` + "\n\n", false},
		{"an edited image that stops", `data: {"type":"image_edit.partial_image"}` + "\n\n", true},
		{"events that nobody knows", "event: tick\ndata: 1\n\n", false},
		{"events that nobody knows, by their data", `data: {"type":"tick"}` + "\n\n", false},
		{"JSON-RPC", `data: {"jsonrpc":"2.0","id":1}` + "\n\n", false},
		{"JSON-RPC with names", "event: message\ndata: {\"jsonrpc\":\"2.0\"}\n\n", false},
		{"an event that nobody knows behind ones of a known API", chat + "event: tick\ndata: 1\n\n", true},
		{"events that nobody knows, and a last one", "event: tick\ndata: [DONE]\n\n", false},
		{"no event", ": hello\n\n", true},
		{"a byte-order mark", "\ufeffevent: tick\ndata: 1\n\n", false},
		{"a byte-order mark before a comment", "\ufeff: hello\n\ndata: {\"type\":\"tick\"}\n\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for step := 1; step <= len(tc.data); step++ {
				var e Events
				for rest := tc.data; rest != ""; {
					n := min(step, len(rest))
					e.Feed([]byte(rest[:n]))
					rest = rest[n:]
				}
				if got := e.Incomplete(); got != tc.incomplete {
					t.Fatalf("%q in pieces of %d: incomplete %v, want %v", tc.data, step, got, tc.incomplete)
				}
			}
		})
	}
}

// TestTheKeptStartOfALineHoldsEveryName holds that no name in the table is cut off
// before it has been told from the others.
func TestTheKeptStartOfALineHoldsEveryName(t *testing.T) {
	for _, api := range apis {
		for _, name := range append(api.final, api.family) {
			line := "data: " + typeData + ` "` + name + `"`
			if len(line) > len(Events{}.kept) {
				t.Errorf("%q is longer than the %d bytes that are kept of a line", line, len(Events{}.kept))
			}
			if !strings.HasPrefix(name, api.family) {
				t.Errorf("%q is not found by its family %q", name, api.family)
			}
		}
	}
	if size := unsafe.Sizeof(Events{}); size > 64 {
		t.Errorf("Events has %d bytes, which every silent stream holds; want 64 at most", size)
	}
}
