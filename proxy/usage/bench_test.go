package usage

import (
	"strings"
	"testing"
)

// BenchmarkTap tells what a tap costs for each event of a stream, and for each KB of
// bodies of three kinds.
func BenchmarkTap(b *testing.B) {
	const event = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}` + "\n\n"
	for _, tc := range []struct {
		name   string
		events bool
		body   string
	}{
		{"event", true, event},
		{"text", false, `{"choices":[{"message":{"content":"` + strings.Repeat(`She said \"no\" and went away.\n`, 3000) + `"}}],"usage":{"prompt_tokens":5}}`},
		{"embedding", false, `{"data":[{"embedding":[` + strings.Repeat("-0.0123456789,", 6000) + `1]}],"usage":{"prompt_tokens":5}}`},
		{"picture", false, `{"data":[{"b64_json":"` + strings.Repeat("iVBORw0KGgo+/", 7000) + `"}],"usage":{"input_tokens":5}}`},
	} {
		b.Run(tc.name, func(b *testing.B) {
			body := []byte(tc.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			var tap Tap
			if tc.events {
				tap.ReadEvents()
			}
			for b.Loop() {
				if !tc.events {
					tap = Tap{}
				}
				tap.Feed(body)
			}
		})
	}
}
