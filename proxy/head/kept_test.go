package head

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestWhatIsKeptKeepsNoBuffer holds that nothing of a head that is done with
// points into the buffer that it was read into.
func TestWhatIsKeptKeepsNoBuffer(t *testing.T) {
	for _, tc := range []struct {
		name string
		head []byte
		kept interface {
			Parse(head []byte) error
			Clear()
		}
	}{
		{"request", sdkRequest, &Request{}},
		{"request with names and lists", crlf("OPTIONS / HTTP/1.1\nHost: e\nConnection: x-a, x-b\nAccess-Control-Request-Headers: a\nAccess-Control-Request-Headers: b\n\n"), &Request{}},
		{"response", crlf("HTTP/1.1 200 OK\nVary: Origin\napim-request-id: 7\nContent-Length: 0\nConnection: x-a\n\n"), &Response{}},
	} {
		freed := make(chan struct{})
		func() {
			buffer := new([8 << 10]byte)
			runtime.AddCleanup(buffer, func(freed chan struct{}) { close(freed) }, freed)
			if err := tc.kept.Parse(buffer[:copy(buffer[:], tc.head)]); err != nil {
				t.Fatal(err)
			}
			tc.kept.Clear()
		}()
		runtime.GC()
		select {
		case <-freed:
		case <-time.After(10 * time.Second):
			t.Errorf("a %s that is done with keeps the buffer of its head", tc.name)
		}
		runtime.KeepAlive(tc.kept)
	}
}

// TestTheSecondParserKeepsNoLargeHead holds that heads of which each is long at
// another place do not leave their sum behind.
func TestTheSecondParserKeepsNoLargeHead(t *testing.T) {
	const heads, long = maxTrailers, 60 << 10
	for _, tc := range []struct{ name, before, each, between, after string }{
		{"fields", "GET / HTTP/1.0\n", "X: y\n", "X: ", "\n\n"},
		{"names in Trailer", "POST / HTTP/1.1\nHost: e\nTransfer-Encoding: chunked\nTrailer: ", "x,", "", "\n\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Request{Parser: NewParser()}
			before := inUse()
			for i := range heads {
				head := crlf(tc.before + strings.Repeat(tc.each, i%maxTrailers) + tc.between + strings.Repeat("x", long) + tc.after)
				if err := r.Parse(head); err != nil {
					t.Fatal(err)
				}
				r.Clear()
			}
			if more := inUse() - before; more > 1<<20 {
				t.Errorf("%d bytes are held after %d heads that are done with", more, heads)
			}
			runtime.KeepAlive(&r)
		})
	}
}

// inUse returns the bytes that the heap holds.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
