package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

var allPeers = flag.Bool("every-peer", false, "run the smoke test on every peer and leg that is there, which takes minutes")

// smokeSize is as little as still gives every figure. A window ends no sooner than with its
// first unit, so that it may be as short as that.
func smokeSize() workload.Size {
	return workload.Size{
		Warm: 10 * time.Millisecond, Window: 50 * time.Millisecond, Counted: 50 * time.Millisecond, Settle: 10 * time.Millisecond,
		Never:       30 * time.Second, // the machine may be busy with anything
		Connections: 4, OpenRate: 500,
		BusyStreams: 10, BusyEvents: 1000, PacedStreams: 5, PacedEvents: 500,
		IdleStreams: 20, StalledClients: 3, MixedStreams: 5, Bulk: 4 << 20, Departures: 1,
		Bursts: [2]int{20, 40}, BurstStreams: 20, Later: 20 * time.Millisecond,
		Pausing: 10, Storm: 10, Tokens: 50, Long: 100 * time.Millisecond,
	}
}

// smokePeer is the peer of the smoke test. It is not httputil.ReverseProxy:
// net/http ends a request's body when the answer begins, while the transport may
// still read it, so that about one fast answer in a hundred breaks off there.
const smokePeer = "apim-edge"

// TestEveryFigureIsProduced runs all workloads for a moment, without looking at
// any number: a peer that was built here and one that is not installed.
func TestEveryFigureIsProduced(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and runs them")
	}
	t.Setenv("BENCH_PEERS_HOME", t.TempDir()) // where no peer is
	root, err := moduleRoot()
	testkit.Must(t, err)
	o := options{
		Root: root, Command: "smoke test", Out: filepath.Join(t.TempDir(), "smoke"), Size: smokeSize(), Rounds: 2, Cores: 1,
		Peers: []string{smokePeer, "litellm"}, Legs: []string{"plain", "tls-upstream"},
	}
	if *allPeers {
		o.Peers, o.Legs = nil, nil
	}
	o.complete(false)
	results := smoke(t, o)
	checkFigures(t, results, o)
	checkFiles(t, results, o)
}

// TestTheStormIsMeasured runs the one workload that is for another leg.
func TestTheStormIsMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and runs them")
	}
	root, err := moduleRoot()
	testkit.Must(t, err)
	o := options{
		Root: root, Command: "smoke test", Out: filepath.Join(t.TempDir(), "storm"), Size: smokeSize(), Rounds: 1, Cores: 1,
		Peers: []string{smokePeer}, Legs: []string{"tls-both"}, Workloads: []string{"handshakes"},
	}
	checkFigures(t, smoke(t, o), o)
}

// smoke runs the bench and wants it to find nothing wrong.
func smoke(t *testing.T, o options) *report.Results {
	t.Helper()
	t.Setenv("APIM_EDGE__TIMEOUTS__DRAIN_DELAY", "0") // no balancer is waited for at the many ends of an edge
	results, err := run(context.Background(), o, newProgress(os.Stderr))
	testkit.Must(t, err)
	testkit.Must(t, results.Write(o.Out))
	for _, row := range results.Rows {
		if row.Peer == "fasthttp" && row.Workload == "departure" {
			continue // it does not cancel, and then sends a POST on the dead connection
		}
		if row.Failed != "" {
			t.Errorf("%s, %s, %s: %s", row.Workload, row.Leg, row.Peer, row.Failed)
		}
		if row.FirstError != "" {
			t.Errorf("%s, %s, %s: first error: %s", row.Workload, row.Leg, row.Peer, row.FirstError)
		}
	}
	return results
}

// checkFigures wants every figure of every workload from the peer and, where it
// has one, from the direct path.
func checkFigures(t *testing.T, results *report.Results, o options) {
	t.Helper()
	for _, w := range workload.All() {
		for _, leg := range o.Legs {
			if !w.On(workload.Leg(leg)) || !slices.Contains(o.Workloads, w.Name) {
				continue
			}
			for _, f := range w.Figures {
				if !hasFigure(results, w.Name, workload.Leg(leg), smokePeer, f.Key) && !mayBeMissing(f.Key) {
					t.Errorf("%s, %s: the peer has no figure %q", w.Name, leg, f.Key)
				}
				if f.Added && !hasFigure(results, w.Name, workload.Leg(leg), "direct", f.Key) {
					t.Errorf("%s, %s: the direct path has no figure %q", w.Name, leg, f.Key)
				}
			}
		}
	}
}

// mayBeMissing says that a figure depends on the machine: system calls are
// counted only where perf or strace may look.
func mayBeMissing(key string) bool { return key == "syscalls" }

func hasFigure(results *report.Results, name string, leg workload.Leg, peer, key string) bool {
	return slices.ContainsFunc(results.Rows, func(row report.Row) bool {
		_, has := row.Figures[key]
		return has && row.Workload == name && row.Leg == leg && row.Peer == peer
	})
}

// checkFiles wants the table, the plots, and raw data that can be read again
// and gives the same table.
func checkFiles(t *testing.T, results *report.Results, o options) {
	t.Helper()
	table := testkit.Read(t, filepath.Join(o.Out, "results.md"))
	for _, want := range append(workload.Names(), smokePeer, "**absent**: not installed; bench/peers/install litellm") {
		if !strings.Contains(table, want) {
			t.Errorf("results.md does not speak of %q", want)
		}
	}
	for _, name := range []string{"latency-small-open-plain.svg", "latency-events-busy-tls-upstream.svg", "bars-idle-streams-plain.svg"} {
		if info, err := os.Stat(filepath.Join(o.Out, name)); err != nil || info.Size() == 0 {
			t.Errorf("plot %s: %v", name, err)
		}
	}
	again, err := report.Read(filepath.Join(o.Out, "results.json"))
	testkit.Must(t, err)
	var first, second strings.Builder
	results.Markdown(&first)
	again.Markdown(&second)
	if first.String() != second.String() {
		t.Errorf("the table made of results.json differs from the first one:\n%s\n%s", first.String(), second.String())
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, args, want string }{
		{"a workload that there is not", "--only small", "no workload named"},
		{"a peer that there is not", "--peers squid", "no peer named"},
		{"a leg that there is not", "--legs both", "no leg named"},
		{"more cores than the machine has", "--cores 4096", "--cores 4096"},
		{"a word that is no flag", "quick", "is no flag"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := command(context.Background(), strings.Fields(tc.args))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %q in it", err, tc.want)
			}
		})
	}
}
