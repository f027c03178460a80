package token

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

const (
	tenant  = "11111111-2222-3333-4444-555555555555"
	tenant2 = "99999999-2222-3333-4444-555555555555"
	login   = "https://login.microsoftonline.com"
)

// entraToken is one as Entra makes them, with the members of its version.
func entraToken(iss, tid, more string) string {
	return sign("RS256", `{"typ":"JWT","alg":"RS256","kid":"r1","x5t":"r1"}`, fmt.Sprintf(
		`{"aud":"api://edge","iss":%q,"iat":1799999000,"nbf":1799999000,"exp":1800003600,"oid":"o","sub":"s","tid":%q%s}`, iss, tid, more))
}

// entraSet is a key document of Entra: no alg, an issuer beside each key.
func entraSet(t testing.TB, issuer string) *keyset.Set {
	return set(t, "https://as/metadata/says", jwks(jwk(&rsaKey().PublicKey, "r1", fmt.Sprintf(`,"use":"sig","x5t":"r1","x5c":["MIIB"],"issuer":%q`, issuer))))
}

func TestOneTenant(t *testing.T) {
	both := []*keyset.Set{entraSet(t, login+"/"+tenant+"/v2.0"), entraSet(t, login+"/"+tenant+"/v2.0")}
	bare := set(t, "", jwks(jwk(&rsaKey().PublicKey, "r1", "")))
	for _, tc := range []struct {
		name string
		text string
		sets []*keyset.Set
		want string // the check, or "" for accepted
	}{
		{"a token of version 1", entraToken("https://sts.windows.net/"+tenant+"/", tenant, `,"ver":"1.0","appid":"app"`), both, ""},
		{"a token of version 2", entraToken(login+"/"+tenant+"/v2.0", tenant, `,"ver":"2.0","azp":"app"`), both, ""},
		{"version 1 without the slash", entraToken("https://sts.windows.net/"+tenant, tenant, ""), both, "issuer"},
		{"another tenant", entraToken(login+"/"+tenant2+"/v2.0", tenant2, ""), both, "issuer"},
		{"another tenant that says this tid", entraToken(login+"/"+tenant2+"/v2.0", tenant, ""), both, "issuer"},
		{"another cloud", entraToken("https://login.microsoftonline.us/"+tenant+"/v2.0", tenant, ""), both, "issuer"},
		{"a key of another tenant", entraToken(login+"/"+tenant+"/v2.0", tenant, ""), []*keyset.Set{nil, entraSet(t, login+"/"+tenant2+"/v2.0")}, "key"},
		{"a key of every tenant", entraToken(login+"/"+tenant+"/v2.0", tenant, ""), []*keyset.Set{nil, entraSet(t, login+"/{tenantid}/v2.0")}, ""},
		{"a key without an issuer, in the tenant's own document", entraToken("https://sts.windows.net/"+tenant+"/", tenant, ""), []*keyset.Set{bare, nil}, ""},
		{"only the other version's metadata was reached", entraToken(login+"/"+tenant+"/v2.0", tenant, ""), []*keyset.Set{both[0], nil}, "issuer unavailable"},
		{"no metadata was reached", entraToken(login+"/"+tenant+"/v2.0", tenant, ""), nil, "issuer unavailable"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, Options{TenantID: strings.ToUpper(tenant), Audiences: []string{"api://edge"}})
			wantCheck(t, p, tc.text, tc.sets, tc.want)
		})
	}
}

