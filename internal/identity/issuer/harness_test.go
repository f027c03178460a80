package issuer

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const (
	address = "https://id.example.com/.well-known/openid-configuration"
	keysAt  = "https://id.example.com/keys"
)

var metadataPlace = token.Place{Kind: token.Metadata, Ref: address}

// issuerDouble is an issuer in memory: it answers what it is told to, and counts.
type issuerDouble struct {
	mu     sync.Mutex
	kids   []string
	asked  int // for keys
	answer func(*http.Request) (status int, body string)
	hangs  bool
	header http.Header
}

// RoundTrip implements http.RoundTripper.
func (d *issuerDouble) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	if r.URL.Path == "/keys" {
		d.asked++
	}
	hangs, answer, kids, header := d.hangs, d.answer, d.kids, d.header
	d.mu.Unlock()
	if hangs {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	status, body := 200, `{"issuer":"https://id.example.com","jwks_uri":"`+keysAt+`"}`
	switch {
	case answer != nil:
		status, body = answer(r)
	case r.URL.Path == "/keys":
		body = document(kids...)
	}
	if status == 0 {
		return nil, fmt.Errorf("connection refused")
	}
	return &http.Response{StatusCode: status, Header: header.Clone(), Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func (d *issuerDouble) set(change func(*issuerDouble)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *issuerDouble) questions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

var made sync.Map // kid: JWK, so that a key stays the same

func document(kids ...string) string {
	var keys []string
	for _, kid := range kids {
		text, _ := made.LoadOrStore(kid, sync.OnceValue(func() string {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				panic(err)
			}
			raw, err := jose.JSONWebKey{Key: k.Public(), KeyID: kid}.MarshalJSON()
			if err != nil {
				panic(err)
			}
			return string(raw)
		}))
		keys = append(keys, text.(func() string)())
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

// start runs a source of the double, and ends it with the test.
func start(t *testing.T, d *issuerDouble, notify func(*Source, Event)) (*Registry, *Source) {
	t.Helper()
	r := NewRegistry(Options{Client: &http.Client{Transport: d}, Notify: notify})
	s, err := r.Acquire(metadataPlace)
	testkit.Must(t, err)
	t.Cleanup(func() { r.Release(s) })
	return r, s
}

func await(s *Source, kid string) bool { return s.Await(context.Background(), kid) }

func big(n int) string { return string(bytes.Repeat([]byte{' '}, n)) }
