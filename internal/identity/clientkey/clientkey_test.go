package clientkey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

func TestAKeyIsNewRandomAndNoToken(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		k := Generate()
		if seen[k] || len(k) != len(prefix)+56 || !strings.HasPrefix(k, prefix) || strings.ContainsAny(k, ".+/= ") {
			t.Fatalf("%q", k)
		}
		seen[k] = true
		if strings.Contains(Hash(k), k[len(prefix):]) || seen[Hash(k)] {
			t.Fatalf("the hash %q of %q", Hash(k), k)
		}
		seen[Hash(k)] = true
	}
}

// The hash is HMAC-SHA256: crypto/hmac is the oracle.
func TestTheHashIsThatOfTheStandardLibrary(t *testing.T) {
	for _, n := range []int{0, 1, saltBytes - 1, saltBytes, saltBytes + 1, 60, 64, 255, 256} {
		key := []byte(strings.Repeat("k0", 128)[:n])
		mac := hmac.New(sha256.New, key[:min(n, saltBytes)])
		mac.Write(key)
		if got, want := Hash(string(key)), scheme+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("of %d bytes: %s, want %s", n, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	a, a2, b, c := Generate(), Generate(), Generate(), Generate()
	set, err := New(map[string]Options{
		"team-a": {Keys: []string{Hash(a), Hash(a2)}, Expires: "2027-06-30", Routes: []string{"openai"}},
		"team-b": {Keys: []string{Hash(b)}},
		"team-c": {Keys: []string{scheme + strings.ToUpper(Hash(c)[len(scheme):])}, Expires: "2027-06-30T12:00:00+02:00"},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		m, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	early := at("2026-01-01T00:00:00Z")
	for _, tc := range []struct {
		name, key, route string
		at               time.Time
		code             edgeerr.Code
		client           string
	}{
		{"a key", a, "openai", early, edgeerr.None, "team-a"},
		{"the second key of one client", a2, "openai", early, edgeerr.None, "team-a"},
		{"another client's", b, "any", early, edgeerr.None, "team-b"},
		{"another route", a, "other", early, edgeerr.ClientNotAllowed, "team-a"},
		{"the last moment of the last day", a, "openai", at("2027-06-30T23:59:59Z"), edgeerr.None, "team-a"},
		{"the day after", a, "openai", at("2027-07-01T00:00:00Z"), edgeerr.ClientExpired, "team-a"},
		{"expired, and on another route", a, "other", at("2027-07-01T00:00:00Z"), edgeerr.ClientExpired, "team-a"},
		{"before a moment in another zone", c, "x", at("2027-06-30T09:59:59Z"), edgeerr.None, "team-c"},
		{"at that moment", c, "x", at("2027-06-30T10:00:00Z"), edgeerr.ClientExpired, "team-c"},
		{"unknown", Generate(), "openai", early, edgeerr.ClientUnknown, ""},
		{"empty", "", "openai", early, edgeerr.ClientUnknown, ""},
		{"the hash in place of the key", Hash(a), "openai", early, edgeerr.ClientUnknown, ""},
		{"a key that goes on", a + "x", "openai", early, edgeerr.ClientUnknown, ""},
		{"a key that is cut", a[:len(a)-1], "openai", early, edgeerr.ClientUnknown, ""},
		{"a key in another case", strings.ToUpper(a), "openai", early, edgeerr.ClientUnknown, ""},
		{"longer than any key", strings.Repeat("k", 5000), "openai", early, edgeerr.ClientUnknown, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := set.Judge([]byte(tc.key), tc.route, tc.at)
			name := ""
			if v.Client != nil {
				name = v.Client.Name
			}
			if v.Code != tc.code || name != tc.client || (v.Text == "") != (tc.code == edgeerr.None) {
				t.Errorf("got %v, client %q, %q; want %v, %q", v.Code, name, v.Text, tc.code, tc.client)
			}
			if tc.key != "" && strings.Contains(v.Text, tc.key) {
				t.Errorf("the text repeats the key: %q", v.Text)
			}
		})
	}
}

// A key of MaxKey characters must not do for a longer one that begins with it.
func TestALongKeyIsNotCut(t *testing.T) {
	long := strings.Repeat("k", MaxKey)
	set, err := New(map[string]Options{"a": {Keys: []string{Hash(long)}}})
	if err != nil {
		t.Fatal(err)
	}
	if set.Find([]byte(long)) == nil || set.Find([]byte(long+"x")) != nil {
		t.Errorf("of %d characters: %v, of one more: %v", MaxKey, set.Find([]byte(long)), set.Find([]byte(long+"x")))
	}
}

func TestFaults(t *testing.T) {
	k := Generate()
	for _, tc := range []struct {
		name string
		o    map[string]Options
		want string // key and beginning of the text
	}{
		{"no key", map[string]Options{"a": {}}, "a.keys: a client has at least one key"},
		{"the key itself", map[string]Options{"a": {Keys: []string{k}}}, "a.keys[0]: this is the key itself"},
		{"a hash without its name", map[string]Options{"a": {Keys: []string{Hash(k)[7:]}}}, "a.keys[0]: a key is written as"},
		{"a short hash", map[string]Options{"a": {Keys: []string{Hash(k)[:60]}}}, "a.keys[0]: a key is written as"},
		{"no hash", map[string]Options{"a": {Keys: []string{"sha256:xyz"}}}, "a.keys[0]: a key is written as"},
		{"one key twice", map[string]Options{"a": {Keys: []string{Hash(k), Hash(k)}}}, "a.keys[1]: this key stands at clients.a.keys[0]"},
		{"one key of two clients", map[string]Options{"a": {Keys: []string{Hash(k)}}, "b": {Keys: []string{Hash(k)}}}, "b.keys[0]: this key stands at clients.a.keys[0]"},
		{"a day that is none", map[string]Options{"a": {Keys: []string{Hash(k)}, Expires: "2027-02-30"}}, "a.expires: found \"2027-02-30\", want a day, such as"},
		{"a day in another order", map[string]Options{"a": {Keys: []string{Hash(k)}, Expires: "30.06.2027"}}, "a.expires: found \"30.06.2027\", want a day, such as"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found := Faults(tc.o)
			if len(found) != 1 || !strings.HasPrefix(found[0].Error(), tc.want) {
				t.Fatalf("got %v, want %s", found, tc.want)
			}
			if strings.Contains(fmt.Sprint(found), k) {
				t.Errorf("the fault shows the key: %v", found)
			}
		})
	}
}

func TestFindingAKeyAllocatesNothing(t *testing.T) {
	known, unknown := Generate(), Generate()
	set, err := New(map[string]Options{"a": {Keys: []string{Hash(known)}}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := []byte(known), []byte(unknown)
	if n := testing.AllocsPerRun(1000, func() { set.Find(a); set.Find(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFind(b *testing.B) {
	known := Generate()
	set, err := New(map[string]Options{"a": {Keys: []string{Hash(known)}}})
	if err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]string{"known": known, "unknown": Generate()} {
		b.Run(name, func(b *testing.B) {
			text := []byte(key)
			b.ReportAllocs()
			for b.Loop() {
				set.Find(text)
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	known := Generate()
	set, err := New(map[string]Options{"a": {Keys: []string{Hash(known)}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(known))
	f.Add([]byte(Hash(known)))
	f.Fuzz(func(t *testing.T, key []byte) {
		if (set.Find(key) != nil) != (string(key) == known) {
			t.Fatalf("%q is taken for the key", key)
		}
		_ = Faults(map[string]Options{"a": {Keys: []string{string(key)}, Expires: string(key)}})
	})
}
