//go:build e2e

package wire

import (
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// manyStreams is the number of live streams that the issue asks for.
const manyStreams = 200

// TestReloadDuringLiveStreams: running exchanges never notice a reload, be it
// by SIGHUP, by a change of the file, or one that fails; new ones get the new
// configuration.
func TestReloadDuringLiveStreams(t *testing.T) {
	streams := newLiveStreams(t)
	config := simpleConfig("http://" + streams.upstream.Address)
	under := edge.Run(t, config)
	streams.open(under, manyStreams)

	change := func(text, logged string) {
		t.Helper()
		if err := under.Configure(text); err != nil {
			t.Fatal(err)
		}
		if err := under.Await(logged, under.Logged(logged)); err != nil {
			t.Fatal(err)
		}
	}
	change(config+"debug: {decision_header: true}\n", `"trigger":"file"`)
	if answer := probe(t, under); !strings.Contains(answer, "X-Apim-Edge-Decision: bearer_key") {
		t.Errorf("after the change of the file: got %q, want a response with the decision", answer)
	}
	change("routes: [this is no map\n", `"message":"reload failed`)
	if answer := probe(t, under); !strings.Contains(answer, "X-Apim-Edge-Decision: bearer_key") {
		t.Errorf("after a bad file: got %q, want the configuration from before", answer)
	}
	if err := under.Configure(config); err != nil {
		t.Fatal(err)
	}
	if err := under.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := under.Await("a reload by signal", under.Logged(`"trigger":"signal"`)); err != nil {
		t.Fatal(err)
	}
	if answer := probe(t, under); strings.Contains(answer, "X-Apim-Edge-Decision") {
		t.Errorf("after SIGHUP: got %q, want a response without the decision", answer)
	}
	close(streams.release)
	streams.finish(t, manyStreams)
}

func probe(t *testing.T, under *edge.Edge) string {
	t.Helper()
	all, _, err := fetch(under.Address(), get("/probe"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}
