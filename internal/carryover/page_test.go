package carryover

import (
	"fmt"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

const pageOfCases = "../../docs/import-cases.md"

var outcomes = map[string]string{"carried": "carried over", "partly": "in part", "listed": "listed"}

// TestThePageOfCases: docs/import-cases.md has a line for each case, and counts them.
func TestThePageOfCases(t *testing.T) {
	all := idioms(t)
	counts := map[string]int{}
	var rows strings.Builder
	for _, i := range all {
		counts[i.outcome]++
		fmt.Fprintf(&rows, "| [%s](../internal/carryover/testdata/idioms/%s.txtar) | %s | %s |\n", i.name, i.name, i.sentence, outcomes[i.outcome])
	}
	want := fmt.Sprintf(`# What import carries over, case by case

Each case is a file with a document, the list that [import](import.md) prints, and the configuration
that it writes. Of %d cases %d are carried over, %d in part, and %d are listed. That the keys of
subscriptions stay in API Management is listed in each case where it matters, and not counted.

Test: [TestIdioms, TestWhatIsWrittenIsAccepted](../internal/carryover/idioms_test.go). The page is
written by `+"`go test ./internal/carryover -run TestThePageOfCases -update`"+`.

| case | what stands in the document | becomes |
|---|---|---|
%s`, len(all), counts["carried"], counts["partly"], counts["listed"], rows.String())
	if *update {
		testkit.Write(t, pageOfCases, want)
	}
	got := testkit.Read(t, pageOfCases)
	if got != want {
		t.Error("the page is not what the cases say; write it by go test ./internal/carryover -run TestThePageOfCases -update")
	}
}
