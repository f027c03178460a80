package rewrite

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testcpu"
)

// TestSecretName is the table of what names mean, in a query as everywhere.
func TestSecretName(t *testing.T) {
	p := mustPolicy(t, Options{Header: "X-Custom-Field", QueryAliases: []string{"custom.param"}})
	for _, name := range strings.Fields(`key KEY api-key api_key apikey apiKey APIKey API.KEY subscription-key subscription_key Ocp-Apim-Subscription-Key
		x-functions-key azure-api-key openai-key openaikey ephemeral_key accountKey AccountKey key1 key_2 keys api_keys keyValue x[key] key[] %6bey %256Bey a+key
		token access_token accessToken ACCESS_TOKEN id_token refreshToken session-token csrf_token X-Amz-Security-Token tokenHint authtoken xtoken2
		secret client_secret clientSecret webhook-secret password user-password passwd pwd db_pwd pass passphrase
		sig signature X-Amz-Signature X-Amz-Credential sign hmac jwt JWT my_jwt jws auth Auth x-auth oauth oauth2 authHeader authorization Authorization
		authentication code auth_code sas sas-token credential credentials session session_id sessionid JSESSIONID sid cookie otp pin
		client_assertion SAMLResponse secretvalue passwordHash apikeyvalue signatures accesscode totp csrf userpass connectionString client_secrets AWSAccessKeyId x-goog-signature x-custom-field X_Custom_Field custom.param Custom_Param sec-websocket-protocol ` + strings.Repeat("a", 129)) {
		if !p.secretName([]byte(name)) {
			t.Errorf("the value of %q would be shown", name)
		}
	}
	for _, name := range strings.Fields(`api-version apiVersion model deployment deployment_id keyword keywords keyboard monkey MonkeY turkey hotkey tokenizer tokens max_tokens
		maxTokens author authority coding encoding encode codec barcode zipcode unicode design assign signal passage compass bypass passive sessions
		call_id intent limit after before order filter include stream region subscription-id x-custom-fields custom a b1 q v 2024 user id state
		correlation_id spin sasquatch kind - %zz % ` + strings.Repeat("a", 128)) {
		if p.secretName([]byte(name)) {
			t.Errorf("the value of %q would be hidden", name)
		}
	}
	if p.secretName(nil) {
		t.Error("the value of no name would be hidden")
	}
}

