package proxytest

import (
	"runtime"
	"testing"
)

// refusing is a test that fails, and goes on.
type refusing struct {
	testing.TB
	refused bool
}

func (r *refusing) Fatalf(string, ...any) {
	r.refused = true
	runtime.Goexit()
}

// TestAMetricThatIsNotThereIsRefused holds that a test cannot ask for a series by a name
// that nothing has.
func TestAMetricThatIsNotThereIsRefused(t *testing.T) {
	e := StartEdge(t, StartUpstream(t), nil)
	for name, want := range map[string]bool{
		"apim_edge_client_connections":                                         false,
		`apim_edge_cancels_total{route="api"}`:                                 false,
		`apim_edge_upstream_connections{state="idle",upstream="legacy"}`:       false,
		"apim_edge_client_connection":                                          true,
		"apim_edge_client_connections_total":                                   true,
		`apim_edge_cancels_total{route="apj"}`:                                 true,
		`apim_edge_cancels_total{rout="api"}`:                                  true,
		`apim_edge_upstream_connections{state="in-use",upstream="legacy"}`:     true,
		`apim_edge_upstream_connections{state="idle",upstream="other legacy"}`: true,
	} {
		refuses := &refusing{TB: t}
		asks := *e
		asks.T = refuses
		done := make(chan struct{})
		go func() {
			defer close(done)
			asks.Metric(name)
		}()
		if <-done; refuses.refused != want {
			t.Errorf("%s: refused %v, want %v", name, refuses.refused, want)
		}
	}
}
