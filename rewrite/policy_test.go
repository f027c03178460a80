package rewrite

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("x-key-%d", i)
	}
	const taken = ", but " + wrongUse
	for _, tc := range []struct {
		name    string
		options Options
		want    string // the whole text
	}{
		{"a header with a space", Options{Header: "api key"}, "header: " + wrongName},
		{"a header outside ASCII", Options{Header: "schlüssel"}, "header: " + wrongName},
		{"a hop-by-hop field", Options{Header: "Connection"}, `header: found "Connection"` + taken},
		{"a framing field", Options{Header: "content-length"}, `header: found "content-length"` + taken},
		{"a framing field of another kind", Options{Header: "Transfer-Encoding"}, `header: found "Transfer-Encoding"` + taken},
		{"Host", Options{Header: "Host"}, `header: found "Host"` + taken},
		{"a field that the edge writes", Options{Header: "X-Forwarded-For"}, `header: found "X-Forwarded-For"` + taken},
		{"a name that upstreams read as a framing field", Options{Header: "content_length"}, `header: found "content_length"` + taken},
		{"a name that upstreams read as one that the edge writes", Options{Aliases: []string{"x.request_id"}}, `aliases[0]: found "x.request_id"` + taken},
		{"a field that says who asks", Options{Header: "X-Forwarded-Access-Token"}, `header: found "X-Forwarded-Access-Token"` + taken},
		{"a name that upstreams read as one that says who asks", Options{Header: "X_Forwarded_Key"}, `header: found "X_Forwarded_Key"` + taken},
		{"a field of the handshake", Options{Aliases: []string{"a", "Sec-WebSocket-Protocol"}}, `aliases[1]: found "Sec-WebSocket-Protocol"` + taken},
		{"a field of the edge's own", Options{Header: "X-Apim-Edge-Key"}, `header: found "X-Apim-Edge-Key"` + taken},
		{"a field name that is too long", Options{Header: strings.Repeat("x", 64)}, "header: " + wrongLength},
		{"a value without the key", Options{Value: "Bearer"}, "value: " + wrongMark},
		{"a value with two keys", Options{Value: "{key}{key}"}, "value: " + wrongMark},
		{"a value with a line end", Options{Value: "{key}\r\nHost: x"}, "value: " + wrongValue},
		{"a value that ends with a space", Options{Value: "{key} "}, "value: " + wrongSpace},
		{"no scheme in Authorization", Options{Header: "authorization"}, "value: " + wrongScheme},
		{"Authorization as an alias", Options{Aliases: []string{"authorization"}}, "aliases[0]: " + wrongAuthorization},
		{"an alias that is no field name", Options{Aliases: []string{"a:b"}}, "aliases[0]: " + wrongName},
		{"an empty alias", Options{Aliases: []string{""}}, "aliases[0]: " + wrongName},
		{"an alias twice", Options{Aliases: []string{"x-a", "X-A"}}, "aliases[1]: " + wrongTwice},
		{"an alias twice, behind one that is the header", Options{Aliases: []string{"api-key", "x-a", "x-a"}}, "aliases[2]: " + wrongTwice},
		{"too many aliases", Options{Aliases: many}, "aliases: " + wrongAliases},
		{"a parameter with a separator", Options{QueryAliases: []string{"a&b"}}, "query_aliases[0]: " + wrongParameter},
		{"a parameter with a bracket", Options{QueryAliases: []string{"a[b]"}}, "query_aliases[0]: " + wrongUnreserved},
		{"an empty parameter", Options{QueryAliases: []string{""}}, "query_aliases[0]: " + wrongUnreserved},
		{"a parameter twice", Options{QueryAliases: []string{"key", "key"}}, "query_aliases[1]: " + wrongTwice},
		{"too many parameters", Options{QueryAliases: many}, "query_aliases: " + wrongParameters},
		{"an empty placeholder", Options{Placeholders: []string{"x", ""}}, "placeholders[1]: " + wrongPlaceholder},
		{"both fields at once where there is only one", Options{Header: "Authorization", Value: "Bearer {key}", KeepAuthorization: true}, "keep_authorization: " + wrongKept},
		{"every fault at once", Options{Header: "a b", Value: "x", QueryAliases: []string{"&"}},
			"header: " + wrongName + "\nvalue: " + wrongMark + "\nquery_aliases[0]: " + wrongParameter},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := NewPolicy(tc.options)
			if err == nil || p != nil || err.Error() != tc.want {
				t.Errorf("NewPolicy(%+v) = %v, %v\nwant %s", tc.options, p, err, tc.want)
			}
		})
	}
}

// TestNoMoreNamesThanFit holds the bounds of a policy at their edge: what Decide
// found is kept in arrays of that size.
func TestNoMoreNamesThanFit(t *testing.T) {
	o := Options{Header: "x-key"}
	for i := range maxAliases {
		o.Aliases = append(o.Aliases, fmt.Sprintf("x-key-%d", i))
	}
	for i := range maxNames {
		o.QueryAliases = append(o.QueryAliases, fmt.Sprintf("key-%d", i))
	}
	p := mustPolicy(t, o)
	last := Field{Name: []byte("X-Key-13"), Value: []byte("0123abcd")}
	if d := p.Decide([]Field{last}, []byte("key-15=0123abcd")); d.Reason != ReasonExplicitKey {
		t.Errorf("the key in the last alias: %v, want %v", d.Reason, ReasonExplicitKey)
	}
}

