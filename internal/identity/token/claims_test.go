package token

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/internal/identity/keyset"
)

func TestRequiredClaims(t *testing.T) {
	for _, tc := range []struct {
		name  string
		claim string
		want  Claim
		says  string // the claim's value; "": it is not there
		ok    bool
	}{
		{"one of a list is enough", "roles", Claim{Values: []string{"A", "B"}}, `["x","B"]`, true},
		{"none of a list", "roles", Claim{Values: []string{"A", "B"}}, `["x"]`, false},
		{"all, in another order", "roles", Claim{Values: []string{"A", "B"}, Match: "all"}, `["B","x","A"]`, true},
		{"not all", "roles", Claim{Values: []string{"A", "B"}, Match: "all"}, `["A"]`, false},
		{"a text that is the value", "roles", Claim{Values: []string{"A"}}, `"A"`, true},
		{"a text that begins with the value", "roles", Claim{Values: []string{"A"}}, `"AB"`, false},
		{"a text is not split by itself", "groups", Claim{Values: []string{"A"}}, `"A B"`, false},
		{"a text is split where that is said", "groups", Claim{Values: []string{"B"}, Separator: ","}, `"A,B"`, true},
		{"scp is split at blanks", "scp", Claim{Values: []string{"Chat"}}, `"User.Read Chat"`, true},
		{"scope is as well", "scope", Claim{Values: []string{"a", "b"}, Match: "all"}, `"b  a"`, true},
		{"another case is another value", "roles", Claim{Values: []string{"A"}}, `["a"]`, false},
		{"missing", "roles", Claim{Values: []string{"A"}}, "", false},
		{"null", "roles", Claim{Values: []string{"A"}}, "null", false},
		{"an empty list", "roles", Claim{Values: []string{"A"}}, "[]", false},
		{"an object with the value as a name", "roles", Claim{Values: []string{"A"}}, `{"A":1}`, false},
		{"a list in the list", "roles", Claim{Values: []string{"A"}}, `[["A"]]`, false},
		{"a number as it is written", "level", Claim{Values: []string{"3"}}, "3", true},
		{"a number that is equal but written otherwise", "level", Claim{Values: []string{"3"}}, "3.0", false},
		{"a truth value", "email_verified", Claim{Values: []string{"true"}}, "true", true},
		{"presence", "oid", Claim{}, `"x"`, true},
		{"presence of an empty list", "roles", Claim{}, "[]", false},
		{"presence of null", "roles", Claim{}, "null", false},
		{"absence where presence is wanted", "oid", Claim{}, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := partner()
			o.RequiredClaims = map[string]Claim{tc.claim: tc.want}
			p := compile(t, o)
			_, r := p.Verify(sign("RS256", goodHeader, changed(map[string]string{tc.claim: tc.says})), now, []*keyset.Set{goodSet(t)})
			if (r == nil) != tc.ok {
				t.Fatalf("refusal %v, want passed: %v", r, tc.ok)
			}
			if r != nil && (r.Code != edgeerr.ClaimMissing || r.Check != Claims || !strings.Contains(r.Text, tc.claim)) {
				t.Errorf("got %v %v", r.Code, r)
			}
		})
	}
}

func TestClientApplications(t *testing.T) {
	for _, tc := range []struct {
		name string
		says map[string]string
		ok   bool
	}{
		{"azp", map[string]string{"azp": `"app1"`}, true},
		{"appid", map[string]string{"appid": `"app2"`}, true},
		{"both", map[string]string{"azp": `"app1"`, "appid": `"app1"`}, true},
		{"one of the two is another's", map[string]string{"azp": `"app1"`, "appid": `"evil"`}, false},
		{"the other of the two", map[string]string{"azp": `"evil"`, "appid": `"app1"`}, false},
		{"neither", nil, false},
		{"another application", map[string]string{"azp": `"evil"`}, false},
		{"a list with the right one", map[string]string{"azp": `["app1"]`}, false},
		{"a name that only goes on", map[string]string{"azp": `"app12"`}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := partner()
			o.ClientApplicationIDs = []string{"app1", "app2"}
			_, r := compile(t, o).Verify(sign("RS256", goodHeader, changed(tc.says)), now, []*keyset.Set{goodSet(t)})
			if (r == nil) != tc.ok || r != nil && (r.Code != edgeerr.ClientNotAllowed || r.Check != Application) {
				t.Errorf("got %v, want passed: %v", r, tc.ok)
			}
		})
	}
}

func TestClockSkewAndExpiration(t *testing.T) {
	for _, tc := range []struct {
		name string
		skew time.Duration
		none bool
		says map[string]string
		want string
	}{
		{"expired within the skew", 30 * time.Second, false, map[string]string{"exp": "1799999971"}, ""},
		{"expired just beyond the skew", 30 * time.Second, false, map[string]string{"exp": "1799999970"}, "expiration"},
		{"valid from within the skew", 30 * time.Second, false, map[string]string{"nbf": "1800000030"}, ""},
		{"valid from beyond the skew", 30 * time.Second, false, map[string]string{"nbf": "1800000031"}, "not_before"},
		{"no exp where none is asked for", 0, true, map[string]string{"exp": ""}, ""},
		{"an exp is looked at all the same", 0, true, map[string]string{"exp": "1799999999"}, "expiration"},
		{"and so is one of the wrong kind", 0, true, map[string]string{"exp": `"x"`}, "expiration"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := partner()
			o.ClockSkew, o.AllowNoExpiration = tc.skew, tc.none
			wantCheck(t, compile(t, o), sign("RS256", goodHeader, changed(tc.says)), []*keyset.Set{goodSet(t)}, tc.want)
		})
	}
}

func TestAVerdictEndsWithTheTokenAndWithItsKey(t *testing.T) {
	first := goodSet(t)
	o := partner()
	o.ClockSkew = 30 * time.Second
	v, r := compile(t, o).Verify(sign("RS256", goodHeader, goodPayload), now, []*keyset.Set{first})
	if r != nil {
		t.Fatal(r)
	}
	for _, tc := range []struct {
		at   time.Time
		want bool
	}{
		{now, true}, {time.Unix(1_800_000_629, 999), true}, {time.Unix(1_800_000_630, 0), false},
	} {
		if got := v.ValidAt(tc.at); got != tc.want {
			t.Errorf("valid at %v: %v, want %v", tc.at, got, tc.want)
		}
	}
	same := goodSet(t).Succeed(first)
	if !v.ValidAt(now) {
		t.Error("the same keys again end what they have verified")
	}
	set(t, trusted, jwks(jwk(&ecKey().PublicKey, "e1", ""))).Succeed(same)
	if v.ValidAt(now) {
		t.Error("a key that was withdrawn goes on to be believed")
	}
}

func TestWhatATokenSays(t *testing.T) {
	payload := changed(map[string]string{"azp": `"app"`, "roles": `["a","b"]`, "n": "7", "o": `{"x":1}`})
	v, r := compile(t, partner()).Verify(sign("RS256", goodHeader, payload), now, []*keyset.Set{goodSet(t)})
	if r != nil {
		t.Fatal(r)
	}
	if v.Application() != "app" || v.Text("sub") != "s" || v.Text("roles") != "" || v.Text("n") != "" {
		t.Errorf("application %q, sub %q, roles %q, n %q", v.Application(), v.Text("sub"), v.Text("roles"), v.Text("n"))
	}
	for name, want := range map[string]string{"roles": "a|b", "n": "7", "sub": "s", "o": "", "none": ""} {
		if got := strings.Join(v.Values(name), "|"); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
