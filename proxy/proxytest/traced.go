package proxytest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/trace"
)

// traced keeps what exchanges tell as spans.
type traced struct {
	mu  sync.Mutex
	all []*trace.Trace
}

// Observe implements record.Observer.
func (t *traced) Observe(r *record.Record) {
	if r.Trace != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all = append(t.all, r.Trace)
	}
}

// Traces waits until n exchanges have told of themselves as spans, and returns those. An
// access line may be there before them.
func (e *Edge) Traces(t testing.TB, n int) []*trace.Trace {
	t.Helper()
	var all []*trace.Trace
	Eventually(t, func() bool {
		e.traced.mu.Lock()
		defer e.traced.mu.Unlock()
		all = e.traced.all
		return len(all) >= n
	}, func() string { return fmt.Sprintf("%d exchanges are traced, want %d", len(all), n) })
	return all
}