// TestComplete: what is said stays, also where it is nothing, and the default of
// aliases is one list, whatever the header is.
func TestComplete(t *testing.T) {
	aliases, query := []string{"api-key", "Ocp-Apim-Subscription-Key"}, []string{"subscription-key"}
	for _, tc := range []struct {
		name        string
		given, want Options
	}{
		{"nothing", Options{}, Options{Header: "api-key", Value: "{key}", Aliases: aliases, QueryAliases: query, Placeholders: DefaultPlaceholders()}},
		{"way 2", Options{Header: "Authorization", Value: "Bearer {key}", KeepMisplacedToken: true},
			Options{Header: "Authorization", Value: "Bearer {key}", KeepMisplacedToken: true, Aliases: aliases, QueryAliases: query, Placeholders: DefaultPlaceholders()}},
		{"empty lists", Options{Aliases: []string{}, QueryAliases: []string{}, Placeholders: []string{}},
			Options{Header: "api-key", Value: "{key}", Aliases: []string{}, QueryAliases: []string{}, Placeholders: []string{}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.given.Complete(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("Complete(%+v)\n got  %+v\n want %+v", tc.given, got, tc.want)
			}
		})
	}
}

// TestNewPolicyNamesNoPlaceholder: a key put into the list by mistake stays out
// of the error.
func TestNewPolicyNamesNoPlaceholder(t *testing.T) {
	secret := "0123456789abcdef\n"
	_, err := NewPolicy(Options{Placeholders: []string{secret}})
	if err == nil || strings.Contains(err.Error(), secret[:8]) {
		t.Errorf("error %v; want one without the value", err)
	}
}

func TestNewPolicyAccepts(t *testing.T) {
	for _, o := range []Options{
		{},
		{Header: "Ocp-Apim-Subscription-Key"},
		{Header: "api-key", Aliases: []string{"API-KEY", "x-api-key"}},
		{Header: "Authorization", Value: "Bearer {key}", Aliases: []string{"authorization"}},
		{Aliases: []string{}, QueryAliases: []string{}, Placeholders: []string{}},
		{QueryAliases: []string{"subscription-key", "Subscription-Key", "Authorization"}},
	} {
		if _, err := NewPolicy(o); err != nil {
			t.Errorf("NewPolicy(%+v): %v", o, err)
		}
	}
}

// TestGoverns: exactly the names of the policy hold credentials, and those that
// some upstreams read as such go no further.
func TestGoverns(t *testing.T) {
	p := mustPolicy(t, Options{Header: "api-key", Aliases: []string{"x-api-key", "my_api.key", "my-api-key"}})
	for name, want := range map[string]int{
		"Authorization": 0, "authorization": 0, "AUTHORIZATION": 0, "api-key": 1, "Api-Key": 1, "X-Api-Key": 2, "MY_api.key": 3, "My-Api-Key": 4,
		"Sec-WebSocket-Protocol": 5, "api_key": neighbour, "Api.Key": neighbour, "API~KEY": neighbour, "x_api-key": neighbour, "my.api_key": neighbour,
		"Sec_WebSocket_Protocol": neighbour, "Ocp-Apim-Subscription-Key": absent, "Ocp_Apim_Subscription_Key": absent, "api-key2": absent, "api0key": absent,
		"apikey-": absent, "": absent, "Authorizatiom": absent, "api-\u212aey": absent, "Proxy-Authorization": absent,
		strings.Repeat("a", 71): absent, strings.Repeat("a", 64+7): absent,
	} {
		if got := p.find([]byte(name)); got != want || p.Governs([]byte(name)) != (want != absent) {
			t.Errorf("find(%q) = %d, want %d; Governs says %v", name, got, want, p.Governs([]byte(name)))
		}
	}
}

// TestTextsAreStable: logs, metrics and dashboards hold on to these.
func TestTextsAreStable(t *testing.T) {
	var reasonTexts []string
	for i, r := range Reasons() {
		if int(r) != i+1 || r.Meaning() == "" {
			t.Errorf("reason %d is %d, meaning %q", i, r, r.Meaning())
		}
		reasonTexts = append(reasonTexts, r.String())
	}
	want := "no_credential bearer_key explicit_key explicit_key_wins token token_and_key token_wins misplaced_token swapped other_scheme ambiguous_credential malformed_credential credential_missing"
	if got := strings.Join(reasonTexts, " "); got != want {
		t.Errorf("reasons %q, want %q", got, want)
	}
	var all Notes
	for _, n := range AllNotes() {
		all |= n
	}
	if got, want := all.String(), "doubled_scheme,bearer_in_slot,placeholder,query_key,conflict_dropped,subprotocol_key,neighbour_dropped"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
}
