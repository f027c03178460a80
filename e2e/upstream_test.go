//go:build e2e

package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/apim-edge/apim-edge/internal/lookalike"
	"github.com/apim-edge/apim-edge/internal/testcert"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// The two kinds of legacy API: keys are asked for at APIM's gate, or tokens by
// the service behind it.
var (
	keyed   = lookalike.Options{PrimaryKey: subscriptionKey}
	tokened = lookalike.Options{RequireToken: true, Tokens: []string{token}}
)

// certificate is what look-alikes show over TLS.
var certificate *testcert.Certificate

// upstream is a look-alike, once over TCP and once over TLS, and what it saw.
type upstream struct {
	URL       string
	SecureURL string
	servers   []*lookalike.Server

	mu       sync.Mutex
	requests []seenRequest
	ends     []lookalike.End
	more     chan struct{} // closed and replaced at each end of an exchange
}

// seenRequest is a request as it reached the look-alike.
type seenRequest = lookalike.Request

func startUpstream(opt lookalike.Options) (*upstream, error) {
	u := &upstream{more: make(chan struct{})}
	opt.OnRequest = func(r lookalike.Request) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.requests = append(u.requests, r)
	}
	opt.OnEnd = func(e lookalike.End) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.ends = append(u.ends, e)
		close(u.more)
		u.more = make(chan struct{})
	}
	secure := opt
	secure.TLS = certificate.Server()
	for url, opt := range map[*string]lookalike.Options{&u.URL: opt, &u.SecureURL: secure} {
		server := lookalike.New(opt)
		started, err := server.Start("127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*url = started
		u.servers = append(u.servers, server)
	}
	return u, nil
}

// serveUpstream is startUpstream until the end of a test.
func serveUpstream(t *testing.T, opt lookalike.Options) *upstream {
	t.Helper()
	u, err := startUpstream(opt)
	testkit.Must(t, err)
	t.Cleanup(u.Close)
	return u
}

// Close ends the look-alikes.
func (u *upstream) Close() {
	for _, s := range u.servers {
		_ = s.Close()
	}
}

func (u *upstream) reset() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests, u.ends = nil, nil
}

// seen returns the requests of a case, in the order of their arrival.
func (u *upstream) seen(name string) []seenRequest {
	u.mu.Lock()
	defer u.mu.Unlock()
	var found []seenRequest
	for _, r := range u.requests {
		if r.Get("x-e2e-case") == name {
			found = append(found, r)
		}
	}
	return found
}

// all returns every request since the last reset.
func (u *upstream) all() []seenRequest {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]seenRequest(nil), u.requests...)
}

// ended waits for the end of the exchange with that id.
func (u *upstream) ended(t *testing.T, id string) lookalike.End {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	for {
		u.mu.Lock()
		more := u.more
		for _, e := range u.ends {
			if e.ID == id {
				u.mu.Unlock()
				return e
			}
		}
		u.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			t.Fatalf("the exchange %s did not end at upstream within %v", id, testkit.Patience)
		}
	}
}

// lines returns the values of all lines of a field, whatever its case.
func lines(r seenRequest, name string) []string {
	var values []string
	for _, f := range r.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}
