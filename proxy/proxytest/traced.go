package proxytest

import (
	"sync"

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

// Traces returns what the exchanges so far have told as spans. Ask for their access lines
// first.
func (e *Edge) Traces() []*trace.Trace {
	e.traced.mu.Lock()
	defer e.traced.mu.Unlock()
	return e.traced.all
}
