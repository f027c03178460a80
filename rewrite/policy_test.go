package rewrite

import (
	"fmt"
	"strings"
	"testing"
)

func TestNewPolicyRefuses(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = fmt.Sprintf("x-key-%d", i)
	}
	for _, tc := range []struct {
		name    string
		options Options
		want    []string // parts of the text: the option, what was found, what is allowed
	}{
		{"a header with a space", Options{Header: "api key"}, []string{"header: ", `"api key"`, "RFC 9110"}},
		{"a header outside ASCII", Options{Header: "schlüssel"}, []string{"header: ", "RFC 9110"}},
		{"a hop-by-hop field", Options{Header: "Connection"}, []string{"header: ", "cannot carry a key"}},
		{"a framing field", Options{Header: "content-length"}, []string{"header: ", "cannot carry a key"}},
		{"a framing field of another kind", Options{Header: "Transfer-Encoding"}, []string{"header: ", "cannot carry a key"}},
		{"Host", Options{Header: "Host"}, []string{"header: ", "cannot carry a key"}},
		{"a field that the edge writes", Options{Header: "X-Forwarded-For"}, []string{"header: ", "cannot carry a key"}},
		{"a name that upstreams read as a framing field", Options{Header: "content_length"}, []string{"header: ", "cannot carry a key"}},
		{"a name that upstreams read as one that the edge writes", Options{Aliases: []string{"x.request_id"}}, []string{"aliases: ", "cannot carry a key"}},
		{"a field that says who asks", Options{Header: "X-Forwarded-Access-Token"}, []string{"header: ", "x-forwarded-"}},
		{"a name that upstreams read as one that says who asks", Options{Header: "X_Forwarded_Key"}, []string{"header: ", "x-forwarded-"}},
		{"a field of the handshake", Options{Aliases: []string{"Sec-WebSocket-Protocol"}}, []string{"aliases: ", "sec-"}},
		{"a field of the edge's own", Options{Header: "X-Apim-Edge-Key"}, []string{"header: ", "x-apim-edge-"}},
		{"a field name that is too long", Options{Header: strings.Repeat("x", 64)}, []string{"header: ", "1 to 63"}},
		{"a value without the key", Options{Value: "Bearer"}, []string{"value: ", "{key} exactly once"}},
		{"a value with two keys", Options{Value: "{key}{key}"}, []string{"value: ", "{key} exactly once"}},
		{"a value with a line end", Options{Value: "{key}\r\nHost: x"}, []string{"value: ", "visible ASCII"}},
		{"a value that ends with a space", Options{Value: "{key} "}, []string{"value: ", "only between"}},
		{"Authorization as an alias", Options{Aliases: []string{"authorization"}}, []string{"aliases: ", "always looked at"}},
		{"an alias that is no field name", Options{Aliases: []string{"a:b"}}, []string{"aliases: ", `"a:b"`}},
		{"an empty alias", Options{Aliases: []string{""}}, []string{"aliases: ", "1 to 63"}},
		{"too many aliases", Options{Aliases: many}, []string{"aliases: ", "at most 16"}},
		{"a parameter with a separator", Options{QueryAliases: []string{"a&b"}}, []string{"query_aliases: ", `"a&b"`}},
		{"an empty parameter", Options{QueryAliases: []string{""}}, []string{"query_aliases: ", "1 to 63"}},
		{"too many parameters", Options{QueryAliases: many}, []string{"query_aliases: ", "at most 16"}},
		{"an empty placeholder", Options{Placeholders: []string{"x", ""}}, []string{"placeholders[1]: "}},
		{"both fields at once where there is only one", Options{Header: "Authorization", KeepAuthorization: true}, []string{"keep_authorization: "}},
		{"every fault at once", Options{Header: "a b", Value: "x", QueryAliases: []string{"&"}}, []string{"header: ", "value: ", "query_aliases: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := NewPolicy(tc.options)
			if err == nil || p != nil {
				t.Fatalf("NewPolicy(%+v) = %v, nil; want an error", tc.options, p)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("NewPolicy(%+v): %q lacks %q", tc.options, err, part)
				}
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
		{Header: "api-key", Aliases: []string{"API-KEY", "x-api-key", "X-Api-Key"}},
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
