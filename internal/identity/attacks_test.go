package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/identitytest"
	"github.com/apim-edge/apim-edge/internal/identity/issuer"
	"github.com/apim-edge/apim-edge/internal/identity/token"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// stranger is a server that must never be asked.
func stranger(t *testing.T) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "nobody should ask this", http.StatusTeapot)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// TestAttacksOfTheLastYears is one table of what was done to others from 2023 to 2026,
// through the gate as the data path asks it. What is done to the text of a token alone
// has its large table in the package token.
func TestAttacksOfTheLastYears(t *testing.T) {
	i := identitytest.Start(t)
	guard, g := stand(t, i, nil)
	elsewhere, asked := stranger(t)
	claims := func(more string) string {
		return fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d%s}`, i.URL, audience, time.Now().Add(time.Hour).Unix(), more)
	}
	good := claims("")
	header := func(more string) string { return `{"alg":"RS256","kid":"key-1"` + more + `}` }
	der, err := x509.MarshalPKIXPublicKey(i.Public())
	testkit.Must(t, err)
	hs256 := func(key []byte) string {
		input := enc(`{"alg":"HS256","kid":"key-1"}`) + "." + enc(good)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	other := identitytest.Offline(i.URL) // its key has the same id, and nobody has published it
	tenant := "11111111-2222-3333-4444-555555555555"
	for _, tc := range []struct {
		attack string // with one that it was done to
		text   string
		check  string
	}{
		{"1. no signature", enc(`{"alg":"none","kid":"key-1"}`) + "." + enc(good) + ".AA", "header"},
		{"1. no signature, in another case", enc(`{"alg":"nOnE","kid":"key-1"}`) + "." + enc(good) + ".AA", "header"},
		{"1. alg twice", i.Sign(`{"alg":"none","alg":"RS256","kid":"key-1"}`, good), "header"},
		{"2. HS256 by the public key (CVE-2024-33663, CVE-2026-33322)", hs256(der), "header"},
		{"2. HS256 by the public key in PEM (CVE-2024-37568)", hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "header"},
		{"4. a key of the attacker's in the header", other.Sign(header(`,"jwk":{"kty":"RSA","kid":"key-1"}`), good), "signature"},
		{"4. a URL of the attacker's: jku", other.Sign(header(`,"jku":"`+elsewhere+`"`), good), "signature"},
		{"4. a URL of the attacker's: x5u", other.Sign(header(`,"x5u":"`+elsewhere+`"`), good), "signature"},
		{"5. kid is a path", i.Sign(`{"alg":"RS256","kid":"../../../dev/null"}`, good), "key"},
		{"5. kid is a URL", i.Sign(`{"alg":"RS256","kid":"`+elsewhere+`"}`, good), "key"},
		{"5. the id of another issuer's key (CVE-2026-49998)", other.Token(audience, nil), "signature"},
		{"5. the issuer is a URL of the attacker's (CVE-2026-32301, CVE-2026-41413)", i.Token(audience, identitytest.Claims{"iss": elsewhere}), "issuer"},
		{"5. the tenant is a path", i.Token(audience, identitytest.Claims{"iss": i.URL, "tid": "../" + elsewhere, "aud": "x"}), "audience"},
		{"7. unknown crit (CVE-2025-59420)", i.Sign(header(`,"crit":["x"],"x":1`), good), "header"},
		{"7. b64 false", i.Sign(header(`,"b64":false,"crit":["b64"]`), good), "header"},
		{"8. JSON form", `{"payload":"` + enc(good) + `","protected":"` + enc(header("")) + `","signature":"AA"}`, "form"},
		{"9. a JWE around nothing (CVE-2026-29000)", enc(`{"alg":"dir","enc":"A256GCM"}`) + "..AAAA.AAAA.AAAA", "encryption"},
		{"10. PBES2 that takes a minute (CVE-2023-50658)", enc(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":50000000,"p2s":"AAAA"}`) + ".AAAA.AAAA.AAAA.AAAA", "encryption"},
		{"10. an empty encrypted key (CVE-2026-34986)", enc(`{"alg":"A128KW","enc":"A256GCM"}`) + "..AAAA.AAAA.AAAA", "encryption"},
		{"11. dots (CVE-2025-27144, CVE-2025-30204)", strings.Repeat(".", 16_000), "form"},
		{"11. a megabyte", strings.Repeat("a", 1<<20), "form"},
		{"12. r = s = 0 (CVE-2022-21449)", enc(`{"alg":"ES256","kid":"key-1"}`) + "." + enc(good) + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)), "key"},
		{"13. no exp (CVE-2026-9097)", i.Token(audience, identitytest.Claims{"exp": nil}), "expiration"},
		{"13. exp is a text", i.Token(audience, identitytest.Claims{"exp": "4102444800"}), "expiration"},
		{"13. nbf is a text", i.Token(audience, identitytest.Claims{"nbf": "0"}), "not_before"},
		{"13. exp twice", i.Sign(header(""), strings.Replace(good, `"exp"`, `"exp":1,"exp"`, 1)), "payload"},
		{"14. another API's audience (CVE-2026-30223, CVE-2026-55669)", i.Token("api://other", nil), "audience"},
		{"14. an audience that begins so", i.Token(audience+".evil.test", nil), "audience"},
		{"14. an issuer that begins so (CVE-2024-53861)", i.Token(audience, identitytest.Claims{"iss": i.URL + "/"}), "issuer"},
		{"15. a token for another use: DPoP", i.Sign(header(`,"typ":"dpop+jwt"`), good), "header"},
		{"15. a token for another use: logout", i.Sign(header(`,"typ":"logout+jwt"`), good), "header"},
		{"15. an id token, whose audience is the application", i.Token("app-1", nil), "audience"},
		{"16. a token of Azure without a signature (CVE-2026-23518)", enc(`{"alg":"none"}`) + "." + enc(`{"iss":"https://sts.windows.net/`+tenant+`/","tid":"`+tenant+`"}`) + ".", "form"},
		{"20. a clock that is wrong by a minute", i.Token(audience, identitytest.Claims{"nbf": time.Now().Add(time.Minute).Unix()}), "not_before"},
	} {
		t.Run(tc.attack, func(t *testing.T) {
			c := NewCache()
			for range 2 { // new, and known
				if o, _ := judge(g, c, of(tc.text)); o.Code == edgeerr.None || o.Check != tc.check || o.Passed != nil {
					t.Errorf("got %v %q, want a refusal by %q", o.Code, o.Check, tc.check)
				}
			}
		})
	}
	t.Run("nobody else was asked", func(t *testing.T) {
		if n := asked.Load(); n != 0 {
			t.Errorf("%d times", n)
		}
	})
	t.Run("19. another route with a stricter policy", func(t *testing.T) {
		strict := gateOf(t, guard, i, func(o *token.Options) { o.RequiredClaims = map[string]token.Claim{"roles": {}} })
		c, text := NewCache(), i.Token(audience, nil)
		judge(g, c, of(text))
		if o, _ := judge(strict, c, of(text)); o.Code != edgeerr.ClaimMissing {
			t.Errorf("got %v", o.Code)
		}
	})
	t.Run("19. a verdict that outlives the token", func(t *testing.T) {
		c, text := NewCache(), i.Token(audience, nil)
		judge(g, c, of(text))
		if o, work := g.Judge(c, of(text), nil, time.Now().Add(2*time.Hour)); work == nil {
			t.Errorf("two hours later it is known as %v", o.Code)
		}
	})
}

