package census

import (
	"strings"
	"testing"
)

// TestWhatCommandsATerminalIsNoCensus: reports are read on terminals, and a file or
// another edge may say anything.
func TestWhatCommandsATerminalIsNoCensus(t *testing.T) {
	const header = `{"header":{"census":1,"replica":"a","run":"r","edge":"e","key":"k","since":"2026-11-01T00:00:00Z","written":"2026-11-28T00:00:00Z","bound":10}}`
	for _, tc := range []struct {
		name, route string
		taken       bool
	}{
		{"a name", `openai`, true},
		{"letters of others", `größe-東京`, true},
		{"what is escaped and harmless", `a\"b\\u001bc\/\u003e`, true},
		{"an escape", `a\u001b[2J`, false},
		{"an escape in capitals", `a\u001B]0;x`, false},
		{"a line feed", `a\nforged`, false},
		{"DEL", "a\x7f", false},
		{"an escaped C1", `a\u009b2J`, false},
		{"a C1", "a\u009b2J", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := header + "\n" + `{"setup":{"route":"` + tc.route + `"}}` + "\n" + `{"end":2}`
			d, faults, err := Read(strings.NewReader(text))
			if err != nil || len(d.Setups) == 1 != tc.taken || len(faults) == 0 != tc.taken {
				t.Errorf("%d setups, faults %v, %v", len(d.Setups), faults, err)
			}
		})
	}
	if _, _, err := Read(strings.NewReader(strings.Replace(header, `"r"`, `"\u001b"`, 1))); err == nil {
		t.Error("a header that commands a terminal is read")
	}
}
