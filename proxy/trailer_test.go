package proxy_test

import (
	"slices"
	"testing"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestTrailersPassButForWhatTheyMayNotSay holds, in both directions, that a
// trailer field which nobody could see coming cannot be a credential, framing,
// routing, CORS or the edge's own word.
func TestTrailersPassButForWhatTheyMayNotSay(t *testing.T) {
	const body = "5\nhello\n0\n"
	request := []string{
		"X-Checksum: 1", "Authorization: Bearer forged", "api-key: forged", "Ocp-Apim-Subscription-Key: forged",
		"Content-Length: 1", "Transfer-Encoding: chunked", "Host: forged", "Connection: close", "Trailer: X", "TE: trailers",
		"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: forged", "Forwarded: for=1.2.3.4", "X-Apim-Edge-Forged: 1",
		"Expect: 100-continue", "Upgrade: h2c", "Origin: https://forged.example.com", "Content-Type: text/forged", "X-Last: 2",
	}
	response := []string{
		"X-Checksum: 1", "Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Vary: Forged",
		"Content-Length: 1", "Transfer-Encoding: chunked", "Connection: close", "Keep-Alive: timeout=1", "x-apim-edge-error: forged",
		"Set-Cookie: forged=1", "Content-Type: text/forged", "apim-request-id: 7",
	}
	wantUp, wantDown := []string{"X-Checksum: 1", "X-Last: 2"}, []string{"X-Checksum: 1", "apim-request-id: 7"}
	for _, split := range []bool{false, true} {
		for _, leg := range proxytest.EveryLeg {
			name := "in one packet, "
			if split {
				name = "line by line, "
			}
			t.Run(name+leg.Name, func(t *testing.T) {
				came := make(chan struct{}, 1)
				e := leg.Start(t, func(c *config.Config) {
					c.Routes["api"] = config.Route{PathPrefix: "/", CORS: config.CORS{AllowedOrigins: []string{"https://chat.example.com"}}}
				}, func(up *proxytest.Peer) {
					m := up.Head()
					up.Bytes(10) // the first chunk
					came <- struct{}{}
					if got := up.Finish(m, false).Trailer; !slices.Equal(got, wantUp) {
						t.Errorf("the upstream gets the trailers %q, want %q", got, wantUp)
					}
					sendTrailers(up, proxytest.ChunkedHead, body, response, split)
					up.Gone()
				})
				c := e.Dial()
				c.Send("POST / HTTP/1.1\nHost: edge\nTransfer-Encoding: chunked\n\n5\nhello\n")
				<-came
				sendTrailers(c, "", body, request, split)
				m := c.Answer("POST")
				if m.Status() != 200 {
					t.Fatalf("answer %q", m.First)
				}
				if got := m.Trailer; !slices.Equal(got, wantDown) {
					t.Errorf("the client gets the trailers %q, want %q", got, wantDown)
				}
				e.WantExchange(200, "complete")
			})
		}
	}
}

func sendTrailers(p *proxytest.Peer, head, body string, fields []string, split bool) {
	text := head + body
	for _, f := range fields {
		if split {
			p.Send(text)
			text = ""
		}
		text += f + "\n"
	}
	p.Send(text + "\n")
}