func TestAppendRedactedQuery(t *testing.T) {
	configured := mustPolicy(t, Options{Header: "X-Custom-Field", QueryAliases: []string{"custom.param"}})
	padded := "eyJhbGciOiJIUzI1NiIgfQ==.a.b"
	for _, tc := range []struct {
		name   string
		policy *Policy
		query  string
		want   string
	}{
		{"nothing", nil, "", ""},
		{"nothing secret", nil, "api-version=2024-10-21&a=b;c=d?e&", "api-version=2024-10-21&a=b;c=d?e&"},
		{"a secret among others", nil, "a=1&subscription-key=x&b=2", "a=1&subscription-key=***&b=2"},
		{"every name in any case", nil, "KEY=a&Code=b&token=c&access_token=d&Authorization=Bearer+e&sig=f&aPI-kEY=g", "KEY=***&Code=***&token=***&access_token=***&Authorization=***&sig=***&aPI-kEY=***"},
		{"a name with escapes", nil, "%61pi%2Dkey=x&%2561pi-%256bey=x", "%61pi%2Dkey=***&%2561pi-%256bey=***"},
		{"a value with separators of other servers", nil, "key=a;b?c=d&e=f", "key=***&e=f"},
		{"a name after a semicolon", nil, "a=1;key=x;y&b=2", "a=1;key=***&b=2"},
		{"a name after a second question mark", nil, "a=1?key=x", "a=1?key=***"},
		{"an escaped ampersand and equals sign", nil, "a=1%26key%3Dx&b", "a=1%26key%3D***&b"},
		{"an escaped semicolon and question mark", nil, "a=1%3bkey=x&a=1%3Fkey=x", "a=1%3bkey=***&a=1%3Fkey=***"},
		{"an escaped URL in a value", nil, "u=https%3A%2F%2Fx%2Fcb%3Fa%3Db%26code%3Dx&b=2", "u=https%3A%2F%2Fx%2Fcb%3Fa%3Db%26code%3D***&b=2"},
		{"escaped twice and three times", nil, "a=1%2526key%253Dx&a=%252526key%25253Dx", "a=1%2526key%253D***&a=%252526key%25253D***"},
		{"a name in escaped JSON", nil, "f=%7B%22a%22%3A1%2C%22api_key%22%3A%22x%22%7D", "f=%7B%22a%22%3A1%2C%22api_key%22%3A***"},
		{"a field line in a value", nil, "h=Authorization:%20Bearer%20x", "h=Authorization:***"},
		{"a name behind a long value", nil, "a=" + strings.Repeat("b", 500) + "%26key=x", "a=" + strings.Repeat("b", 500) + "%26key=***"},
		{"a value with an equals sign", nil, "key=a=b", "key=***"},
		{"a name in another value", nil, "a=key=b", "a=key=***"},
		{"a name without a value", nil, "key&a=1", "key&a=1"},
		{"a name that only contains one", nil, "monkey=1&tokenizer=2", "monkey=1&tokenizer=2"},
		{"names of the policy", configured, "x-custom-field=a&custom.param=b&c=d", "x-custom-field=***&custom.param=***&c=d"},
		{"names of another policy", nil, "x-custom-field=a", "x-custom-field=a"},
		{"a token as a value", nil, "a=" + token + "&b=2", "a=***&b=2"},
		{"a token with padding", nil, "a=" + padded + "&b=" + strings.ReplaceAll(padded, "=", "%3D"), "a=***&b=***"},
		{"a token with escaped dots", nil, "a=x+" + strings.ReplaceAll(token, ".", "%2E"), "a=x+***"},
		{"a token with an escaped letter", nil, "a=%65" + token[1:], "a=***"},
		{"a token behind a dot", nil, "a=v1." + token, "a=v1.***"},
		{"a token without its signature", nil, "a=" + token[:strings.LastIndexByte(token, '.')], "a=***"},
		{"a JWE", nil, "a=(" + jwe + ")", "a=(***"},
		{"a token as a name", nil, token + "=1", "***"},
		{"what has dots and is no token", nil, "a=1.2.3&b=api.openai.example.com&c=eyJhbGciOiJub25lIn0", "a=1.2.3&b=api.openai.example.com&c=eyJhbGciOiJub25lIn0"},
		{"a scheme and what is behind it", nil, "q=Bearer%20x&h=bearer+x&b=Basic%2520x;y&c=a,%42earer%20x", "q=Bearer%20***&h=bearer+***&b=Basic%2520***&c=a,%42earer%20***"},
		{"words that are no scheme", nil, "q=Bearers+x&h=forbearer+x&b=Basic&c=Basic,x&d=bearer", "q=Bearers+x&h=forbearer+x&b=Basic&c=Basic,x&d=bearer"},
		{"a password in a URL", nil, "u=https://me:x@host/p&v=https%3A%2F%2Fme%3Ax%40host", "u=https://me:***&v=https%3A%2F%2Fme%3A***"},
		{"the port of a host that is named like a secret", nil, "u=https://auth.example.com:8443/x&v=token%3A80%2Fx&w=code:443&x=otp:123456", "u=https://auth.example.com:8443/x&v=token%3A80%2Fx&w=code:443&x=otp:***"},
		{"a URL with a port and an address", nil, "u=https://host:80/a@b&v=me@host", "u=https://host:80/a@b&v=me@host"},
		{"broken escapes", nil, "a%=%&%2=%zz&%25=%25", "a%=%&%2=%zz&%25=%25"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(tc.policy.AppendRedactedQuery([]byte("?"), []byte(tc.query))); got != "?"+tc.want {
				t.Errorf("AppendRedactedQuery(%q) = %q, want %q", tc.query, got, "?"+tc.want)
			}
		})
	}
}

