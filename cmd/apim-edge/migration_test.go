package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestTheWayOutIsRun: each command of docs/migration.md, in a block or in a sentence, is run
// by the script of that name, in which a look-alike stands for the API.
func TestTheWayOutIsRun(t *testing.T) {
	script := read(t, "cmd/apim-edge/testdata/script/migration.txtar")
	script = strings.NewReplacer("$LEGACY", "https://contoso.azure-api.net", "$EDGE", "localhost:8080", "$WORK", "/var/lib/apim-edge").Replace(script)
	prefix := regexp.MustCompile(`^(exec|exits \d+) `)
	started := regexp.MustCompile(`^edge (\S+=\S+ )*`)
	run := map[string]bool{}
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		run[started.ReplaceAllString(prefix.ReplaceAllString(line, ""), "apim-edge serve ")] = true
	}
	seen := 0
	for line := range strings.Lines(commands(read(t, "docs/migration.md"))) {
		line = strings.TrimSpace(line)
		if line == "" || len(strings.Fields(line)) == 2 && strings.Count(line, "-") == 1 { // the name of a command
			continue
		}
		if seen++; !run[line] {
			t.Errorf("migration.txtar does not run: %s", line)
		}
	}
	if seen < 15 {
		t.Errorf("found %d commands, want more: is the pattern right?", seen)
	}
}
