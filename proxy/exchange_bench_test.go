//go:build linux && !portable && !race

package proxy_test

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// BenchmarkExchange measures the whole process, client and upstream included, on one
// connection: what two ways cost differs by what the edge does.
func BenchmarkExchange(b *testing.B) {
	for name, change := range map[string]func(url string) func(*config.Config){
		"one upstream":  func(string) func(*config.Config) { return func(*config.Config) {} },
		"two upstreams": func(url string) func(*config.Config) { return several(url, url) },
	} {
		b.Run(name, func(b *testing.B) {
			reply := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\nhello, world!")
			url := proxytest.StartUpstream(b, func(c *proxytest.Peer) {
				for buf := make([]byte, 4096); ; { // the edge sends head and body in one write
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := c.Write(reply); err != nil {
						return
					}
				}
			})
			e := proxytest.StartEdge(b, url, func(conf *config.Config) {
				conf.Log.Access = false
				change(url)(conf)
			})
			c, request, answer := e.Dial(), []byte(strings.ReplaceAll(sdkHead, "\n", "\r\n")), make([]byte, 4096)
			before := used(b)
			for b.Loop() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				for n := 0; !bytes.HasSuffix(answer[:n], []byte("world!")); {
					m, err := c.Read(answer[n:])
					if err != nil {
						b.Fatal(err)
					}
					n += m
				}
			}
			b.ReportMetric((used(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// used returns the CPU time of the process in nanoseconds.
func used(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano() + r.Stime.Nano())
}
