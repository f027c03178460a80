package proxy

import (
	"bytes"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestAStoreKeepsWhatIsUsualAndNoMore holds that what a busy minute or an odd
// head has left does not stay for ever.
func TestAStoreKeepsWhatIsUsualAndNoMore(t *testing.T) {
	var s store
	r := s.requests.take()
	testkit.Must(t, r.Parse(sdkRequest))
	s.requests.put(r, r.Grown())
	if s.requests.take() != r {
		t.Error("a usual head is not used again")
	}
	testkit.Must(t, r.Parse(crlf("GET / HTTP/1.1\nHost: e\n"+string(bytes.Repeat([]byte("X: y\n"), 200))+"\n")))
	s.requests.put(r, r.Grown())
	if s.requests.take() == r {
		t.Error("the room of a large head is kept")
	}
	for _, r := range s.requests[:cap(s.requests)] {
		if r != nil {
			t.Errorf("the room for %d fields cannot go to the collector, although none is kept", cap(r.Fields))
		}
	}
	for range 2 * keepFree {
		s.exchanges.put(new(Exchange), false)
	}
	if n := len(s.exchanges); n != keepFree {
		t.Errorf("%d exchanges are kept, want %d", n, keepFree)
	}
}
