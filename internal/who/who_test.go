package who

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

const key = "0123456789abcdef0123456789abcdef"

// token returns a token that says so. Nothing in it is signed.
func token(payload string) []byte {
	encode := base64.RawURLEncoding.EncodeToString
	return []byte(encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(payload)) + ".c2ln")
}

func TestACallerIsKnownAgain(t *testing.T) {
	h := NewHasher([]byte("key of the census"))
	c := NewCache(h)
	first := c.Key([]byte(key))
	for i := range 4000 { // which push it out of the cache
		c.Key(fmt.Appendf(nil, "another %d", i))
	}
	if again := c.Key([]byte(key)); again != first || NewCache(h).Key([]byte(key)) != first || h.Key([]byte(key)) != first {
		t.Errorf("%v became %v", first, again)
	}
	if other := c.Key([]byte(key + "0")); other == first {
		t.Error("two keys are one caller")
	}
	if other := NewCache(NewHasher([]byte("another"))).Key([]byte(key)); other == first {
		t.Error("the hash does not depend on its key")
	}
	if h.Fingerprint() == NewHasher([]byte("another")).Fingerprint() {
		t.Error("two keys have one fingerprint")
	}
	if text := first.String(); !strings.HasPrefix(text, "key:") || len(text) != 4+2*hashBytes || KindOf(text) != Key {
		t.Errorf("the text is %q", text)
	}
}

func TestTheApplicationOfAToken(t *testing.T) {
	c := NewCache(NewHasher([]byte("k")))
	const id = "11111111-2222-3333-4444-555555555555"
	for _, tc := range []struct {
		name  string
		token []byte
		want  string
	}{
		{"version 1", token(`{"aud":"a","appid":"` + id + `","oid":"x"}`), "app:" + id},
		{"version 2", token(`{"azp" : "` + id + `","ver":"2.0"}`), "app:" + id},
		{"of another issuer", token(`{"client_id":"batch-job.1"}`), "app:batch-job.1"},
		{"of a person alone", token(`{"upn":"ada@example.com"}`), "token"},
		{"an address of mail is none", token(`{"azp":"ada@example.com"}`), "token"},
		{"a claim that is no text", token(`{"appid":7}`), "token"},
		{"too long", token(`{"appid":"` + strings.Repeat("a", 65) + `"}`), "token"},
		{"cut", token(`{"appid":"abc`), "token"},
		{"encrypted", []byte("eyJhbGciOiJub25lIn0.a.b.c.d"), "token"},
		{"not to be decoded", []byte("eyJhbGciOiJub25lIn0.*.x"), "token"},
		{"no token at all", []byte("x"), "token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 { // the second is out of the cache
				if got := c.Token(tc.token).String(); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			}
		})
	}
}

func TestKindsOfTexts(t *testing.T) {
	for _, id := range []ID{{}, {Kind: Key}, {Kind: Application, Name: "a"}, {Kind: Client, Name: "b"}, {Kind: Token}} {
		if got := KindOf(id.String()); got != id.Kind {
			t.Errorf("%q is of kind %d, want %d", id.String(), got, id.Kind)
		}
	}
}

// TestKnowingACallerAllocatesNothing holds it for known ones, and for keys that are new
// each time: who guesses costs no memory.
func TestKnowingACallerAllocatesNothing(t *testing.T) {
	c := NewCache(NewHasher([]byte("k")))
	bearer, guess, known := token(`{"appid":"a"}`), []byte("guess 00000000"), []byte(key)
	for name, f := range map[string]func(){
		"a known key":   func() { c.Key(known) },
		"a known token": func() { c.Token(bearer) },
		"a guess":       func() { guess[6]++; c.Key(guess) },
	} {
		f()
		if n := testing.AllocsPerRun(300, f); n > 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func BenchmarkKnownKey(b *testing.B) {
	c := NewCache(NewHasher([]byte("k")))
	k := []byte(key)
	b.ReportAllocs()
	for b.Loop() {
		c.Key(k)
	}
}
