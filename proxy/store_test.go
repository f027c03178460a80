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
	for name, parse := range map[string]func(head []byte) any{
		"request": func(head []byte) any {
			r := &request{}
			if err := r.parse(head); err != nil {
				t.Fatal(err)
			}
			r.clear()
			return r
		},
		"response": func(head []byte) any {
			r := &response{}
			if err := r.parse(head); err != nil {
				t.Fatal(err)
			}
			r.clear()
			return r
		},
	} {
		freed := make(chan struct{})
		kept := func() any {
			head := new([8 << 10]byte)
			runtime.AddCleanup(head, func(freed chan struct{}) { close(freed) }, freed)
			text := sdkRequest
			if name == "response" {
				text = crlf("HTTP/1.1 200 OK\nVary: Origin\napim-request-id: 7\nContent-Length: 0\n\n")
			}
			return parse(head[:copy(head[:], text)])
		}()
		runtime.GC()
		select {
		case <-freed:
		case <-time.After(10 * time.Second):
			t.Errorf("a %s that is done with keeps the buffer of its head", name)
		}
		runtime.KeepAlive(kept)
	}
}
