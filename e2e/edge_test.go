//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// access waits for the one access line of an exchange.
func access(t *testing.T, e *edge.Edge, requestID string) edge.Line {
	t.Helper()
	line, err := e.AwaitLine("the access line of request "+requestID, func(l edge.Line) bool {
		return l.Message == "exchange" && l.RequestID == requestID
	})
	testkit.Must(t, err)
	return line
}

// awaitLine waits until a line of the log has the text.
func awaitLine(t *testing.T, e *edge.Edge, text string) {
	t.Helper()
	if err := e.Await(text, e.Logged(text)); err != nil {
		t.Fatalf("%v\n%s", err, e.Words())
	}
}

// checkLog fails where the log holds a secret, or a line that is no JSON: the
// report of a panic or of the race detector.
func checkLog(t *testing.T, e *edge.Edge) {
	t.Helper()
	if secret := findSecret(e.Log()); secret != "" {
		t.Errorf("the log holds the secret %s", secret)
	}
	for line := range strings.Lines(e.Log()) {
		if !json.Valid([]byte(line)) {
			t.Fatalf("a line of the log is no JSON: %s\n%s", line, e.Log())
		}
	}
}
