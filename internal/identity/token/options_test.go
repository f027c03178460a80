package token

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	with := func(change func(*Options)) Options {
		o := partner()
		change(&o)
		return o
	}
	entra := func(change func(*Options)) Options {
		o := Options{TenantID: tenant, Audiences: []string{"api://edge"}}
		change(&o)
		return o
	}
	for _, tc := range []struct {
		name string
		o    Options
		want []string // key, and a part of the text
	}{
		{"a good partner", partner(), nil},
		{"a good tenant", entra(func(*Options) {}), nil},
		{"a tenant in upper case", entra(func(o *Options) { o.TenantID = strings.ToUpper("aaaaaaaa-2222-3333-4444-555555555555") }), nil},
		{"nothing at all", Options{}, []string{"tenant_id: nobody is named", "audiences: at least one"}},
		{"no audience", with(func(o *Options) { o.Audiences = nil }), []string{"audiences: at least one"}},
		{"an empty audience", with(func(o *Options) { o.Audiences = []string{""} }), []string{"audiences[0]: an empty value"}},
		{"the audience of Graph", with(func(o *Options) { o.Audiences = []string{"https://graph.microsoft.com/"} }), []string{"audiences[0]: "}},
		{"a domain for a tenant", entra(func(o *Options) { o.TenantID = "contoso.com" }), []string{"tenant_id: "}},
		{"common", entra(func(o *Options) { o.TenantID = "common" }), []string{"tenant_id: "}},
		{"tenants beside one tenant", entra(func(o *Options) { o.Tenants = []string{tenant} }), []string{"tenants: "}},
		{"tenants that are none", entra(func(o *Options) { o.TenantID, o.Tenants = "organizations", []string{"x"} }), []string{"tenants[0]: "}},
		{"tenants without a tenant", with(func(o *Options) { o.Tenants = []string{tenant} }), []string{"tenants: "}},
		{"an unknown cloud", entra(func(o *Options) { o.Cloud = "mars" }), []string{"cloud: "}},
		{"a cloud without a tenant", with(func(o *Options) { o.Cloud = "public" }), []string{"cloud: "}},
		{"metadata beside a tenant", entra(func(o *Options) { o.OpenIDConfigs = []string{"https://a/b"} }), []string{"openid_configs: "}},
		{"issuers beside a tenant", entra(func(o *Options) { o.Issuers = []string{"a"} }), []string{"issuers: "}},
		{"keys beside a tenant", entra(func(o *Options) { o.SigningKeys = []string{"env:A"} }), []string{"signing_keys: "}},
		{"keys without an issuer", Options{SigningKeys: []string{"env:A"}, Audiences: []string{"a"}}, []string{"issuers: "}},
		{"an empty issuer", with(func(o *Options) { o.Issuers = []string{""} }), []string{"issuers[0]: "}},
		{"metadata over http", with(func(o *Options) { o.OpenIDConfigs = []string{"http://id.example.com/x"} }), []string{"openid_configs[0]: "}},
		{"metadata over http on loopback", with(func(o *Options) {
			o.OpenIDConfigs = []string{"http://127.0.0.1:1/x", "http://localhost/x", "http://[::1]:1/x"}
		}), nil},
		{"metadata with a password", with(func(o *Options) { o.OpenIDConfigs = []string{"https://u:hunter2@a/x"} }), []string{"openid_configs[0]: "}},
		{"metadata that is no URL", with(func(o *Options) { o.OpenIDConfigs = []string{"id.example.com"} }), []string{"openid_configs[0]: "}},
		{"metadata of all tenants", with(func(o *Options) {
			o.OpenIDConfigs = []string{"https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration"}
		}), []string{"openid_configs[0]: "}},
		{"keys over http", with(func(o *Options) { o.SigningKeys, o.Issuers = []string{"http://id.example.com/x"}, []string{"a"} }), []string{"signing_keys[0]: "}},
		{"a long field name", with(func(o *Options) { o.Header = strings.Repeat("x", 64) }), []string{"header: at most 63"}},
		{"a long parameter", with(func(o *Options) { o.Query = strings.Repeat("x", 64) }), []string{"query: at most 63"}},
		{"no algorithm", with(func(o *Options) { o.Algorithms = []string{} }), []string{"algorithms: "}},
		{"HS256", with(func(o *Options) { o.Algorithms = []string{"HS256"} }), []string{"algorithms[0]: "}},
		{"none", with(func(o *Options) { o.Algorithms = []string{"None"} }), []string{"algorithms[0]: "}},
		{"an algorithm in lower case", with(func(o *Options) { o.Algorithms = []string{"rs256"} }), []string{"algorithms[0]: "}},
		{"an empty application", with(func(o *Options) { o.ClientApplicationIDs = []string{""} }), []string{"client_application_ids[0]: "}},
		{"match some", with(func(o *Options) { o.RequiredClaims = map[string]Claim{"roles": {Match: "some"}} }), []string{"required_claims.roles.match: "}},
		{"an empty value", with(func(o *Options) { o.RequiredClaims = map[string]Claim{"roles": {Values: []string{""}}} }), []string{"required_claims.roles.values[0]: "}},
		{"header and query", with(func(o *Options) { o.Header, o.Query = "X-Token", "t" }), []string{"query: "}},
		{"a header that is none", with(func(o *Options) { o.Header = "X Token" }), []string{"header: "}},
		{"a query that is none", with(func(o *Options) { o.Query = "a=b" }), []string{"query: "}},
		{"a skew of an hour", with(func(o *Options) { o.ClockSkew = time.Hour }), []string{"clock_skew: "}},
		{"the status 200", with(func(o *Options) { o.FailedStatus = 200 }), []string{"failed.status: "}},
		{"a message of two lines", with(func(o *Options) { o.FailedMessage = "a\nb" }), []string{"failed.message: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := tc.o.Faults()
			for _, f := range found {
				if !slices.ContainsFunc(tc.want, func(w string) bool { return strings.HasPrefix(f.Key+": "+f.Text, w) }) {
					t.Errorf("not wanted: %v", f)
				}
				if strings.Contains(f.Error(), "hunter2") {
					t.Errorf("a password is shown: %v", f)
				}
				if (f.Text == "") == (f.Want == "") {
					t.Errorf("one of Text and Want is set: %+v", f)
				}
			}
			if len(found) != len(tc.want) {
				t.Errorf("got %v, want %v", found, tc.want)
			}
			if _, err := New("p", tc.o); (err == nil) != (len(tc.want) == 0) {
				t.Errorf("New: %v", err)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	o := Options{TenantID: tenant}.Complete()
	if o.Cloud != "public" || !slices.Equal(o.Algorithms, []string{"RS256"}) || o.Header != "Authorization" || o.FailedStatus != 401 {
		t.Errorf("a tenant: %+v", o)
	}
	o = Options{RequiredClaims: map[string]Claim{"scp": {}, "x": {}}, Query: "t"}.Complete()
	if !slices.Equal(o.Algorithms, []string{"RS256", "ES256"}) || o.Header != "" || o.Cloud != "" {
		t.Errorf("a partner: %+v", o)
	}
	if scp := o.RequiredClaims["scp"]; scp.Match != "any" || scp.Separator != " " || o.RequiredClaims["x"].Separator != "" {
		t.Errorf("claims: %+v", o.RequiredClaims)
	}
}

// The id is the key of what is kept of a policy: it differs where the policy does.
func TestPoliciesThatSayTheSameHaveOneID(t *testing.T) {
	base := compile(t, partner())
	same := partner()
	same.Header, same.FailedStatus = "Authorization", 401
	if compile(t, same).ID() != base.ID() {
		t.Error("a default that is written out makes another policy")
	}
	for name, change := range map[string]func(*Options){
		"audiences":  func(o *Options) { o.Audiences = append(o.Audiences, "x") },
		"claims":     func(o *Options) { o.RequiredClaims = map[string]Claim{"roles": {Values: []string{"A"}}} },
		"skew":       func(o *Options) { o.ClockSkew = time.Second },
		"algorithms": func(o *Options) { o.Algorithms = []string{"RS256"} },
		"issuers":    func(o *Options) { o.Issuers = []string{"x"} },
		"clients":    func(o *Options) { o.ClientApplicationIDs = []string{"x"} },
		"expiration": func(o *Options) { o.AllowNoExpiration = true },
		"metadata":   func(o *Options) { o.OpenIDConfigs = []string{trusted + "/other"} },
	} {
		o := partner()
		change(&o)
		if compile(t, o).ID() == base.ID() {
			t.Errorf("another %s, and the same id", name)
		}
	}
}
