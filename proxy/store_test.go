package proxy

import (
	"bytes"
	"runtime"
	"testing"
	"time"
)

// TestAStoreKeepsWhatIsUsualAndNoMore holds that what a busy minute or an odd
// head has left does not stay for ever.
func TestAStoreKeepsWhatIsUsualAndNoMore(t *testing.T) {
	var s store
	r := s.requests.take()
	if err := r.parse(sdkRequest); err != nil {
		t.Fatal(err)
	}
	s.requests.put(r, r.grown())
	if s.requests.take() != r {
		t.Error("a usual head is not used again")
	}
	if err := r.parse(crlf("GET / HTTP/1.1\nHost: e\n" + string(bytes.Repeat([]byte("X: y\n"), 2*usualFields)) + "\n")); err != nil {
		t.Fatal(err)
	}
	s.requests.put(r, r.grown())
	if s.requests.take() == r {
		t.Error("the room of a large head is kept")
	}
	for _, r := range s.requests[:cap(s.requests)] {
		if r != nil {
			t.Errorf("the room for %d fields cannot go to the collector, although none is kept", cap(r.fields))
		}
	}
	for range 2 * keepFree {
		s.exchanges.put(new(Exchange), false)
	}
	if n := len(s.exchanges); n != keepFree {
		t.Errorf("%d exchanges are kept, want %d", n, keepFree)
	}
}

// TestWhatIsKeptKeepsNoBuffer holds that nothing of a head that is done with
// points into the buffer that it was read into.
func TestWhatIsKeptKeepsNoBuffer(t *testing.T) {
	for _, tc := range []struct {
		name string
		head []byte
		kept interface {
			parse(head []byte) error
			clear()
		}
	}{
		{"request", sdkRequest, &request{}},
		{"response", crlf("HTTP/1.1 200 OK\nVary: Origin\napim-request-id: 7\nContent-Length: 0\n\n"), &response{}},
	} {
		freed := make(chan struct{})
		func() {
			buffer := new([8 << 10]byte)
			runtime.AddCleanup(buffer, func(freed chan struct{}) { close(freed) }, freed)
			if err := tc.kept.parse(buffer[:copy(buffer[:], tc.head)]); err != nil {
				t.Fatal(err)
			}
			tc.kept.clear()
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
