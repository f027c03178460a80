package rewrite

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: docs/credentials.md names every reason and default, and each test
// that it links to is where it says.
func TestDocs(t *testing.T) {
	const page = "../docs/credentials.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Reasons() {
		if !strings.Contains(string(text), "| `"+r.String()+"` |") {
			t.Errorf("%s: no row has the reason %s", page, r)
		}
	}
	if list := strings.Join(DefaultPlaceholders(), " "); !strings.Contains(string(text), list) {
		t.Errorf("%s does not list the placeholders %s", page, list)
	}
	links := regexp.MustCompile(`\[(\w+)\]\(\.\./rewrite/(\w+_test\.go)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) == 0 {
		t.Errorf("%s links to no test", page)
	}
	for _, link := range links {
		code, err := os.ReadFile(link[2])
		if err != nil || !strings.Contains(string(code), "func "+link[1]+"(") {
			t.Errorf("%s links to %s in %s, which is not there", page, link[1], link[2])
		}
	}
}
