//go:build e2e

package main

import (
	"os"
	"testing"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

func TestMain(m *testing.M) {
	load.ActUpstream()
	os.Exit(m.Run())
}

// TestAShortCheckHolds: each replica is restarted, one is killed and one is added, each
// once.
func TestAShortCheckHolds(t *testing.T) {
	o := options{
		mode: "tcp", size: 2, clients: 20, rounds: 1, inter: 200 * time.Millisecond, drainDelay: time.Second, age: 2 * time.Second,
		distance: 20 * time.Millisecond, pause: 750 * time.Millisecond, seed: uint64(os.Getpid()), source: "../..", out: t.Output(),
	}
	held, err := run(t.Context(), o)
	testkit.Must(t, err)
	if !held {
		t.Errorf("seed %d: not all of it held", o.seed)
	}
}
