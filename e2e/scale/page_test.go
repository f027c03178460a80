package main

import (
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestThePageShowsWhatRuns holds that operators are shown the balancer that is checked.
func TestThePageShowsWhatRuns(t *testing.T) {
	page := testkit.Read(t, "../../docs/scaling.md")
	shown := site{Mode: "tcp", Bind: ":8080", Inter: "1s", Servers: []server{
		{"edge-1", "10.0.0.11:8080", "9090"}, {"edge-2", "10.0.0.12:8080", "9090"}, {"edge-3", "10.0.0.13:8080", "9090"},
	}}.text()
	if !strings.Contains(page, "```text\n"+shown+"```\n") {
		t.Errorf("docs/scaling.md does not show\n%s", shown)
	}
}
