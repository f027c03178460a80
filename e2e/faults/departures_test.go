//go:build e2e

package faults

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/e2e/internal/raw"
)

// TestManyDepartures: clients leave all at once, half of them before the first
// byte and half of them mid-stream; the upstream sees every connection end, and
// the edge goes on.
func TestManyDepartures(t *testing.T) {
	const clients = 100
	for _, tc := range []struct {
		name    string
		secure  bool // TLS to the upstream
		leaving raw.Leaving
	}{
		{"by FIN", false, raw.ByClose},
		{"by reset", false, raw.ByReset},
		{"by FIN, over TLS", true, raw.ByClose},
		{"by reset, over TLS", true, raw.ByReset},
	} {
		t.Run(tc.name, func(t *testing.T) {
			secure := sides{}
			if tc.secure {
				secure.upstream = newCertificate(t)
			}
			s := abused(t, secure, "", "")
			var asked atomic.Int64
			s.abuse(clients, func(a *abuser) error {
				part := load.Part{Fate: load.Hang}
				if a.number%2 == 1 {
					part = load.Part{Fate: load.HangBody, Framing: load.ByEvents, Size: 3}
				}
				err := a.say(a.head("GET", part) + "\r\n")
				if err == nil && part.Size > 0 {
					var resp *http.Response
					if resp, err = http.ReadResponse(a.In, nil); err == nil {
						_, err = io.ReadFull(resp.Body, make([]byte, 10)) // of the first event
					}
				}
				eventually(t, "the request to arrive", func() bool { return s.up.Has(a.nonce) })
				asked.Add(1)
				eventually(t, "all others to be there", func() bool { return asked.Load() == clients })
				a.Leave(tc.leaving)
				return err
			})
			s.wantQuietUpstream() // nothing was written: only the edge can end this
			s.wantCauses("client_left", clients)
			s.others("the clients having left")
			s.drained()
		})
	}
}
