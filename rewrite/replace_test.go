package rewrite

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// callers are the places in which a caller's credential can stand.
var callers = map[string][]Field{
	"key as Bearer":      {field("Authorization", "Bearer 0123abcd")},
	"another scheme":     {field("Authorization", "Basic 0123abcd")},
	"token":              {field("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.0123abcd")},
	"key":                {field("api-key", "0123abcd")},
	"alias":              {field("Ocp-Apim-Subscription-Key", "0123abcd")},
	"foreign alias":      {field("x-api-key", "0123abcd")},
	"neighbour":          {field("Api_Key", "0123abcd")},
	"misplaced token":    {field("API-KEY", "eyJhbGciOiJub25lIn0.e30.0123abcd")},
	"token and key":      {field("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.c2ln"), field("api-key", "0123abcd")},
	"subprotocol":        {field("Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.0123abcd")},
	"subprotocol, twice": {field("Sec-WebSocket-Protocol", "realtime"), field("Sec-WebSocket-Protocol", "openai-insecure-api-key.0123abcd")},
	"the field itself":   {field("X-Key", "0123abcd")},
	"its neighbour":      {field("x_key", "0123abcd")},
}

func field(name, value string) Field { return Field{[]byte(name), []byte(value)} }

// replaced returns what goes upstream of a request beside the edge's own credential.
func replaced(p, taking *Policy, d Decision, fields []Field) string {
	var out []byte
	for i := range fields {
		if !p.Takes(&fields[i]) && !taking.Takes(&fields[i]) {
			out = append(append(append(append(out, fields[i].Name...), ": "...), fields[i].Value...), "\r\n"...)
		}
	}
	return string(p.AppendFields(out, &d, fields))
}

// TestNothingOfTheCallersCredentialsPasses holds it under every rule that a route can
// have about them.
func TestNothingOfTheCallersCredentialsPasses(t *testing.T) {
	for rules, o := range map[string]Options{
		"the default": {}, "another target": {Header: "x-other", Aliases: []string{}}, "no alias": {Aliases: []string{}, QueryAliases: []string{}},
		"Authorization": {Header: "Authorization", Value: "Bearer {key}"}, "both": {KeepAuthorization: true}, "kept": {KeepMisplacedToken: true},
	} {
		p, err := NewPolicy(o)
		testkit.Must(t, err)
		taking := Replacing("x-key")
		for name, fields := range callers {
			d := p.Decide(fields, nil)
			if got := replaced(p, taking, d.Dropped(), fields); strings.Contains(got, "0123abcd") {
				t.Errorf("%s, %s: %q goes upstream", rules, name, got)
			} else if strings.HasPrefix(name, "subprotocol") && !strings.Contains(got, "Sec-WebSocket-Protocol: realtime") {
				t.Errorf("%s, %s: the other subprotocol is lost in %q", rules, name, got)
			}
		}
		for query, want := range map[string]string{
			"subscription-key=0123abcd": "", "a=b&Api%2DKey=0123abcd&c=%41&subscription-key=x": "a=b&c=%41", "a=b": "a=b", "&&": "&&",
		} {
			out, _ := p.AppendQuery([]byte("?"), []byte(query))
			if out, _ = taking.AppendQuery(out[:1], out[1:]); string(out) != "?"+want {
				t.Errorf("%s: %q becomes %q, want ?%s", rules, query, out, want)
			}
		}
	}
}

// TestTheCallersCredentialsPassBesideTheEdges holds that all go on but what would stand
// in the field of the edge.
func TestTheCallersCredentialsPassBesideTheEdges(t *testing.T) {
	p, err := NewPolicy(Options{})
	testkit.Must(t, err)
	for _, tc := range []struct{ name, field, request, want string }{
		{"key beside a token", "Authorization", "key", "api-key: 0123abcd\r\n"},
		{"moved key beside a token", "authorization", "key as Bearer", "api-key: 0123abcd\r\n"},
		{"token beside a key", "api-key", "token", "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.0123abcd\r\n"},
		{"another scheme beside a key", "api-key", "another scheme", "Authorization: Basic 0123abcd\r\n"},
		{"key in place of a key", "api-key", "key", ""},
		{"neighbour in place of a key", "api_key", "key", ""},
		{"token in place of a token", "Authorization", "token", ""},
		{"another scheme in place of a token", "Authorization", "another scheme", ""},
		{"both beside a key", "api-key", "token and key", "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.c2ln\r\n"},
		{"both beside a token", "Authorization", "token and key", "api-key: 0123abcd\r\n"},
		{"a field of its own", "x-key", "the field itself", ""},
		{"and its neighbour", "x-key", "its neighbour", ""},
	} {
		fields := callers[tc.request]
		if got := replaced(p, Beside(tc.field), p.Yields(p.Decide(fields, nil), tc.field), fields); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	p, err = NewPolicy(Options{KeepMisplacedToken: true})
	testkit.Must(t, err)
	fields := callers["misplaced token"]
	if got := replaced(p, Beside("api-key"), p.Yields(p.Decide(fields, nil), "api-key"), fields); got != "" {
		t.Errorf("a token that is left in the field: %q", got)
	}
}
