package hint

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

var update = flag.Bool("update", false, "write docs/hints.md")

const referenceFile = "../../docs/hints.md"

func TestTheReferenceIsCurrent(t *testing.T) {
	want := reference()
	if *update {
		testkit.Must(t, os.WriteFile(referenceFile, []byte(want), 0o644))
		return
	}
	got := testkit.Read(t, referenceFile)
	if got != want {
		t.Error("docs/hints.md is not what the table of hints says; run: go generate ./internal/hint")
	}
}

const intro = "<!-- Generated from internal/hint by go generate ./internal/hint; do not edit. -->\n" + `
# Hints

A 401 of the upstream can be API Management's, or that of the service behind it, or somebody's in
between. apim-edge passes each as it is, and says what it is known as:

- in the access line, as ` + "`hint`" + `,
- in ` + "`apim_edge_hints_total`" + `, by route, hint and owner,
- with ` + "`debug.hint_header`" + `, in the field ` + "`X-Apim-Edge-Hint`" + ` of the answer. It is not there where the
  hint is unknown, or where the text came later than the head, which does not wait for it,
- from ` + "`apim-edge doctor --error -`" + `, for an error that somebody has pasted ([doctor](doctor.md)).

Looked at are 400, 401, 403, 404 and 429: the first KiB of a body that is not compressed,
` + "`WWW-Authenticate`" + `, and what was decided about the credential. Texts change, and operators rewrite
them, so two or three words decide. What is not known is ` + "`unknown`" + `. A prompt that was filtered is
no error of the way, and has no hint. The other statuses in these tables come from the doctor alone.

Tests: [hint_test.go](../internal/hint/hint_test.go), [hint_test.go](../proxy/hint_test.go).
`

var headings = map[Owner]string{
	APIM:        "Said by API Management (`apim`)",
	AzureOpenAI: "Said by Azure OpenAI, behind API Management (`azure_openai`)",
	Between:     "Said by something in between (`between`)",
}

// reference writes docs/hints.md.
func reference() string {
	var out strings.Builder
	out.WriteString(intro)
	for _, o := range []Owner{APIM, AzureOpenAI, Between} {
		fmt.Fprintf(&out, "\n## %s\n\n| hint | what happened | what to do | seen in |\n|---|---|---|---|\n", headings[o])
		for _, h := range All() {
			if h.Owner() == o {
				fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", h, h.Means(), h.Change(), h.Source())
			}
		}
	}
	return out.String()
}
