//go:build e2e

package export

import "strings"

// oddity is a request out of the ordinary, and by what each side may differ from the edge.
type oddity struct {
	name    string
	query   string
	fields  []string
	differs string
}

func (o oddity) head() string { return head("/openai/v1/models", o.query, o.fields...) }

// oddities are the rows of the credential table, and of the rules behind it, that
// combinations do not have.
var oddities = []oddity{
	{"no credential", "", nil, ""},
	{"scheme in any case", "", []string{"Authorization", "bEARER " + keyA}, ""},
	{"tabs behind the scheme", "", []string{"Authorization", "Bearer \t " + keyA}, ""},
	{"a scheme that begins like Bearer", "", []string{"Authorization", "BearerX " + keyA}, ""},
	{"Bearer alone", "", []string{"Authorization", "Bearer"}, ""},
	{"Bearer twice with nothing behind", "", []string{"Authorization", "Bearer Bearer"}, ""},
	{"Bearer three times", "", []string{"Authorization", "Bearer Bearer Bearer " + keyA}, ""},
	{"Bearer in the key slot", "", []string{"api-key", "Bearer " + keyA}, ""},
	{"Bearer twice in the key slot", "", []string{"api-key", "Bearer Bearer " + keyA}, ""},
	{"another scheme with commas", "", []string{"Authorization", `Digest username="a", realm="b"`}, ""},
	{"no scheme", "", []string{"Authorization", keyA}, ""},
	{"a placeholder without a scheme", "", []string{"Authorization", "undefined"}, ""},
	{"a comma in a bearer value", "", []string{"Authorization", "Bearer " + keyA + ", Bearer " + keyB}, ""},
	{"a comma in the key slot", "", []string{"api-key", "a,b"}, ""},
	{"a space in a bearer value", "", []string{"Authorization", "Bearer a b"}, ""},
	{"a space behind Bearer in the key slot", "", []string{"api-key", "Bearer a b"}, ""},
	{"a space in a key of its own", "", []string{"api-key", "a b"}, ""},
	{"a tab in the key slot", "", []string{"api-key", "a\tb"}, ""},
	{"a character outside ASCII", "", []string{"api-key", "schl\xc3\xbcssel"}, ""},
	{"more than 16 KiB", "", []string{"Authorization", "Bearer " + strings.Repeat("k", 17<<10)}, ""},
	{"16 KiB", "", []string{"api-key", strings.Repeat("k", 16<<10)}, ""},
	{"a token of 12 KiB", "", []string{"Authorization", "Bearer " + tokenA + strings.Repeat("x", 12<<10)}, ""},
	{"what begins like a token", "", []string{"Authorization", "Bearer eyJ.k3y.three"}, ""},
	{"a key with dots", "", []string{"Authorization", "Bearer a.b.c"}, ""},
	{"a token without alg", "", []string{"Authorization", "Bearer " + compact(`{"typ":"JWT"}`, 3)}, ""},
	{"a token with blanks in its header", "", []string{"api-key", compact(`{ "typ" : "JWT", "alg" : "RS256" }`, 3)}, ""},
	{"a token whose header names alg last", "", []string{"api-key", compact(`{"kid":"x","alg":"RS256"}`, 3)}, ""},
	{"a token with padding", "", []string{"api-key", "eyJhbGciOiJSUzI1NiJ9Cg==.b.c"}, ""},
	{"a neighbour of the key field", "", []string{"api_key", keyA}, ""},
	{"several lines of Authorization", "", []string{"Authorization", "Bearer " + keyA, "authorization", "Bearer " + keyB}, "nginx=several-lines"},
	{"several lines of the key field", "", []string{"api-key", keyA, "Api-Key", keyB}, "nginx=several-lines"},
	{"a parameter without a value", "subscription-key", nil, ""},
	{"a parameter alone", "subscription-key=" + keyA, nil, ""},
	{"a parameter at the end", "a=1&subscription-key=" + keyA, nil, ""},
	{"a parameter twice", "subscription-key=a&a=1&Subscription-Key=b", nil, ""},
	{"a comma in a query key", "subscription-key=a%2Cb", nil, ""},
	{"a plus in a query key", "subscription-key=a+b", nil, ""},
	{"Bearer in the query", "subscription-key=Bearer%20" + keyA, nil, ""},
	{"an escaped query key", "subscription-key=%61bc", nil, "nginx=escaped-query-keys"},
	{"an escaped parameter", "Subscription%2Dkey=abc", nil, "nginx=escaped-query-keys haproxy=escaped-query-names"},
	{"a broken escape in a query key", "subscription-key=a%zz", nil, ""},
	{"other parameters stay byte for byte", "a=%2f&&b=c+d", nil, ""},
	{"empty parameters stay", "x&&y&subscription-key=k", nil, ""},
	{"empty parameters stay behind", "subscription-key=k&&x", nil, ""},
	{"empty parameters stay around", "a&&Subscription-Key=k&b", nil, ""},
	{"a parameter that only begins so", "subscription-keys=k&my-subscription-key=k", nil, ""},
	{"a key in the subprotocol", "", []string{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key." + keyA}, ""},
	{"a key in the subprotocol first", "", []string{"Sec-WebSocket-Protocol", "openai-insecure-api-key." + keyA + ", realtime"}, ""},
	{"a key in the subprotocol between others", "", []string{"Sec-WebSocket-Protocol", "a, openai-insecure-api-key." + keyA + ", realtime"}, ""},
	{"a key in the subprotocol alone", "", []string{"Sec-WebSocket-Protocol", "openai-insecure-api-key." + keyA}, ""},
	{"a token in the subprotocol", "", []string{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key." + tokenA}, ""},
	{"keys in the subprotocol and in Authorization", "", []string{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key." + keyA, "Authorization", "Bearer " + keyB}, ""},
	{"keys in the subprotocol and in the key slot", "", []string{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key." + keyA, "Ocp-Apim-Subscription-Key", keyB}, ""},
	{"two keys in the subprotocol", "", []string{"Sec-WebSocket-Protocol", "openai-insecure-api-key.a, openai-insecure-api-key.b"}, ""},
	{"a decision from outside", "", []string{"X-Apim-Edge-Decision", "token", "Authorization", "Bearer " + keyA}, ""},
}
