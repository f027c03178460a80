package bridge

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

//go:generate go test -run TestThePageIsCurrent -update .

var update = flag.Bool("update", false, "write the tables in docs/bridge.md")

const page = "../../docs/bridge.md"

// TestThePageIsCurrent holds the tables of docs/bridge.md to the operations and strays.
func TestThePageIsCurrent(t *testing.T) {
	text := testkit.Read(t, page)
	want := text
	for name, table := range map[string]string{"operations": operationsTable(), "strays": straysTable()} {
		begin, end := "<!-- "+name+": go generate ./proxy/bridge -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no place for the %s", page, name)
		}
		want = before + begin + table + end + after
	}
	if text == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not current; run: go generate ./proxy/bridge", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// operationsTable has a row for each operation, and each note once below.
func operationsTable() string {
	var rows, notes strings.Builder
	number := map[string]int{}
	cell := func(w way) string {
		if w.note == "" {
			return w.Fidelity.String()
		}
		if number[w.note] == 0 {
			number[w.note] = len(number) + 1
			notes.WriteString(wrapped(fmt.Sprintf("%d. ", number[w.note]), strings.ToUpper(w.note[:1])+w.note[1:]+"."))
		}
		return fmt.Sprintf("%v (%d)", w.Fidelity, number[w.note])
	}
	rows.WriteString("\n| operation | path | since | v1 to legacy | legacy to v1 |\n|---|---|---|---|---|\n")
	for _, o := range operations {
		path := "`" + o.path + "`"
		if o.below == deployment {
			path += " below a deployment"
		}
		legacy := cell(o.legacy)
		if o.listed {
			legacy = "answered from the table"
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s |\n", o.name, path, o.since, legacy, cell(o.v1))
	}
	return rows.String() + "\n" + notes.String() + "\n"
}

func straysTable() string {
	var out strings.Builder
	out.WriteString("\n| name | what is wrong, and what to do |\n|---|---|\n")
	for _, s := range Strays() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", s, s.Advice())
	}
	return out.String() + "\n"
}

// wrapped breaks a text into lines of up to 98 columns.
func wrapped(mark, text string) string {
	var out strings.Builder
	line := mark
	for i, word := range strings.Fields(text) {
		if i > 0 && len(line)+1+len(word) > 98 {
			out.WriteString(line + "\n")
			line = strings.Repeat(" ", len(mark)-1)
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	return out.String() + line + "\n"
}
