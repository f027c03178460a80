package admit

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
)

// fixed is a value that does not change; empty: it was withdrawn.
type fixed []byte

func (f fixed) Current(time.Time) []byte { return f }

func fixedValues(texts ...string) (all []Value) {
	for _, t := range texts {
		all = append(all, fixed(t))
	}
	return all
}

func TestWhichFieldARequestMustHave(t *testing.T) {
	two := []string{"0a1B", "ffff"}
	for _, tc := range []struct {
		name   string
		values []string
		fold   bool
		lines  int
		value  string
		want   string // of the message; empty: it passes
	}{
		{"the first value", two, false, 1, "0a1B", ""},
		{"the second value", two, false, 1, "ffff", ""},
		{"another one", two, false, 1, "0a1C", "none of the values"},
		{"in another case", two, false, 1, "0A1b", "none of the values"},
		{"in another case, which means nothing", two, true, 1, "0A1b", ""},
		{"another one without regard to case", two, true, 1, "0A1c", "none of the values"},
		{"what differs by the bit of case and is no letter", []string{"@["}, true, 1, "`{", "none of the values"},
		{"the beginning of one", two, false, 1, "0a1", "none of the values"},
		{"more than one", two, true, 1, "0a1B, ffff", "none of the values"},
		{"an empty one", two, false, 1, "", "is missing"},
		{"none", two, false, 0, "", "is missing"},
		{"two", two, false, 2, "ffff", "several times"},
		{"any", nil, false, 1, "x", ""},
		{"any of two", nil, false, 2, "x", "several times"},
		{"any, and it is not there", nil, false, 0, "", "is missing"},
		{"any, and it says nothing", nil, false, 1, "", "is missing"},
		{"one that was withdrawn", []string{""}, false, 1, "x", "none of the values"},
		{"one that was withdrawn, and nothing", []string{""}, true, 1, "", "is missing"},
	} {
		h := NewHeader("gate", "X-Azure-FDID", fixedValues(tc.values...), tc.values, tc.fold)
		v := h.Check(tc.lines, []byte(tc.value), time.Now())
		if v.Passes() != (tc.want == "") || tc.want != "" && (v.Code != edgeerr.HeaderNotAllowed || !strings.Contains(v.Message, tc.want) || !strings.Contains(v.Message, "X-Azure-FDID")) {
			t.Errorf("%s: %v %q, want %q", tc.name, v, v.Message, tc.want)
		}
		if tc.value != "" && len(tc.value) > 1 && strings.Contains(v.Message, tc.value) {
			t.Errorf("%s: the message shows the value: %s", tc.name, v.Message)
		}
	}
}

// FuzzSameValue: without regard to case is what bytes.EqualFold says of ASCII.
func FuzzSameValue(f *testing.F) {
	f.Add([]byte("Front-Door@["), []byte("front-dOOR`{"))
	f.Add([]byte("aZ09"), []byte("Az09"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, c := range append(a, b...) {
			if c >= 0x80 {
				return
			}
		}
		if got, want := same(a, b, true) == 1, bytes.EqualFold(a, b); got != want {
			t.Errorf("%q and %q: %t, want %t", a, b, got, want)
		}
		if got, want := same(a, b, false) == 1, bytes.Equal(a, b); got != want {
			t.Errorf("%q and %q to the letter: %t, want %t", a, b, got, want)
		}
	})
}

func TestAFieldThatPassesAllocatesNothing(t *testing.T) {
	for _, fold := range []bool{false, true} {
		h := NewHeader("gate", "X-Azure-FDID", fixedValues("", "0a1b"), nil, fold)
		now, value := time.Now(), []byte("0a1b")
		if n := testing.AllocsPerRun(100, func() {
			if v := h.Check(1, value, now); !v.Passes() {
				t.Error(v)
			}
		}); n != 0 {
			t.Errorf("%v allocations, want none", n)
		}
	}
}

func TestExplainNamesTheFieldAndItsSources(t *testing.T) {
	sources := []string{"env:FRONT_DOOR_ID", "file:/run/fdid"}
	for _, tc := range []struct {
		sources []string
		blind   bool
		value   string
		want    string
	}{
		{nil, false, "x", "gate: passes; the request must have X-Azure-FDID once, with any value"},
		{sources, false, "0a1b", "gate: passes; the request must have X-Azure-FDID once, with the value of env:FRONT_DOOR_ID or file:/run/fdid"},
		{sources, false, "x", "gate: 403 header_not_allowed"},
		{sources, true, "x", "gate: passes; the request must have X-Azure-FDID once, with the value of env:FRONT_DOOR_ID or file:/run/fdid, which is not known here"},
		{sources, true, "", "gate: 403 header_not_allowed"},
	} {
		var values []Value
		if tc.sources != nil {
			values = fixedValues("0a1b", "ffff")
		}
		h := NewHeader("gate", "X-Azure-FDID", values, tc.sources, false)
		h.Blind = tc.blind
		if got := h.Explain(1, []byte(tc.value), time.Now()).String(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
	h := NewHeader("gate", "X-Azure-FDID", fixedValues("***"), []string{"keyvault:x"}, false)
	h.Blind = true
	if v := h.Check(1, []byte("0a1b"), time.Now()); v.Passes() {
		t.Error("a value that is not known lets a request pass")
	}
}
