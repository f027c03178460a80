//go:build linux && !portable && !race

package proxy_test

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestWhatAHeldBodyTakes measures all that is allocated for an exchange whose model
// stands at the end of a body as large as what may be held, garbage included. It is what
// docs/operations.md tells operators to count with.
func TestWhatAHeldBodyTakes(t *testing.T) {
	const held, times = 1 << 20, 7
	body := `{"input":"` + strings.Repeat("x", held-1000) + `","model":"gpt-5"}`
	for name, request := range map[string]string{
		"a length": sized("/v1/responses", body), "one chunk": inChunks("/v1/responses", body, len(body)), "chunks": inChunks("/v1/responses", body, 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			ask := []byte(proxytest.CRLF(request))
			reply, answer := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), make([]byte, 4096)
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				tail, buf := make([]byte, 0, 128<<10), make([]byte, 64<<10)
				for {
					n, err := up.Read(buf)
					if err != nil {
						return
					}
					tail = append(tail[max(0, len(tail)-64):], buf[:n]...)
					if bytes.HasSuffix(tail, []byte(`"model":"five"}`)) || bytes.HasSuffix(tail, []byte("0\r\n\r\n")) {
						_, _ = up.Write(reply)
						tail = tail[:0]
					}
				}
			}), func(c *config.Config) {
				toLegacy(c)
				r := c.Routes["api"]
				r.Bridge.BodyHead = config.Size{Bytes: held}
				c.Routes["api"] = r
				c.Log.Access = false
			})
			c := e.Dial()
			defer c.Close() //nolint:errcheck // a test's end
			exchange := func() {
				if _, err := c.Write(ask); err != nil {
					t.Fatal(err)
				}
				n, err := c.Read(answer)
				if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 ")) {
					t.Fatalf("got %q, %v", answer[:n], err)
				}
			}
			exchange()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const n = 20
			for range n {
				exchange()
			}
			runtime.ReadMemStats(&after)
			took := (after.TotalAlloc - before.TotalAlloc) / n
			t.Logf("%.2f times what may be held", float64(took)/held)
			if took > times*held {
				t.Errorf("an exchange allocates %d bytes, more than %d times %d", took, times, held)
			}
		})
	}
}
