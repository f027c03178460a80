package record

import (
	"testing"

	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/rewrite"
)

// TestEveryOutcomeHasItsCounter holds that no reason, status, family or code that
// may come to be is beyond what counts it.
func TestEveryOutcomeHasItsCounter(t *testing.T) {
	m := NewMetrics("test", func() float64 { return 0 })
	r := m.Route("api")
	for _, reason := range append(rewrite.Reasons(), rewrite.ReasonUndecided) {
		for status := 0; status < 1000; status += 100 {
			for f := range familyCount {
				r.request(reason, status, f).Inc()
			}
		}
	}
	for _, code := range edgeerr.Codes() {
		m.errors[code].Inc()
	}
	for _, note := range rewrite.AllNotes() {
		m.note(note)
	}
}
