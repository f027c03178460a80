package proc

import (
	"strings"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestUsageOfAChildIsSeen(t *testing.T) {
	cpus, err := Allowed()
	testkit.Must(t, err)
	p, err := Start(Spec{Argv: []string{"sh", "-c", "sh -c 'while :; do :; done' & wait"}, CPUs: cpus[:1]})
	testkit.Must(t, err)
	defer p.Stop()
	testkit.Await(t, "the shell has forked", func() bool { return len(p.tree()) >= 2 })
	before := p.CPU()
	testkit.Await(t, "a child that runs in a circle has used CPU time", func() bool { return p.CPU().Since(before) > 0 })
	if size, err := p.PSS(); err != nil || size < 64<<10 {
		t.Errorf("PSS() = %d, %v; want the memory of two shells", size, err)
	}
}

func TestStopEndsTheWholeTree(t *testing.T) {
	p, err := Start(Spec{Argv: []string{"sh", "-c", "trap '' TERM; sleep 60 & wait"}})
	testkit.Must(t, err)
	p.Stop()
	testkit.Await(t, "nothing is there after Stop", func() bool { return len(p.tree()) == 0 })
}

func TestTheEndOfTheOutputIsKept(t *testing.T) {
	p, err := Start(Spec{Argv: []string{"sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done; echo wrong >&2; exit 1"}})
	testkit.Must(t, err)
	<-p.Exited()
	if got := p.Output(); !strings.HasSuffix(got, "wrong") || strings.Contains(got, "line 1") {
		t.Errorf("Output() = %q, want the last three lines", got)
	}
}

func TestTimeOfThreadsThatEndedIsNotLost(t *testing.T) {
	before := CPU{threads: map[int]time.Duration{1: 10 * time.Millisecond, 2: 20 * time.Millisecond}, total: 30 * time.Millisecond}
	for _, tc := range []struct {
		name  string
		after CPU
		want  time.Duration
	}{
		{"all threads live", CPU{threads: map[int]time.Duration{1: 15 * time.Millisecond, 2: 26 * time.Millisecond}, total: 40 * time.Millisecond}, 11 * time.Millisecond},
		{"a thread began", CPU{threads: map[int]time.Duration{1: 10 * time.Millisecond, 2: 20 * time.Millisecond, 3: 5 * time.Millisecond}, total: 30 * time.Millisecond}, 5 * time.Millisecond},
		{"a thread ended", CPU{threads: map[int]time.Duration{1: 15 * time.Millisecond}, total: 60 * time.Millisecond}, 30 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.after.Since(before); got != tc.want {
				t.Errorf("Since = %v, want %v", got, tc.want)
			}
		})
	}
}
