package rewrite

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestDocs: docs/credentials.md names every reason and default, and each test
// that it links to is where it says.
func TestDocs(t *testing.T) {
	const page = "../docs/credentials.md"
	text := testkit.Read(t, page)
	for _, r := range Reasons() {
		if !strings.Contains(text, "| `"+r.String()+"` |") {
			t.Errorf("%s: no row has the reason %s", page, r)
		}
	}
	if list := strings.Join(DefaultPlaceholders(), " "); !strings.Contains(text, list) {
		t.Errorf("%s does not list the placeholders %s", page, list)
	}
	links := regexp.MustCompile(`\[(\w+)\]\(\.\./rewrite/(\w+_test\.go)\)`).FindAllStringSubmatch(text, -1)
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
