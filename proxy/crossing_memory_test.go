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
	const held, times = 1 << 20, 4
	body := `{"input":"` + strings.Repeat("x", held-1000) + `","model":"gpt-5"}`
	for name, request := range map[string]string{
		"a length": sized("/v1/responses", body), "one chunk": inChunks("/v1/responses", body, len(body)), "chunks": inChunks("/v1/responses", body, 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			ask, answer := []byte(proxytest.CRLF(request)), make([]byte, 4096)
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, endsWith(`"model":"five"}`, "0\r\n\r\n")), func(c *config.Config) {
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

// endsWith answers each request that has come to one of these ends, without allocating.
func endsWith(ends ...string) func(*proxytest.Peer) {
	return func(up *proxytest.Peer) {
		reply := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		for buf, n := make([]byte, 4<<20), 0; ; {
			m, err := up.Read(buf[n:])
			if err != nil {
				return
			}
			n += m
			for _, end := range ends {
				if n >= len(end) && string(buf[n-len(end):n]) == end {
					_, _ = up.Write(reply)
					n = 0
				}
			}
		}
	}
}

// TestAHeldBodyAllocatesNothing holds it of a body of 200 KB that is looked at to its end,
// or kept for another upstream.
func TestAHeldBodyAllocatesNothing(t *testing.T) {
	body := `{"input":"` + strings.Repeat("x", 200_000) + `","model":"gpt-5"}`
	for name, change := range map[string]func(string) func(*config.Config){
		"over a bridge":          func(string) func(*config.Config) { return toLegacy },
		"of two upstreams":       func(url string) func(*config.Config) { return several(url, url) },
		"of two beyond a bridge": func(url string) func(*config.Config) { return and(toLegacy, several(url, url)) },
	} {
		t.Run(name, func(t *testing.T) {
			up := proxytest.StartUpstream(t, endsWith(`"model":"gpt-5"}`, `"model":"five"}`))
			e := proxytest.StartEdge(t, up, func(c *config.Config) {
				change(up)(c)
				r := c.Routes["api"]
				r.Bridge.BodyHead = config.Size{Bytes: 1 << 20}
				c.Routes["api"] = r
				c.Log.Access = false
			})
			c := e.Dial()
			defer c.Close() //nolint:errcheck // a test's end
			ask, answer := []byte(proxytest.CRLF(sized("/v1/responses", body))), make([]byte, 4096)
			exchange := func() {
				if _, err := c.Write(ask); err != nil {
					t.Fatal(err)
				}
				if n, err := c.Read(answer); err != nil || !bytes.HasSuffix(answer[:n], []byte("ok")) {
					t.Fatalf("got %q, %v", answer[:n], err)
				}
			}
			for range 20 {
				exchange()
			}
			if got := allocationsPerRun(200, exchange); got > 0 {
				t.Errorf("an exchange allocates %v times, want 0", got)
			}
		})
	}
}
