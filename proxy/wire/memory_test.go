//go:build linux && !portable

package wire

import (
	"runtime"
	"testing"
	"time"
)

// TestASilentConnectionHoldsNoBuffer (not for the portable twin) compares the
// heap before and while many connections wait.
func TestASilentConnectionHoldsNoBuffer(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(t *testing.T, w *Watch) *Conn
	}{
		{"plain", func(t *testing.T, w *Watch) *Conn { c, _ := pair(t, w, 0); return c }},
		{"TLS", func(t *testing.T, w *Watch) *Conn { c, _ := securePair(t, w); return c }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const n = 100
			w := startWatch(t)
			var conns [n]*Conn
			for i := range conns {
				conns[i] = tc.make(t, w)
			}
			before := heap()
			var done [n]<-chan outcome
			for i, c := range conns {
				done[i] = fill(c, time.Hour)
				eventually(t, "a wait", func() bool { return c.readBy.Load() != 0 })
			}
			if grown := heap() - before; grown > n*BufSize/8 {
				t.Errorf("%d silent connections hold %d bytes more than before they waited, %d each", n, grown, grown/n)
			}
			for i, c := range conns {
				c.Cancel()
				<-done[i]
			}
		})
	}
}

// heap returns the bytes in use, with what pools keep collected.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
