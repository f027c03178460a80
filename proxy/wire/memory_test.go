//go:build linux && !portable

package wire

import (
	"io"
	"runtime"
	"testing"
)

// TestASilentConnectionHoldsNoBuffer (not for the portable twin, whose goroutines
// hold one) compares the heap before and after many connections have carried
// events and fallen silent.
func TestASilentConnectionHoldsNoBuffer(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func(testing.TB, *Loop) (*side, io.Writer)
	}{
		{"plain", func(t testing.TB, l *Loop) (*side, io.Writer) { return pair(t, l) }},
		{"TLS", func(t testing.TB, l *Loop) (*side, io.Writer) { return securePair(t, l) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const n = 100
			l := startLoop(t)
			var sides [n]*side
			var fars [n]io.Writer
			for i := range sides {
				sides[i], fars[i] = tc.make(t, l)
			}
			before := heap()
			for i, s := range sides {
				for range 2 {
					_, _ = fars[i].Write(make([]byte, 500))
					_, _ = s.read()
					s.write(make([]byte, 500))
				}
			}
			if grown := heap() - before; grown > n*BufSize/8 {
				t.Errorf("%d silent connections hold %d bytes more than before they had anything to do, %d each", n, grown, grown/n)
			}
			runtime.KeepAlive(sides)
			runtime.KeepAlive(fars)
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
