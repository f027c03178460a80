package front_test

import (
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/config"
)

// TestAPauseInTheUploadCutsNoAnswer holds that a client that has its answer's head
// gets all of the answer, however long it pauses its upload.
func TestAPauseInTheUploadCutsNoAnswer(t *testing.T) {
	for _, tc := range []struct{ name, first string }{
		{"chunked", "Transfer-Encoding: chunked\n\n5\nhello\n"},
		{"of known length", "Content-Length: 20\n\n5\nhello\n"},
	} {
		for _, leg := range everyLeg {
			t.Run(tc.name+", "+leg.name, func(t *testing.T) {
				t.Parallel()
				e := leg.start(t, idleBody, func(up *peer) {
					up.head()
					up.bytes(10)
					up.send(chunkedHead + "5\nhello\n")
					time.Sleep(5 * 60 * time.Millisecond) // the bound would have ended it
					up.send("5\nworld\n0\n\n")
					up.gone()
				})
				c := e.dial()
				c.send("POST / HTTP/1.1\nHost: edge\n" + tc.first)
				if m := c.answer("POST"); m.body != "helloworld" {
					t.Errorf("body %q, want helloworld", m.body)
				}
				c.wantEnd(orderly)
				e.wantExchange(200, "complete")
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
			e := startEdge(t, startUpstream(t, func(up *peer) {
				up.head()
				up.bytes(10)
				up.send(chunkedHead + "5\nhello\n")
				up.gone()
			}), func(c *config.Config) { c.Limits.RequestBody = config.Size{Bytes: 20} })
			c := e.dial()
			c.send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n")
			c.head()
			c.bytes(10)
			c.send(tc.second)
			c.gone()
			e.wantExchange(200, tc.cause)
			e.wantMetric(`apim_edge_cuts_total{cause="`+tc.cause+`",side="client"}`, 1)
		})
	}
}