// 3. and 6.: what an issuer that is not itself any more may do.
func TestAnIssuerThatWasTakenOver(t *testing.T) {
	elsewhere, asked := stranger(t)
	i := identitytest.Start(t)
	_, g := stand(t, i, nil)
	c, text := NewCache(), i.Token(audience, nil)
	for name, h := range map[string]http.HandlerFunc{
		"6. it redirects (CVE-2026-49478)": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) },
		"3. its only key is a secret": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"keys":[{"kty":"oct","kid":"key-1","alg":"HS256","k":"AAAA"}]}`, i.URL, i.URL+"/keys")
		},
	} {
		t.Run(name, func(t *testing.T) {
			i.Misbehave(h)
			defer i.Misbehave(nil)
			if o, _ := judge(g, c, of(i.Unknown(audience, "new-"+name[:1]))); o.Code != edgeerr.TokenInvalid {
				t.Errorf("a token with an unknown key: %v", o.Code)
			}
			if o, _ := judge(g, c, of(text)); o.Code != edgeerr.None {
				t.Errorf("a good token: %v", o.Code)
			}
		})
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// 17.: keys that are kept for ever (CVE-2025-22149). See TestAVerdictEndsWithItsKey for
// what they have verified.
func TestAKeyThatWasWithdrawn(t *testing.T) {
	i := identitytest.Start(t)
	old := i.Token(audience, nil)
	i.Rotate()
	i.Withdraw()
	g := NewGuard(issuer.Options{})
	gate := gateOf(t, g, i, nil)
	if o, _ := judge(gate, NewCache(), of(old)); o.Code != edgeerr.TokenInvalid || o.Check != "key" {
		t.Errorf("got %v %q", o.Code, o.Check)
	}
}
