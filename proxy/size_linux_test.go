//go:build linux && !portable && amd64

package proxy

import (
	"testing"
	"unsafe"

	"github.com/apim-edge/apim-edge/proxy/upstream"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// TestASilentStreamIsSmall holds that what a stream consists of stays within the classes of
// sizes in which Go's allocator gives room: a byte more would be up to 128 for each of them. An
// object of more than 512 bytes has 8 more, where its pointers are described
// (runtime/mbitmap.go, heapBitsInSpan).
func TestASilentStreamIsSmall(t *testing.T) {
	for _, tc := range []struct {
		name       string
		size, most uintptr
	}{
		{"Exchange", unsafe.Sizeof(Exchange{}), 896 - 8},
		{"Client", unsafe.Sizeof(Client{}), 144},
		{"wire.Conn, of which it has two", unsafe.Sizeof(wire.Conn{}), 240},
		{"upstream.Conn", unsafe.Sizeof(upstream.Conn{}), 80},
	} {
		if tc.size > tc.most {
			t.Errorf("%s takes %d bytes, want %d at most", tc.name, tc.size, tc.most)
		}
	}
}
