package rewrite

import (
	"strings"
	"testing"
)

func TestAppendRedactedQuery(t *testing.T) {
	configured := mustPolicy(t, Options{Header: "X-Custom-Key", QueryAliases: []string{"custom.param"}})
	for _, tc := range []struct {
		name   string
		policy *Policy
		query  string
		want   string
	}{
		{"nothing", nil, "", ""},
		{"nothing secret", nil, "api-version=2024-10-21&a=b;c=d?e&", "api-version=2024-10-21&a=b;c=d?e&"},
		{"a secret among others", nil, "a=1&subscription-key=x&b=2", "a=1&subscription-key=***&b=2"},
		{"every name in any case", nil, "KEY=a&Code=b&token=c&access_token=d&Authorization=Bearer+e&sig=f&api-key=g", "KEY=***&Code=***&token=***&access_token=***&Authorization=***&sig=***&api-key=***"},
		{"a name with escapes", nil, "%61pi%2Dkey=x", "%61pi%2Dkey=***"},
		{"a value with separators of other servers", nil, "key=a;b?c=d&e=f", "key=***&e=f"},
		{"a name after a semicolon", nil, "a=1;key=x;y&b=2", "a=1;key=***&b=2"},
		{"a name after a second question mark", nil, "a=1?key=x", "a=1?key=***"},
		{"a value with an equals sign", nil, "key=a=b", "key=***"},
		{"an equals sign in another value", nil, "a=key=b", "a=key=b"},
		{"a name without a value", nil, "key&a=1", "key&a=1"},
		{"a name that only contains one", nil, "monkey=1&keys=2", "monkey=1&keys=2"},
		{"names of the policy", configured, "x-custom-key=a&custom.param=b&c=d", "x-custom-key=***&custom.param=***&c=d"},
		{"names of another policy", nil, "x-custom-key=a", "x-custom-key=a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(tc.policy.AppendRedactedQuery([]byte("?"), []byte(tc.query))); got != "?"+tc.want {
				t.Errorf("AppendRedactedQuery(%q) = %q, want %q", tc.query, got, "?"+tc.want)
			}
		})
	}
}

func TestAppendQuery(t *testing.T) {
	p := mustPolicy(t, Options{QueryAliases: []string{"subscription-key", strings.Repeat("x", 63)}})
	for _, tc := range []struct {
		name    string
		query   string
		want    string
		changed bool
	}{
		{"nothing", "", "", false},
		{"nothing governed", "a=1&&b=%zz&=", "a=1&&b=%zz&=", false},
		{"alone", "subscription-key=x", "", true},
		{"first", "subscription-key=x&a=1", "a=1", true},
		{"last", "a=1&subscription-key=x", "a=1", true},
		{"in the middle, in capitals and escaped", "a=1&SUBSCRIPTION%2dKEY=x&b=2", "a=1&b=2", true},
		{"twice", "subscription-key=x&a=1&subscription-key=y", "a=1", true},
		{"without a value", "subscription-key&a", "a", true},
		{"as the value of another", "a=subscription-key", "a=subscription-key", false},
		{"the longest name, escaped", strings.Repeat("%78", 63) + "=k", "", true},
		{"a name that begins with the longest one", strings.Repeat("%78", 64) + "=k", strings.Repeat("%78", 64) + "=k", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, changed := p.AppendQuery([]byte("?"), []byte(tc.query))
			if string(got) != "?"+tc.want || changed != tc.changed {
				t.Errorf("AppendQuery(%q) = %q, %v; want %q, %v", tc.query, got, changed, "?"+tc.want, tc.changed)
			}
		})
	}
}
