package rewrite

import (
	"errors"
	"testing"
)

var pathCases = []struct {
	name string
	path string
	want error
}{
	{"a plain path", "/openai/v1/chat/completions", nil},
	{"the root", "/", nil},
	{"nothing", "", nil},
	{"the asterisk of OPTIONS", "*", nil},
	{"an encoded slash in the name of a model", "/v1/models/org%2Fmodel", nil},
	{"an encoded backslash between names", "/a%5Cb", nil},
	{"dots in a name", "/v1.1/gpt-4.1/..a/a../...", nil},
	{"an empty segment", "//a//b/", nil},
	{"a parameter", "/a;v=1/b", nil},
	{"characters encoded as UTF-8", "/models/%C3%BC", nil},
	{"an encoded percent sign", "/100%25", nil},
	{"an encoded question mark and fragment", "/a%3Fb%23c", nil},
	{"dots in a parameter", "/a;../b", nil},
	{"a dot segment", "/a/./b", ErrPathDotSegment},
	{"a double dot segment", "/a/../b", ErrPathDotSegment},
	{"a double dot segment at the end", "/a/..", ErrPathDotSegment},
	{"a double dot segment at the front", "../a", ErrPathDotSegment},
	{"encoded dots", "/a/%2e%2E/b", ErrPathDotSegment},
	{"one encoded dot", "/a/.%2e/b", ErrPathDotSegment},
	{"a dot segment between encoded slashes", "/a%2F..%2fb", ErrPathDotSegment},
	{"a dot segment between backslashes", `/a\..\b`, ErrPathDotSegment},
	{"a dot segment between encoded backslashes", "/a%5c%2e%2e%5Cb", ErrPathDotSegment},
	{"a dot segment with a parameter", "/a/..;x=1/b", ErrPathDotSegment},
	{"a dot segment with an encoded semicolon", "/a/..%3bx/b", ErrPathDotSegment},
	{"a control character", "/a\x01b", ErrPathControl},
	{"a tab", "/a\tb", ErrPathControl},
	{"a delete character", "/a\x7fb", ErrPathControl},
	{"an encoded NUL", "/a%00b", ErrPathControl},
	{"an encoded line end", "/a%0d%0aHost:b", ErrPathControl},
	{"a fragment", "/a#b", ErrPathFragment},
	{"a broken escape", "/a%zzb", ErrPathEscape},
	{"an escape cut short", "/a%2", ErrPathEscape},
	{"a lone percent sign", "/100%", ErrPathEscape},
	{"an overlong slash", "/a%c0%af..", ErrPathEscape},
	{"an overlong dot", "/a/%C1%9c", ErrPathEscape},
	{"a character of Latin-1", "/models/%FC", ErrPathEscape},
	{"a character cut short", "/a%E2%82/b", ErrPathEscape},
	{"a character with a plain byte in it", "/a%C3a%BC", ErrPathEscape},
	{"a byte that only continues", "/a%80", ErrPathEscape},
	{"half of a surrogate pair", "/a%ED%A0%80", ErrPathEscape},
	{"an overlong slash of three bytes", "/a%E0%80%AFb", ErrPathEscape},
	{"a character beyond Unicode", "/a%F4%90%80%80", ErrPathEscape},
	{"a byte that UTF-8 does not have", "/a%FF", ErrPathEscape},
	{"four bytes of one character", "/a%F0%9F%98%80b", nil},
	{"the replacement character itself", "/a%EF%BF%BD", nil},
	{"a dot segment behind a character", "/%C3%BC/%2e%2e", ErrPathDotSegment},
	{"an escape cut short within a character", "/a%C3%B", ErrPathEscape},
	{"a space", "/a b", ErrPathByte},
	{"a byte outside ASCII", "/ü", ErrPathByte},
}

func TestCheckPath(t *testing.T) {
	for _, tc := range pathCases {
		t.Run(tc.name, func(t *testing.T) {
			if _, got := CheckPath([]byte(tc.path)); !errors.Is(got, tc.want) {
				t.Errorf("CheckPath(%q) = %v, want %v", tc.path, got, tc.want)
			}
		})
	}
}

// TestOddities holds that an ordinary path has none, and that the names of models
// that have some are told apart.
func TestOddities(t *testing.T) {
	for _, tc := range []struct {
		path string
		want Oddities
	}{
		{"/openai/deployments/gpt-4.1/chat/completions", 0},
		{"/openai/", 0},
		{"/", 0},
		{"*", 0},
		{"/..a/.b/a..b/c~_!$&'()*+,=:@", 0},
		{"/%6fpenai", Escapes},
		{"/gr%C3%B6%C3%9Fe", Escapes},
		{"/models/org%2Fmodel", Escapes | EncodedSlash},
		{"/100%25", Escapes | EncodedPercent},
		{"//openai", EmptySegment},
		{"/openai//", EmptySegment},
		{`/openai\x`, Backslash},
		{"/openai%5cx", Escapes | Backslash},
		{"/openai;rev=2/x", Parameter},
		{"/openai%3Brev=2", Escapes | Parameter},
		{"/openai./x", TrailingDot},
		{"/openai.", TrailingDot},
		{"/openai%2e/x", Escapes | TrailingDot},
		{"/openai%20/x", Escapes | TrailingDot},
		{"/openai.;x", TrailingDot | Parameter},
	} {
		if got, err := CheckPath([]byte(tc.path)); got != tc.want || err != nil {
			t.Errorf("CheckPath(%q) = %07b, %v; want %07b", tc.path, got, err, tc.want)
		}
	}
}

// TestAPlainPathIsJudgedAsAnyOther puts each byte at each place of short paths, and holds that
// what is plain is found to be without oddities as well where it is looked at in full: behind
// an escape, which nothing else follows from.
func TestAPlainPathIsJudgedAsAnyOther(t *testing.T) {
	for _, path := range []string{"/", "/a", "/ab/c", "//", "/a/", "/a//b", "/a/./b", "/v1/chat"} {
		for at := range len(path) {
			for c := range 256 {
				p := []byte(path)
				p[at] = byte(c)
				if !isPlain(p) {
					continue
				}
				odd, err := CheckPath(append(append([]byte{}, p...), "%41"...))
				if err != nil || odd != Escapes {
					t.Fatalf("%q is plain, and %q is odd (%v, %v)", p, string(p)+"%41", odd, err)
				}
			}
		}
	}
}
