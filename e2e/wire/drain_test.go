//go:build e2e

package wire

import (
	"strings"
	"syscall"
	"testing"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// TestDrainLetsStreamsFinish: SIGTERM during live streams: nobody new gets in,
// every stream arrives whole, and the process goes with exit code 0.
func TestDrainLetsStreamsFinish(t *testing.T) {
	streams := newLiveStreams(t)
	under := edge.Run(t, simpleConfig("http://"+streams.upstream.Address))
	streams.open(under, manyStreams)

	if err := under.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := under.Await("the drain to begin", under.Logged(`"message":"draining"`)); err != nil {
		t.Fatal(err)
	}
	all, _, err := fetch(under.Address(), get("/probe"), nil)
	if err == nil && strings.Contains(string(all), "200 OK") {
		t.Errorf("a request after SIGTERM: got %q, want it refused", all)
	}
	close(streams.release)
	streams.finish(t, manyStreams)

	log := stopped(t, under)
	if !strings.Contains(log, `"aborted":0`) {
		t.Errorf("log: want \"aborted\":0, got %q", lastLine(log))
	}
}

// TestDrainEnds: streams that outlast timeouts.drain are cut so that none looks
// complete, and counted.
func TestDrainEnds(t *testing.T) {
	const n = 20
	streams := newLiveStreams(t)
	under := edge.Run(t, simpleConfig("http://"+streams.upstream.Address)+"timeouts: {drain: 100ms}\n")
	streams.open(under, n)
	log := stopped(t, under)
	close(streams.release)
	streams.finish(t, 0)

	if !strings.Contains(log, `"aborted":20`) {
		t.Errorf("log: want \"aborted\":20, got %q", lastLine(log))
	}
	lines := accessLines(t, log)
	if len(lines) != n {
		t.Errorf("access lines: got %d, want %d", len(lines), n)
	}
	for _, line := range lines {
		if line["cause"] != "drain_aborted" {
			t.Errorf("cause of a stream that was cut: got %v, want drain_aborted", line["cause"])
		}
	}
}

// stopped ends the edge and returns its log.
func stopped(t *testing.T, under *edge.Edge) string {
	t.Helper()
	log, err := under.Stop()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func lastLine(log string) string {
	lines := contentLines(log)
	return lines[len(lines)-1]
}
