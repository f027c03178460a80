package identity

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestAPolicyIsReleasedWhileATokenWaits: a reload gives back a policy under which a token
// still waits for a key. The token is refused for its key, and the process goes on.
func TestAPolicyIsReleasedWhileATokenWaits(t *testing.T) {
	i := identitytest.Start(t)
	guard := NewGuard(issuer.Options{})
	defer guard.Sources().Close()
	p, err := guard.Policy("partner", token.Options{
		Issuers: []string{i.URL}, Audiences: []string{audience}, SigningKeys: []string{i.URL + "/keys", i.URL + "/keys?2"},
	}, nil)
	testkit.Must(t, err)
	awaitKeys(t, guard)
	asked := make(chan struct{})
	var once sync.Once
	i.Misbehave(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-r.Context().Done()
	})
	_, work := (&Gate{Route: "openai", Policies: []*Policy{p}}).Judge(NewCache(), of(i.Unknown(audience, "new")), nil, time.Now())
	told := make(chan []Verdict, 1)
	go func() { told <- work.Do(context.Background()) }()
	<-asked
	guard.Release(p)
	if v := <-told; v[0].Refusal == nil || v[0].Refusal.Code != edgeerr.TokenInvalid || v[0].Refusal.Check != token.Key {
		t.Errorf("the token: %+v", v[0])
	}
	i.Misbehave(nil)
}

// TestATokenOfAReleasedPolicy: who came before a reload is judged by what held then.
func TestATokenOfAReleasedPolicy(t *testing.T) {
	i := identitytest.Start(t)
	guard := NewGuard(issuer.Options{})
	defer guard.Sources().Close()
	p, err := guard.Policy("partner", token.Options{OpenIDConfigs: []string{i.Metadata}, Audiences: []string{audience}}, nil)
	testkit.Must(t, err)
	awaitKeys(t, guard)
	_, work := (&Gate{Route: "openai", Policies: []*Policy{p}}).Judge(NewCache(), of(i.Token(audience, nil)), nil, time.Now())
	guard.Release(p)
	if v := work.Do(context.Background()); v[0].Passed == nil {
		t.Errorf("the token: %+v", v[0].Refusal)
	}
}
