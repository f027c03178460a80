//go:build linux && !portable && !race

package proxy_test

import (
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// BenchmarkRefusal compares the CPU time of the whole process, client and upstream
// included, for a request that is forwarded with that for one which a limit refuses:
//
//	go test -run '^$' -bench Refusal ./proxy
func BenchmarkRefusal(b *testing.B) {
	for name, limits := range map[string]config.RouteLimits{
		"forwarded":               {},
		"forwarded within limits": {Requests: "90000/s", Burst: 90000, Concurrent: 10},
		"refused beyond the rate": {Requests: "1/d"},
	} {
		b.Run(name, func(b *testing.B) {
			reply := []byte("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nworld!")
			e := proxytest.StartEdge(b, proxytest.StartUpstream(b, func(up *proxytest.Peer) {
				for {
					m, err := up.TryHead()
					if err != nil {
						return
					}
					up.Finish(m, false)
					_, _ = up.Write(reply)
				}
			}), func(c *config.Config) {
				limitTo(limits)(c)
				c.Log.Access = false
			})
			c := e.Dial()
			defer c.Close() //nolint:errcheck // a benchmark's end
			request, answer := []byte(strings.ReplaceAll(sdkHead, "\n", "\r\n")), make([]byte, 4096)
			exchange := func() {
				if _, err := c.Write(request); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(answer); err != nil && err != io.EOF {
					b.Fatal(err)
				}
			}
			exchange()
			before := processorTime(b)
			for b.Loop() {
				exchange()
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e3, "cpu-us/op")
		})
	}
}

// processorTime returns the nanoseconds that the process has used.
func processorTime(b *testing.B) int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
		b.Fatal(err)
	}
	return now.Nano()
}
