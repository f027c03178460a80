package rewrite

import (
	"strings"
	"testing"
)

func TestAppendReading(t *testing.T) {
	for _, tc := range []struct {
		name, path string
		want       string
		clear      bool
	}{
		{"a plain path", "/openai/v1/models", "/openai/v1/models", true},
		{"the root", "/", "", true},
		{"slashes merge, and the one at the end goes", "//openai///v1/", "/openai/v1", true},
		{"slashes of every kind", `/a\b%2fc%5Cd%252fe`, "/a/b/c/d/e", true},
		{"an escape within an escape", "/%25%36%66penai", "/openai", true},
		{"a percent sign that begins nothing", "/100%25/x%25zz", "/100%/x%zz", true},
		{"parameters", "/openai;rev=2/v1;a;b/x", "/openai/v1/x", true},
		{"an encoded parameter", "/openai%3Brev=2/x", "/openai/x", true},
		{"a segment of parameters alone", "/;a=b/openai", "/openai", true},
		{"dots and spaces at the end of names", "/openai. ./v1%2e%20/a.b", "/openai/v1/a.b", true},
		{"a question mark and what is behind it", "/a%3fb/c", "/a", true},
		{"a fragment and what is behind it", "/a/%23/c", "/a", true},
		{"a character beyond ASCII", "/gr%C3%B6%C3%9Fe", "/größe", true},
		{"a dot segment behind two decodings", "/a/%252e%252e/b", "/a/b", false},
		{"a dot segment behind what ends the path", "/a%3f/%252e./b", "/a", false},
		{"a segment of dots", "/.../b", "/b", false},
		{"a dot segment with a space", "/a/..%20/b", "/a/b", false},
		{"a slash within a parameter", "/a;b%2fc/d", "/a/c/d", false},
		{"a backslash within a parameter", `/a;b\c/d`, "/a/c/d", false},
		{"the end of the path within a parameter", "/a;b%3fc/d", "/a", false},
		{"a NUL behind two decodings", "/a%2500b", "/a\x00b", false},
		{"no UTF-8 behind two decodings", "/a%25c0%25afb", "/a\xc0\xafb", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, clear := AppendReading([]byte("before"), []byte(tc.path), 0)
			if string(got) != "before"+tc.want || clear != tc.clear {
				t.Errorf("AppendReading(%q) = %q, %v; want %q, %v", tc.path, got, clear, "before"+tc.want, tc.clear)
			}
		})
	}
	if got, clear := AppendReading(nil, []byte("//openai;rev=2./x"), Parameter); string(got) != "/openai;rev=2/x" || !clear {
		t.Errorf("with parameters kept: %q, %v", got, clear)
	}
}

func TestPrefixLen(t *testing.T) {
	for _, tc := range []struct {
		path, prefix string
		want         int
	}{
		{"/openai/x", "/openai", 7},
		{"/openai", "/openai", 7},
		{"/openais", "/openai", -1},
		{"/opena", "/openai", -1},
		{"/x", "", 0},
		{"*", "", 0},
		{"*", "/", -1},
		{"/%6fpen%61i/x", "/openai", 11},
		{"/opena%69", "/openai", 9},
		{"/opena%6", "/openai", -1},
		{"/openai%2Fx", "/openai", -1},
		{"%2Fopenai", "/openai", -1},
		{"/a%3Ab", "/a:b", -1},
		{"/a:b", "/a:b", 4},
	} {
		odd := Oddities(0)
		if strings.Contains(tc.path, "%") {
			odd = Escapes
		}
		if got := PrefixLen([]byte(tc.path), tc.prefix, odd); got != tc.want {
			t.Errorf("PrefixLen(%q, %q) = %d, want %d", tc.path, tc.prefix, got, tc.want)
		}
	}
}
