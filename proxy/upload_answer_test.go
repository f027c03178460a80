package proxy_test

import (
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestAPauseInTheUploadCutsNoAnswer holds that a client that has its answer's head
// gets all of the answer, however long it pauses its upload.
func TestAPauseInTheUploadCutsNoAnswer(t *testing.T) {
	for _, tc := range []struct{ name, first string }{
		{"chunked", "Transfer-Encoding: chunked\n\n5\nhello\n"},
		{"of known length", "Content-Length: 20\n\n5\nhello\n"},
	} {
		for _, leg := range proxytest.EveryLeg {
			t.Run(tc.name+", "+leg.Name, func(t *testing.T) {
				t.Parallel()
				e := leg.Start(t, idleBody, func(up *proxytest.Peer) {
					up.Head()
					up.Bytes(10)
					up.Send(proxytest.ChunkedHead + "5\nhello\n")
					time.Sleep(5 * 60 * time.Millisecond) // the bound would have ended it
					up.Send("5\nworld\n0\n\n")
					up.Gone()
				})
				c := e.Dial()
				c.Send("POST / HTTP/1.1\nHost: edge\n" + tc.first)
				if m := c.Answer("POST"); m.Body != "helloworld" {
					t.Errorf("body %q, want helloworld", m.Body)
				}
				c.WantEnd(proxytest.Orderly)
				e.WantExchange(200, "complete")
			})
		}
	}
}

// TestAnUploadThatIsWrongCutsTheAnswer holds that the cut is counted, whatever made
// it: what the client has is half an answer.
func TestAnUploadThatIsWrongCutsTheAnswer(t *testing.T) {
	for _, tc := range []struct{ name, second, cause string }{
		{"no chunk size", "xyz\n", "request_malformed"},
		{"more than the limit", "14\n01234567890123456789\n", "body_too_large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := proxytest.StartEdge(t, proxytest.StartUpstream(t, func(up *proxytest.Peer) {
				up.Head()
				up.Bytes(10)
				up.Send(proxytest.ChunkedHead + "5\nhello\n")
				up.Gone()
			}), func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 20} })
			c := e.Dial()
			c.Send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n")
			c.Head()
			c.Bytes(10)
			c.Send(tc.second)
			c.Gone()
			e.WantExchange(200, tc.cause)
			e.WantMetric(`apim_edge_cuts_total{cause="`+tc.cause+`",side="client"}`, 1)
		})
	}
}