func TestAppendRedactedPath(t *testing.T) {
	for _, tc := range []struct{ name, path, want string }{
		{"nothing", "", ""},
		{"the root", "/", "/"},
		{"a model and its deployment", "/openai/deployments/gpt-4.1/chat/completions/", "/openai/deployments/gpt-4.1/chat/completions/"},
		{"a fine-tuned model", "/v1/models/ft:gpt-4o-mini-2024-07-18:acme::9abcdef0123456", "/v1/models/ft:gpt-4o-mini-2024-07-18:acme::9abcdef0123456"},
		{"ids", "/v1/threads/thread_0123456789abcdef/runs/run_0123456789abcdef", "/v1/threads/thread_0123456789abcdef/runs/run_0123456789abcdef"},
		{"operations that are named like secrets", "/v1/realtime/client_secrets/oauth/token/auth/login", "/v1/realtime/client_secrets/oauth/token/auth/login"},
		{"a token", "/t/" + token + "/x", "/t/***/x"},
		{"a token among other things", "/t/a=" + token + ";b/" + strings.ReplaceAll(jwe, ".", "%2e"), "/t/a=***/***"},
		{"a key behind a segment that names it", "/api-key/" + key + "/x", "/api-key/***/x"},
		{"a key that is a text", "/api-key/our-key-for-the-tests/key/short", "/api-key/***/key/short"},
		{"in any spelling", "/SubscriptionKey/" + key + "//%6bey/" + otherKey, "/SubscriptionKey/***//%6bey/***"},
		{"a key behind an escaped slash", "/key%2F" + key + "%2fx%5cy/" + key, "/key%2F***%2fx%5cy/" + key},
		{"escaped twice", "/key%252F" + key, "/key%252F***"},
		{"path parameters", "/openai;api-key=" + key + ";a=b/x;v=1", "/openai;api-key=***/x;v=1"},
		{"an escaped query", "/x%3Fkey%3D" + key + "/y", "/x%3Fkey%3D***/y"},
		{"a scheme and a key", "/Bearer%20" + key + "/x", "/Bearer%20***/x"},
		{"a password", "//me:" + key + "@host/x", "//me:***/x"},
		{"without a slash at its start", "key/" + key, "key/***"},
		{"broken escapes", "/%/%2/%zz", "/%/%2/%zz"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p *Policy
			if got := string(p.AppendRedactedPath([]byte("GET "), []byte(tc.path))); got != "GET "+tc.want {
				t.Errorf("AppendRedactedPath(%q) = %q, want %q", tc.path, got, "GET "+tc.want)
			}
		})
	}
}

// TestRedactionIsLinear: eight times the bytes cost eight times the work, whatever
// they are; at eight times eight something is looked at again and again.
func TestRedactionIsLinear(t *testing.T) {
	for _, unit := range []string{"a=", "a", "a:", "%25", "%2f", "%3d", "a.", "eyJhbGciOi.", "eyJhbGciOiJub25lIn0", "e30=.", "key/0123456789abcdef/", "aB-", "a@:", "&key", "/;=?", "%", "a%252"} {
		cost := func(size int) time.Duration {
			text, dst := []byte(strings.Repeat(unit, size/len(unit))), make([]byte, 0, 4*size)
			return testcpu.Least(10, func() {
				var p *Policy
				p.AppendRedactedQuery(dst, text)
				p.AppendRedactedPath(dst, text)
			})
		}
		if few, many := cost(16<<10), cost(128<<10); many > 32*few {
			t.Errorf("%q: %v for 16 KiB, %v for 128 KiB", unit, few, many)
		}
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
