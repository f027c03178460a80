package head

import (
	"errors"
	"strings"
	"testing"
)

func TestConnectionNamesWhatEndsHere(t *testing.T) {
	for _, tc := range []struct {
		name           string
		values         []string
		close, upgrade bool
		want           string
	}{
		{"keep-alive", []string{"Keep-Alive"}, false, false, ""},
		{"close among others", []string{"x-a, CLOSE,\tx-b "}, true, false, "x-a x-b"},
		{"over lines", []string{"Upgrade", "", "x-a", "close"}, true, true, "x-a"},
		{"empty members", []string{strings.Repeat(" ,", 10000) + "x-a" + strings.Repeat(",\t", 10000)}, false, false, "x-a"},
		{"options without end name nothing", []string{strings.Repeat("close, keep-alive, upgrade, ", 1000)}, true, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c connection
			for _, v := range tc.values {
				if err := c.readConnection([]byte(v)); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for _, n := range c.nominated {
				got = append(got, string(n))
				if !c.nominates([]byte(strings.ToUpper(string(n)))) {
					t.Errorf("%s is not nominated", n)
				}
			}
			if c.Close != tc.close || c.upgrade != tc.upgrade || strings.Join(got, " ") != tc.want || c.nominates([]byte("x")) {
				t.Errorf("%+v, want close %v, upgrade %v, names %q", c, tc.close, tc.upgrade, tc.want)
			}
		})
	}
}

// TestTooManyNamesInConnectionAreRefused holds that a name which is not looked at
// refuses the head, and does not let its field pass: in one list and over lines, in
// both directions.
func TestTooManyNamesInConnectionAreRefused(t *testing.T) {
	lines := func(count int) string { return strings.Repeat("Connection: x-hop\n", count) }
	for _, tc := range []struct {
		name, fields string
		refused      bool
	}{
		{"the most in one list", "Connection: " + list(maxNominated, 8) + "\n", false},
		{"one more in one list", "Connection: " + list(maxNominated+1, 8) + "\n", true},
		{"the most over lines", lines(maxNominated), false},
		{"one more over lines", lines(maxNominated + 1), true},
		{"one name too often", "Connection: " + strings.Repeat("x,", maxNominated+1) + "\n", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var up Request
			var down Response
			if err := up.Parse(crlf("GET / HTTP/1.1\nHost: e\n" + tc.fields + "\n")); (err != nil) != tc.refused {
				t.Errorf("request: %v", err)
			}
			if err := down.Parse(crlf("HTTP/1.1 200 OK\n" + tc.fields + "\n")); errors.Is(err, errNominated) != tc.refused {
				t.Errorf("response: %v", err)
			}
		})
	}
}

func TestHowLongAConnectionMayBeIdle(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []string
		want   int64
	}{
		{"no field", nil, -1},
		{"empty", []string{""}, -1},
		{"a number", []string{"timeout=5"}, 5},
		{"0", []string{"timeout=0"}, 0},
		{"beside a count", []string{"timeout=5, max=100"}, 5},
		{"behind a count, in capitals, with spaces", []string{" MAX=100 ,\tTIMEOUT = 5 "}, 5},
		{"quoted", []string{`timeout="5"`}, 5},
		{"a count alone", []string{"max=7"}, -1},
		{"no exchange is left", []string{"timeout=5, max=0"}, 0},
		{"the shortest of several", []string{"timeout=9, timeout=5, timeout=7"}, 5},
		{"the shortest of several lines", []string{"timeout=9", "timeout=5", "timeout=7"}, 5},
		{"huge", []string{"timeout=99999999999999999999999999999999"}, 1 << 31},
		{"a unit", []string{"timeout=5s"}, 5},
		{"a part of a second", []string{"timeout=0.5"}, 0},
		{"negative", []string{"timeout=-1"}, -1},
		{"no number", []string{"timeout=soon"}, -1},
		{"no value", []string{"timeout"}, -1},
		{"another name", []string{"timeouts=5, xtimeout=3, idle=1"}, -1},
		{"broken beside whole", []string{"timeout=x, timeout=5, =, ,,"}, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := int64(-1)
			for _, v := range tc.values {
				got = idleOf([]byte(v), got)
			}
			if got != tc.want {
				t.Errorf("Keep-Alive: %q means %d seconds, want %d", tc.values, got, tc.want)
			}
		})
	}
}
