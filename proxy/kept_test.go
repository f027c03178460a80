package proxy

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
	"github.com/apim-edge/apim-edge/proxy/record"
)

// TestWhatIsKeptIsBounded holds that it is as the log would write it.
func TestWhatIsKeptIsBounded(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("a", 20), strings.Repeat("a", 21), strings.Repeat(`\`, 11), "a\xff\xfe\xfd\xfcb", "aéééééééééé"} {
		var k kept
		k.keep([]byte("before"), 20)
		if got, want := string(k.of(k.keep([]byte(text), 20))), string(record.Fit([]byte(text), 20)); got != want {
			t.Errorf("keep(%q, 20) = %q, the log would write %q", text, got, want)
		}
	}
}

// TestAMethodThatIsNone holds that the log does not show what only stands in the
// place of a method.
func TestAMethodThatIsNone(t *testing.T) {
	for method, want := range map[string]string{
		"GET": "GET", "get": "get", "M-SEARCH": "M-SEARCH", "BASELINE_CONTROL": "BASELINE_CONTROL",
		"": "", "key0123456789abcdef": "***", "api-key:k": "***", "GET1": "***", "a=b": "***", "[": "***", "{": "***", "@": "***", "`": "***",
		strings.Repeat("M", 33): strings.Repeat("M", 26) + " (cut)",
	} {
		var k kept
		if got := string(k.of(k.keepMethod([]byte(method)))); got != want {
			t.Errorf("keepMethod(%q) = %q, want %q", method, got, want)
		}
	}
}

// TestWhatIsCutIsNotHeld holds that the notes of a stream do not keep the buffer
// of a long query for as long as it lasts.
func TestWhatIsCutIsNotHeld(t *testing.T) {
	e, s := compiled(t)
	x := exchangeOf(e, s)
	testkit.Must(t, x.req.Parse(crlf("GET /?"+strings.Repeat("a", 60_000)+" HTTP/1.1\nHost: edge\n\n")))
	x.note()
	if got := cap(x.kept.array); got > 2*usualText {
		t.Errorf("the kept texts hold %d bytes, want %d at most", got, 2*usualText)
	}
}

// TestWhatComesAgainTakesNoMoreRoom has many attempts tell of themselves.
func TestWhatComesAgainTakesNoMoreRoom(t *testing.T) {
	var k kept
	k.path = k.keep([]byte("/path"), 20)
	for i := range 100_000 {
		id := fmt.Sprintf("id-%d", i)
		k.apim = k.instead(k.apim, []byte(id), 20)
		if got := string(k.of(k.apim)); got != id || string(k.of(k.path)) != "/path" || len(k.array) > 20 {
			t.Fatalf("%q is kept as %q, in %q", id, got, k.array)
		}
	}
}

// TestHexadecimal holds that a word has the eight digits of its number, the lowest first.
func TestHexadecimal(t *testing.T) {
	for n := range uint32(1 << 10) {
		n *= 0x9e3779b9 // all over the range
		digits := binary.LittleEndian.AppendUint64(nil, hexadecimal(n))
		slices.Reverse(digits)
		if want := fmt.Sprintf("%08x", n); string(digits) != want {
			t.Fatalf("%d is %s, want %s", n, digits, want)
		}
	}
}

// TestIDsDiffer holds that neither one loop nor two make an id twice.
func TestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	a, b := newStore(0), newStore(0)
	for range 5000 {
		for _, s := range []*store{a, b} {
			var k kept
			k.makeID(&s.random)
			seen[string(k.of(k.id))] = true
		}
	}
	if len(seen) != 10000 {
		t.Errorf("%d ids of 10000 differ", len(seen))
	}
	for id := range seen {
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
			t.Fatalf("%q is an id", id)
		}
	}
}