func TestEveryTenant(t *testing.T) {
	everybody := []*keyset.Set{entraSet(t, login+"/{tenantid}/v2.0")}
	v2 := func(tid string) string { return entraToken(login+"/"+tid+"/v2.0", tid, "") }
	for _, tc := range []struct {
		name    string
		tenants []string
		text    string
		sets    []*keyset.Set
		want    string
	}{
		{"any tenant", nil, v2(tenant), everybody, ""},
		{"version 1", nil, entraToken("https://sts.windows.net/"+tenant+"/", tenant, ""), everybody, ""},
		{"a tenant of the list", []string{tenant}, v2(tenant), everybody, ""},
		{"a tenant that is not in the list", []string{tenant}, v2(tenant2), everybody, "issuer"},
		{"a personal account", nil, v2(consumers), everybody, "issuer"},
		{"iss and tid differ", nil, entraToken(login+"/"+tenant2+"/v2.0", tenant, ""), everybody, "issuer"},
		{"tid is no GUID", nil, entraToken(login+"/contoso.com/v2.0", "contoso.com", ""), everybody, "issuer"},
		{"tid is missing", nil, strings.Replace(entraToken(login+"/"+tenant+"/v2.0", "", ""), "x", "x", 1), everybody, "issuer"},
		{"tid is a path", nil, entraToken(login+"/"+tenant+"/../x/v2.0", tenant+"/../x", ""), everybody, "issuer"},
		{"the template itself", nil, entraToken(login+"/{tenantid}/v2.0", "{tenantid}", ""), everybody, "issuer"},
		{"another host that looks alike", nil, entraToken("https://login.microsoftonline.com.evil.test/"+tenant+"/v2.0", tenant, ""), everybody, "issuer"},
		{"a key of one tenant does not sign for another", nil, v2(tenant), []*keyset.Set{entraSet(t, login+"/"+tenant2+"/v2.0")}, "key"},
		{"a key of one tenant signs for it", nil, v2(tenant), []*keyset.Set{entraSet(t, login+"/"+tenant+"/v2.0")}, ""},
		{"a key of personal accounts", nil, v2(tenant), []*keyset.Set{entraSet(t, login+"/"+consumers+"/v2.0")}, "key"},
		{"a key without an issuer signs for nobody", nil, v2(tenant), []*keyset.Set{set(t, "", jwks(jwk(&rsaKey().PublicKey, "r1", "")))}, "key"},
		{"the template in another case", nil, v2(tenant), []*keyset.Set{entraSet(t, login+"/{TenantId}/v2.0")}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, Options{TenantID: "organizations", Tenants: tc.tenants, Audiences: []string{"api://edge"}})
			wantCheck(t, p, tc.text, tc.sets, tc.want)
		})
	}
}

func TestClouds(t *testing.T) {
	for cloud, want := range map[string][2]string{
		"public":       {"https://sts.windows.net/", "https://login.microsoftonline.com/"},
		"usgovernment": {"https://sts.windows.net/", "https://login.microsoftonline.us/"},
		"china":        {"https://sts.chinacloudapi.cn/", "https://login.partner.microsoftonline.cn/"},
	} {
		t.Run(cloud, func(t *testing.T) {
			p := compile(t, Options{TenantID: tenant, Cloud: cloud, Audiences: []string{"api://edge"}})
			places := p.Places()
			if len(places) != 2 || places[0].Ref != want[1]+tenant+"/.well-known/openid-configuration" ||
				places[1].Ref != want[1]+tenant+"/v2.0/.well-known/openid-configuration" {
				t.Errorf("places %v", places)
			}
			s := entraSet(t, want[1]+tenant+"/v2.0")
			wantCheck(t, p, entraToken(want[0]+tenant+"/", tenant, ""), []*keyset.Set{s, s}, "")
			wantCheck(t, p, entraToken(want[1]+tenant+"/v2.0", tenant, ""), []*keyset.Set{s, s}, "")
		})
	}
}

// wantCheck verifies text: want is the check that refuses it, "" where it is accepted,
// and "issuer unavailable" where the issuer was never reached.
func wantCheck(t *testing.T, p *Policy, text string, sets []*keyset.Set, want string) *Verified {
	t.Helper()
	v, r := p.Verify(text, now, sets)
	got := ""
	if r != nil {
		got = r.Check.String()
		if r.Code == edgeerr.KeysUnavailable {
			got += " unavailable"
		}
	}
	if got != want {
		t.Errorf("got %q (%v), want %q", got, r, want)
	}
	return v
}
