package head

import (
	"testing"

	"github.com/apim-edge/apim-edge/rewrite"
)

func TestBelongsToConnection(t *testing.T) {
	for _, tc := range []struct {
		list string
		want bool
	}{
		{"NTLM", true},
		{"ntlm TlRMTVNTUAAB", true},
		{"NTLM\tTlRM", true},
		{"Negotiate", true},
		{"NEGOTIATE oRQwEqAD", true},
		{"Nego2", true},
		{"Kerberos", true},
		{`Basic realm="x", NTLM`, true},
		{`Bearer error="a",Negotiate,Basic`, true},
		{", ,NTLM", true},
		{`Digest realm="a, NTLM b"`, true}, // costs a connection, and lends none
		{"", false},
		{",", false},
		{"Basic TlRM", false},
		{`Basic realm="NTLM"`, false},
		{"NTLMv2", false},
		{"xNegotiate", false},
		{"Bearer NTLM", false},
		{"false", false},
	} {
		if got := BelongsToConnection([]byte(tc.list)); got != tc.want {
			t.Errorf("belongsToConnection(%q) = %v, want %v", tc.list, got, tc.want)
		}
	}
	long := []byte(`Bearer realm="https://login.example.com", error="invalid_token", error_description="expired"`)
	if n := testing.AllocsPerRun(100, func() { BelongsToConnection(long) }); n > 0 {
		t.Errorf("it allocates %v times, want 0", n)
	}
}

// TestAKeyThatIsALogin holds it where the upstream takes its key in Authorization:
// what counts is what goes up, not where the client has put it.
func TestAKeyThatIsALogin(t *testing.T) {
	policy, err := rewrite.NewPolicy(rewrite.Options{Header: "Authorization", Value: "Bearer {key}", Aliases: []string{"api-key"}})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"NTLM TlRM": true, "0123abcd": false, "Basic YTpi": false} {
		r := &Request{Fields: []rewrite.Field{{Name: []byte("api-key"), Value: []byte(key)}}}
		decision := policy.Decide(r.Fields, nil)
		if got := LogsIn(&decision, r); got != want {
			t.Errorf("%q as a key: %v, want %v (reason %s)", key, got, want, decision.Reason)
		}
	}
}
