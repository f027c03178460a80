package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheExampleOfImport: the page on import shows a document, and what the first command
// of the page makes of it.
func TestTheExampleOfImport(t *testing.T) {
	page := read(t, "docs/import.md")
	part := section(t, page, "## An example", "## ")
	blocks := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```(xml|text|yaml)\n(.*?)```").FindAllStringSubmatch(part, -1) {
		blocks[m[1]] = m[2]
	}
	first := regexp.MustCompile("```sh\napim-edge (.*)\n").FindStringSubmatch(page)
	t.Chdir(t.TempDir())
	testkit.Write(t, "api.xml", blocks["xml"])
	var out bytes.Buffer
	cmd := newRootCommand()
	cmd.SetOut(&out)
	cmd.SetArgs(strings.Fields(first[1]))
	if err := cmd.Execute(); err == nil || err.Error() != "something is not carried over" {
		t.Errorf("error %v", err)
	}
	if got, want := out.String(), blocks["text"]+"\n"+blocks["yaml"]; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
