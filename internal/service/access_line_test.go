//go:build !race

package service

import (
	"io"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/rewrite"
)

// accessLine returns a function that writes the line of a plain exchange, through the log
// that serve has.
func accessLine(tb testing.TB, out io.Writer) func() {
	l, _ := newLog(config.Default().Log, Options{Log: out})
	tb.Cleanup(l.sink.Close)
	access := record.NewAccessLog(l, 1)
	r := &record.Record{
		ID: []byte("0123456789abcdef0123456789abcdef"), Method: []byte("POST"), Path: []byte("/openai/deployments/gpt-4o/chat/completions"),
		Route: &record.Route{Name: "openai"}, Upstream: "legacy", Reason: rewrite.ReasonBearerKey, Status: 200, UpstreamStatus: 200,
		Up: 1500, Down: 512, FirstByte: 1234567 * time.Nanosecond, Duration: 2345678 * time.Nanosecond,
	}
	return func() {
		r.Now += 16 * time.Microsecond // at 60,000 exchanges a second
		access.Observe(r)
	}
}

// TestAnAccessLineAllocatesNothing holds the log to what the exchange itself keeps to. Not
// under the race detector, which empties pools by chance.
func TestAnAccessLineAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(1000, accessLine(t, io.Discard)); n > 0 {
		t.Errorf("an access line allocates %v times, want 0", n)
	}
}

func BenchmarkAccessLine(b *testing.B) {
	write := accessLine(b, io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		write()
	}
}
