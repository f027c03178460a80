//go:build e2e

package faults

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

const guardedAudience = "api://edge"

// guarded is an upstream behind a route that asks for a token. It wants the key that the
// edge has of the vault.
type guarded struct {
	*httptest.Server
	doubts                   atomic.Bool // the next request gets 401, so that the edge asks the vault again
	served, wrong, strangers atomic.Int64
}

func startGuarded(t *testing.T) *guarded {
	g := &guarded{}
	g.doubts.Store(true)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Hostile") != "":
			g.strangers.Add(1)
		case r.Header.Get("api-key") != vaultSecret || r.Header.Get("Authorization") != "":
			g.wrong.Add(1)
		case g.doubts.CompareAndSwap(true, false):
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.served.Add(1)
		_, _ = io.WriteString(w, r.Header.Get("X-Nonce"))
	}))
	t.Cleanup(g.Close)
	return g
}

// caller is somebody with an address of his own.
func caller(network, number int) *http.Client {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, byte(network), byte(1+number%200))}
	return &http.Client{Timeout: testkit.Patience, Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext}}
}

// call asks the guarded route, and returns the status, the edge's error and the body.
func (s *stage) call(c *http.Client, token, nonce string, hostile bool) (status int, code, body string, err error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.Address()+"/guarded/v1/models", nil)
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Nonce", nonce)
	if hostile {
		r.Header.Set("X-Hostile", "1")
	}
	answer, err := c.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("X-Apim-Edge-Error"), string(text), err
}

// TestHostileTokensAndNobodyToAsk: at the same time clients flood a route with tokens that
// cost much to refuse, its issuer answers whatever is wrong, the vault with the upstream's
// key is away, and the configuration is read again. Who has a good token, seen before or
// new, is served; so is the ordinary load on other routes; nobody else passes.
func TestHostileTokensAndNobodyToAsk(t *testing.T) {
	const holders, hostile = 8, 40
	v, g, issuer := startVault(t), startGuarded(t), identitytest.Start(t)
	decrypting, _ := identitytest.DecryptionKey(t)
	s := start(t, sides{}, func(s *load.Settings) {
		s.Upstreams = fmt.Sprintf("  vaulted: {url: %q, auth: {value: \"keyvault:https://%s/secrets/aoai\"}}\n", g.URL, vaultHost)
		s.Routes = "  guarded: {path_prefix: /guarded, strip_prefix: /guarded, upstream: vaulted, require: {token: [partner]}}\n"
		s.More = fmt.Sprintf("token_policies:\n  partner: {openid_configs: [%q], audiences: [%q], decryption_keys: [\"file:%s\"]}\n",
			issuer.Metadata, guardedAudience, decrypting)
	})
	testkit.Must(t, s.Await("the keys", s.Logged("keys of an issuer are there")))
	before, first := s.quiet(), caller(2, holders)
	if status, _, _, err := s.call(first, issuer.Token(guardedAudience, nil), "doubt", false); status != http.StatusUnauthorized {
		t.Fatalf("the upstream's own 401 comes as %d, %v", status, err)
	}
	v.goAway()

	c := s.gather(60, map[string]int{"upstream_head_timeout": 504, "upstream_closed_early": 502})
	stop := make(chan struct{})
	var all sync.WaitGroup
	var asked, refused atomic.Int64
	for i := range holders {
		all.Go(func() { s.holds(issuer, i, stop, &asked) })
	}
	for i := range hostile {
		all.Go(func() { s.attacks(issuer, i, stop, &refused) })
	}
	all.Go(func() { misbehave(issuer, stop) })
	all.Go(func() { s.reloads(stop) })
	begun := time.Now()
	eventually(t, "the vault to be missed", func() bool { return v.missed.Load() > 0 }) // ten seconds behind the last answer
	s.await(c, "complete", 60, "tokens flooding the edge")
	eventually(t, "good and hostile tokens in number", func() bool { return asked.Load() > 20*holders && refused.Load() > 20*hostile })
	close(stop)
	all.Wait()
	c.Halt()
	t.Logf("%v: %d good tokens, %d hostile ones; %v", time.Since(begun).Round(time.Second), asked.Load(), refused.Load(), c)

	issuer.Misbehave(nil)
	issuer.Rotate()
	eventually(t, "a token of a new key to pass behind the flood", func() bool {
		status, _, _, err := s.call(first, issuer.Token(guardedAudience, nil), "rotated", false)
		return err == nil && status == http.StatusOK
	})
	if n := g.strangers.Load(); n > 0 {
		t.Errorf("%d requests with hostile tokens have reached the upstream", n)
	}
	if n := g.wrong.Load(); n > 0 {
		t.Errorf("%d requests reached the upstream without the key of the vault, or with the client's token", n)
	}
	first.CloseIdleConnections()
	s.wantQuiet(before)
	s.drained()
}

