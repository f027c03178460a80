package proxy_test

import (
	"net/http"
	"testing"

	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

func TestAnIssuerThatWasNeverReached(t *testing.T) {
	i := identitytest.Start(t)
	i.Misbehave(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
	e := proxytest.StartEdge(t, proxytest.StartUpstream(t, echo), guarded(i, nil))
	m := e.Ask(with(bearer(i.Token(audience, nil))))
	proxytest.WantError(t, m, 503, "keys_unavailable", "true")
	if m.Get("Retry-After") == "" || m.Get("WWW-Authenticate") != "" {
		t.Errorf("answer %v, want Retry-After and no challenge", m)
	}
	e.WantExchange(503, "keys_unavailable")
	i.Misbehave(nil)
	waitForKeys(t, e)
	if m := e.Ask(with(bearer(i.Token(audience, nil)))); m.Status() != 200 {
		t.Errorf("the issuer is there, but the answer is %v", m)
	}
	e.Exchange()
}

func TestAnIssuerThatGoesAwayIsNobodysTrouble(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo, echo), nil)
	i.Misbehave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	for range 2 {
		if m := e.Ask(with(bearer(i.Token(audience, identitytest.Claims{"jti": proxytest.Page})))); m.Status() != 200 {
			t.Errorf("answer %v", m)
		}
		e.Exchange()
	}
	i.Misbehave(nil)
}

func TestARotatedKeyIsAccepted(t *testing.T) {
	i := identitytest.Start(t)
	e := startGuarded(t, i, proxytest.StartUpstream(t, echo, echo), nil)
	i.Rotate()
	if m := e.Ask(with(bearer(i.Token(audience, nil)))); m.Status() != 200 {
		t.Errorf("answer %v, want 200: the key is new", m)
	}
	e.Exchange()
	i.RotateEC()
	if m := e.Ask(with(bearer(i.Token(audience, nil)))); m.Status() != 200 {
		t.Errorf("answer %v, want 200: the key is of another kind", m)
	}
	e.Exchange()
}

// Others on the loop are served while a token waits for its issuer.
func TestOthersDoNotWait(t *testing.T) {
	i := identitytest.Start(t)
	e := proxytest.StartEdgeOn(t, 1, proxytest.StartUpstream(t, echo), guarded(i, nil))
	waitForKeys(t, e)
	asked, release := make(chan struct{}, 1), make(chan struct{})
	i.Misbehave(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
		http.Error(w, "no", http.StatusInternalServerError)
	})
	slow := e.Dial()
	defer slow.Close() //nolint:errcheck // a test's end
	slow.Send(with(bearer(i.Unknown(audience, "new"))))
	<-asked
	if m := e.Ask(with(bearer(i.Token(audience, nil)))); m.Status() != 200 {
		t.Errorf("answer %v", m)
	}
	e.Exchange()
	close(release)
	if m := slow.Answer("POST"); m.Status() != 401 {
		t.Errorf("answer %v, want 401", m)
	}
	e.Exchange()
	i.Misbehave(nil)
}

// A client that leaves while its token is verified is nobody any more: nothing goes
// upstream, and what comes of the token harms no exchange that follows in its place.
func TestAClientLeavesWhileItsTokenIsVerified(t *testing.T) {
	i := identitytest.Start(t)
	e := proxytest.StartEdgeOn(t, 1, proxytest.StartUpstream(t, echo), guarded(i, nil))
	waitForKeys(t, e)
	asked, release := make(chan struct{}, 1), make(chan struct{})
	i.Misbehave(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- struct{}{}:
		default:
		}
		<-release
		http.Error(w, "no", http.StatusInternalServerError)
	})
	c := e.Dial()
	c.Send(with(bearer(i.Unknown(audience, "new"))))
	<-asked
	c.Fin()
	if line := e.Exchange(); line["cause"] != "client_left" {
		t.Errorf("the access line is %v", line)
	}
	other := e.Dial()   // takes the exchange that was given back
	defer other.Close() //nolint:errcheck // a test's end
	other.Send(with(bearer(i.Token(audience, nil))))
	if m := other.Answer("POST"); m.Status() != 200 {
		t.Errorf("answer %v", m)
	}
	e.Exchange()
	close(release)
	i.Misbehave(nil)
}
