package doctor

import (
	"net/url"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestJudgeNetwork holds what is told of the way to the API.
func TestJudgeNetwork(t *testing.T) {
	for _, tc := range []struct {
		name, url string
		network   Network
		kind      Kind
		want      string
	}{
		{"HTTPS, and nothing else", "https://a.test", Network{Host: "a.test", TLS: &TLSFacts{Days: 200}}, "", ""},
		{"a certificate that ends soon", "https://a.test", Network{TLS: &TLSFacts{Days: 3, Expires: "2027-01-01"}}, Note, "the API's certificate expires in 3 days, on 2027-01-01"},
		{"one for clients as well", "https://a.test", Network{TLS: &TLSFacts{Days: 200, AsksForCertificate: true}}, Note, "the API asks clients for a certificate"},
		{"a private address", "https://a.test", Network{Private: true}, Note, "the name leads to a private address"},
		{"a forward proxy", "https://a.test", Network{Proxy: "proxy:3128"}, Note, "the API is reached through the forward proxy proxy:3128"},
		{"plain HTTP at home", "http://127.0.0.1", Network{Host: "127.0.0.1"}, Note, "plain HTTP: whoever"},
		{"plain HTTP elsewhere", "http://a.test", Network{Host: "a.test"}, Problem, "plain HTTP over a public network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, err := url.Parse(tc.url)
			testkit.Must(t, err)
			v := &verdict{facts: &facts{target: &Target{URL: u}, network: &tc.network}}
			v.judgeNetwork()
			switch {
			case tc.want == "" && len(v.findings) == 0:
			case len(v.findings) != 1 || v.findings[0].Kind != tc.kind || !strings.HasPrefix(v.findings[0].Text, tc.want):
				t.Errorf("%+v, want %s %q", v.findings, tc.kind, tc.want)
			}
		})
	}
}