// holds is a client with good tokens: one that is known, and new ones.
func (s *stage) holds(issuer *identitytest.Issuer, number int, stop <-chan struct{}, asked *atomic.Int64) {
	c := caller(2, number)
	defer c.CloseIdleConnections()
	known := issuer.Token(guardedAudience, nil)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		token := known
		if n%4 == 0 {
			token = issuer.Token(guardedAudience, identitytest.Claims{"jti": fmt.Sprint(number, n)})
		}
		nonce := fmt.Sprintf("holder-%d-%d", number, n)
		if status, code, body, err := s.call(c, token, nonce, false); err != nil || status != http.StatusOK || body != nonce {
			s.t.Errorf("a good token, %s: %d %s, body %q, %v", nonce, status, code, body, err)
			return
		}
		asked.Add(1)
	}
}

// attacks is a client with tokens that must not pass, each of them new.
func (s *stage) attacks(issuer *identitytest.Issuer, number int, stop <-chan struct{}, refused *atomic.Int64) {
	c := caller(3, number)
	defer c.CloseIdleConnections()
	good := issuer.Token(guardedAudience, nil)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		token, codes := hostileToken(issuer, good, number, n)
		status, code, _, err := s.call(c, token, "", true)
		if err != nil || code == "" || !strings.Contains(codes, code) {
			s.t.Errorf("a hostile token of kind %d: %d %q, %v; want one of %s", n%5, status, code, err, codes)
			return
		}
		refused.Add(1)
	}
}

// hostileToken returns a token that nobody has seen, and the errors that it may get.
func hostileToken(issuer *identitytest.Issuer, good string, number, n int) (token, codes string) {
	switch n % 5 {
	case 0: // a key that is unknown
		return issuer.Unknown(guardedAudience, fmt.Sprintf("key-of-%d-%d", number, n)), "token_invalid edge_overloaded"
	case 1: // garbage that may be opened with the private key
		return text(`{"alg":"RSA-OAEP","enc":"A256GCM"}`) + "." + text(random(256)) + "." + text(random(12)) + "." + text(random(300)) + "." + text(random(16)),
			"token_invalid edge_overloaded"
	case 2: // another signature
		return good[:strings.LastIndexByte(good, '.')+1] + text(random(256)), "token_invalid"
	case 3: // for somebody else
		return issuer.Token("api://other", identitytest.Claims{"jti": fmt.Sprint(number, n)}), "token_invalid"
	}
	return issuer.Token(guardedAudience, identitytest.Claims{"exp": 1, "jti": fmt.Sprint(number, n)}), "token_expired"
}

// misbehave has the issuer do one wrong thing after the other.
func misbehave(issuer *identitytest.Issuer, stop <-chan struct{}) {
	wrongs := []http.HandlerFunc{
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/keys", http.StatusFound)
		},
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 4<<20)) },
	}
	for n := 0; ; n++ {
		issuer.Misbehave(wrongs[n%len(wrongs)])
		select {
		case <-stop:
			return
		case <-time.After(2 * time.Second):
		}
	}
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return string(b)
}

func text(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
