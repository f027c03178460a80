package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheLogIsChecked(t *testing.T) {
	const line = `{"level":"info","request_id":"soak-1","message":"exchange"}` + "\n"
	for _, tc := range []struct {
		name, log string
		lines     int64
		want      string // in the first finding; empty: none
		missing   []uint64
	}{
		{"one line for each", line + strings.Replace(line, "soak-1", "soak-2", 1), 2, "", nil},
		{"an id that is none of ours", line + strings.Replace(line, "soak-1", "a", 1), 2, "", []uint64{2}},
		{"two lines for one", line + line, 2, "a second access line of soak-1", []uint64{2}},
		{"no line at all", "", 0, "", []uint64{1, 2}},
		{"a credential in a line", strings.Replace(line, `{`, `{"path":"/?k=keym0123"`+`,`, 1), 1, "a credential stands in the log", []uint64{2}},
		{"a race", "WARNING: DATA RACE\n", 0, "no JSON: WARNING: DATA RACE", []uint64{1, 2}},
		{"a panic that was caught", `{"level":"error","message":"panic in an exchange"}` + "\n", 0, "panic in an exchange", []uint64{1, 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLedger("m0123")
			for range 2 {
				l.end(l.begin(plan{}, time.Time{}), "complete", true)
			}
			a := newAccessLog(l, io.Discard)
			a.read(io.NopCloser(strings.NewReader(tc.log)))
			found := strings.Join(l.findings, "\n")
			if !strings.Contains(found, tc.want) || (tc.want == "") != (found == "") {
				t.Errorf("got the findings %q, want %q", found, tc.want)
			}
			if a.exchanges() != tc.lines || !slices.Equal(a.missing(), tc.missing) {
				t.Errorf("%d lines, missing %v; want %d, %v", a.exchanges(), a.missing(), tc.lines, tc.missing)
			}
		})
	}
}
