package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/network"
	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// onRequest runs one of the workloads that a run has only where it is named.
func onRequest(t *testing.T, name string, size workload.Size) *report.Results {
	t.Helper()
	if testing.Short() {
		t.Skip("builds programs and runs them")
	}
	if slices.Contains(workload.Names(), name) {
		t.Errorf("%s takes minutes, and is run unasked", name)
	}
	path, err := network.NewPath()
	if errors.Is(err, network.ErrNotAllowed) {
		t.Skip(err)
	}
	testkit.Must(t, err)
	path.Close()
	root, err := moduleRoot()
	testkit.Must(t, err)
	return smoke(t, options{
		Root: root, Command: "smoke test", Out: filepath.Join(t.TempDir(), name), Size: size, Rounds: 1, Cores: 1,
		Peers: []string{smokePeer}, Legs: []string{"plain"}, Workloads: []string{name},
	})
}

// TestTheNetworkIsCutInSilence holds that nobody is told of it within a second: each bound
// of the peer is longer. So what the workload measures is what the peer finds out.
func TestTheNetworkIsCutInSilence(t *testing.T) {
	size := smokeSize()
	size.CutOff, size.Cut = 2, time.Second
	for _, row := range onRequest(t, "partition", size).Rows {
		if row.Figures["never"] != 4 || len(row.Kinds) > 0 {
			t.Errorf("%s: %v, %v; want 4 kinds that were told nothing", row.Peer, row.Figures, row.Kinds)
		}
	}
}

// TestANameIsFollowed holds that the peer comes to the new address, and that all figures
// of that are there.
func TestANameIsFollowed(t *testing.T) {
	size := smokeSize()
	size.Moving = time.Minute
	results := onRequest(t, "name-moves", size)
	checkFigures(t, results, options{Legs: []string{"plain"}, Workloads: []string{"name-moves"}})
	for _, row := range results.Rows {
		if row.Figures["never"] > 0 || row.Figures["planned_failed"] > 0 {
			t.Errorf("%s: %v", row.Peer, row.Figures)
		}
	}
}

// TestWhatTheMachineDoesNotAllowIsSaid holds that a workload which is left out has its line
// in the results.
func TestWhatTheMachineDoesNotAllowIsSaid(t *testing.T) {
	b := &bench{results: &report.Results{}, workloads: workload.All()}
	b.leaveOutNetworks(network.ErrNotAllowed)
	for _, name := range []string{"partition", "name-moves"} {
		if !slices.Contains(b.results.Notes, "not measured: "+name+": "+network.ErrNotAllowed.Error()) {
			t.Errorf("%s is not in %q", name, b.results.Notes)
		}
	}
	if got, want := len(b.workloads), len(workload.All())-2; got != want {
		t.Errorf("%d workloads are left of %s, want %d", got, strings.Join(workload.AllNames(), ","), want)
	}
}
