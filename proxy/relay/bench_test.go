package relay

import "testing"

// oneEvent is a chunk with one event, as an OpenAI stream has them.
var oneEvent = []byte("a3\r\n" + `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"gpt-4.1","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}` + "\n\n\r\n")

// scanEvents returns a function that follows one event of a stream without end.
func scanEvents(tb testing.TB) func() {
	var track Tracker
	var events Events
	track.Begin(-1, &events)
	return func() {
		before := events.Count
		if n, err := track.Scan(oneEvent); n != len(oneEvent) || err != nil || events.Count != before+1 {
			tb.Fatalf("passed %d bytes and %d events: %v", n, events.Count-before, err)
		}
	}
}

func TestAnEventIsFollowedWithoutAllocating(t *testing.T) {
	if n := testing.AllocsPerRun(100, scanEvents(t)); n > 0 {
		t.Errorf("an event allocates %v times, want 0", n)
	}
}

func BenchmarkScanEvent(b *testing.B) {
	scan := scanEvents(b)
	b.ReportAllocs()
	for b.Loop() {
		scan()
	}
}
