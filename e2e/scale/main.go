// Command scale holds several replicas of the built apim-edge behind a real HAProxy
// under load of real SDKs and raw clients, while one after the other is restarted, one is
// killed, and one is added. It tells what clients have lost.
//
//	go run ./e2e/scale
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

// options are the flags.
type options struct {
	mode              string
	size, clients     int
	rounds            int
	inter, drainDelay time.Duration
	age, distance     time.Duration
	pause             time.Duration // of raw clients, at most
	seed              uint64
	source            string // root of the source tree
	out               io.Writer
}

const help = `scale loads replicas of apim-edge behind HAProxy, and does to them what operators
and accidents do.

  go run ./e2e/scale

It builds apim-edge, and starts some of it behind HAProxy with the configuration that
docs/scaling.md shows. Raw clients and real SDKs (openai-python, openai for Node; see
e2e/install) call all the time, SDKs without repeating anything.

  rolling restart  each replica gets SIGTERM, drains, and is started again: nothing may
                   be lost, cut, doubled or silently short
  loss by SIGKILL  one is killed: nothing may be doubled, or short without being seen
  scale-up         one is added: with timeouts.client_max_age it gets its share

Exit code: 0 all held, 1 something did not, 2 wrong usage.

Flags:
`

func main() {
	o := options{source: ".", out: os.Stdout}
	c := load.Command{Name: "scale", Help: help, Flags: o.flags, Check: o.check, Run: func(ctx context.Context) (bool, error) { return run(ctx, o) }}
	c.Main()
}

func (o *options) flags(flags *flag.FlagSet) {
	flags.StringVar(&o.mode, "mode", "tcp", "of HAProxy: tcp spreads connections, http spreads requests")
	flags.IntVar(&o.size, "replicas", 3, "how many there are before one is added")
	flags.IntVar(&o.clients, "clients", 60, "raw clients")
	flags.IntVar(&o.rounds, "rounds", 3, "how often all are restarted, and how many are killed")
	flags.DurationVar(&o.inter, "inter", time.Second, "from one health check of HAProxy to the next")
	flags.DurationVar(&o.drainDelay, "drain-delay", 3*time.Second, "timeouts.drain_delay: longer than two health checks")
	flags.DurationVar(&o.age, "age", 10*time.Second, "timeouts.client_max_age in the scale-up")
	flags.DurationVar(&o.distance, "distance", 20*time.Millisecond, "from clients to HAProxy, one way")
	flags.DurationVar(&o.pause, "pause", 750*time.Millisecond, "of raw clients between two exchanges, at most: the last call of a drain is a second")
	flags.Uint64Var(&o.seed, "seed", 1, "of the choice of work")
}

func (o *options) check() error {
	if o.size < 2 || o.clients < 1 || o.rounds < 1 || o.mode != "tcp" && o.mode != "http" {
		return errors.New("two replicas, one client and one round at least, mode tcp or http")
	}
	return nil
}
