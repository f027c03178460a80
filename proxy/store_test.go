package proxy

import (
	"bytes"
	"testing"
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
