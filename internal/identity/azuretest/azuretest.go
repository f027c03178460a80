// Package azuretest plays the parts of Azure that give out tokens and secrets, by the
// wire formats that were recorded from Azure's own library. It is for tests, and shares
// no code with what it judges.
//
// A Cloud answers without a network, so that a test can have a clock of its own
// (testing/synctest), or behind an httptest.Server.
package azuretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Cloud leads requests to its parts by the host that is asked.
type Cloud struct {
	Identity Identity
	Vault    Vault
}

// Do answers without a network.
func (c *Cloud) Do(r *http.Request) (*http.Response, error) {
	if c.Identity.hanging() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// ServeHTTP answers as whoever the request is for.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/secrets/") {
		c.Vault.serve(w, r)
		return
	}
	c.Identity.serve(w, r)
}

// Identity gives out tokens: as the metadata service, as App Service, as the agent of
// Arc, and as Entra to a workload. What it says is chosen by how it is asked.
type Identity struct {
	// Header is what App Service wants to be shown (IDENTITY_HEADER), KeyFile the file
	// of Arc's agent, Assertion the file content that Entra wants to see.
	Header, KeyFile, Assertion string
	// Life is how long a token is good for; 0: an hour.
	Life time.Duration

	Asked atomic.Int64

	mu     sync.Mutex
	hangs  bool
	faults []Fault // for the next requests, one each; the last one stays
	Seen   []string
}

// Fault is an answer that is none. Its zero value is a right answer.
type Fault struct {
	Status   int
	Code     string // of the error
	Location string // of a redirect
}

// Fail has the next requests fail, one after the other.
func (i *Identity) Fail(faults ...Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.faults = faults
}

// Hang has requests wait for their end, or not any more.
func (i *Identity) Hang(hangs bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.hangs = hangs
}

func (i *Identity) hanging() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.hangs
}

// Requests returns what was asked: method, path and what proved the asker.
func (i *Identity) Requests() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.Seen...)
}

func (i *Identity) next(r *http.Request) (f Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.Seen = append(i.Seen, r.Method+" "+r.URL.String())
	if len(i.faults) > 0 {
		f, i.faults = i.faults[0], i.faults[1:]
	}
	return f
}

func (i *Identity) serve(w http.ResponseWriter, r *http.Request) {
	switch f := i.next(r); {
	case f.Location != "":
		w.Header().Set("Location", f.Location)
		w.WriteHeader(http.StatusFound)
		return
	case f.Status != 0:
		say(w, f.Status, map[string]any{"error": f.Code, "error_description": "AADSTS12345: it was asked to fail"})
		return
	}
	_ = r.ParseForm()
	resource := r.Form.Get("resource")
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		tenant := "https://" + r.Host + strings.TrimSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration")
		say(w, 200, map[string]any{
			"issuer": tenant + "/v2.0", "authorization_endpoint": tenant + "/oauth2/v2.0/authorize", "token_endpoint": tenant + "/oauth2/v2.0/token",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		i.entra(w, r)
	case r.Form.Get("api-version") == "2019-08-01" && r.Header.Get("X-IDENTITY-HEADER") == i.Header:
		i.give(w, map[string]any{"resource": resource})
	case r.Form.Get("api-version") == "2020-06-01" && r.Header.Get("Metadata") == "true":
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", "Basic realm="+i.KeyFile)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		i.give(w, map[string]any{"resource": resource, "expires_in": "3600"})
	case r.Form.Get("api-version") == "2018-02-01" && r.Header.Get("Metadata") == "true":
		i.give(w, map[string]any{"resource": resource, "expires_in": fmt.Sprint(int(i.life().Seconds()))})
	default:
		say(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
	}
}

func (i *Identity) entra(w http.ResponseWriter, r *http.Request) {
	if r.Form.Get("client_assertion") != i.Assertion || r.Form.Get("grant_type") != "client_credentials" {
		say(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "AADSTS700213: no federated credential"})
		return
	}
	n := i.Asked.Add(1)
	say(w, 200, map[string]any{
		"token_type": "Bearer", "expires_in": int(i.life().Seconds()), "ext_expires_in": int(i.life().Seconds()), "access_token": fmt.Sprintf("token-%d", n),
	})
}

func (i *Identity) life() time.Duration {
	if i.Life == 0 {
		return time.Hour
	}
	return i.Life
}

// give answers in the form of managed identity: numbers are texts.
func (i *Identity) give(w http.ResponseWriter, more map[string]any) {
	n := i.Asked.Add(1)
	more["access_token"], more["token_type"] = fmt.Sprintf("token-%d", n), "Bearer"
	more["expires_on"] = fmt.Sprint(time.Now().Add(i.life()).Unix())
	say(w, 200, more)
}

func say(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
