// Command soak holds a mixed load with faults against the built apim-edge, and
// tells whether memory, goroutines and descriptors stay flat and every exchange
// ends as it should.
//
//	go run ./e2e/soak --duration 20m --out e2e/artifacts/soak
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/load"
)

// options are the flags.
type options struct {
	duration time.Duration
	rate     float64
	streams  int
	mix      load.Mix
	seed     uint64
	out      string
	race     bool
	tls      bool
	color    bool
	command  string
	picture  string // what is drawn instead of a soak
	only     string // of the kinds of work
}

const help = `soak holds a mixed load with faults against the built apim-edge.

  go run ./e2e/soak --duration 20m

It builds apim-edge, starts it in front of three upstreams (plain TCP, TLS, and a
plain one that is never restarted), and lets clients do at once what clients do:
small requests, chats, event streams short and long, uploads, large answers,
WebSockets, preflights, pipelines, readers that stall, connections that say
nothing, clients that leave before and in the middle of an answer. Upstream closes,
resets, cuts, hangs, talks nonsense, is slow and is restarted; the configuration is
reloaded, now and then with a file that must be refused.

Every exchange has an id, a key and a body of its own. An answer must be its
asker's, its key must have arrived in the right place, its bytes must be the right
ones or visibly cut, and nothing may fail that was not meant to. Whatever breaks
this is a finding. At the end everything must be back where it began: connections,
descriptors, goroutines, one access line for each exchange, exit code 0.

In the folder of --out: report.md to read, soak.svg to look at, samples.csv with
each second, edge.log.gz with all that the edge wrote. Ctrl-C ends the load early
and reports what there is.

Exit code: 0 all held, 1 something did not, 2 wrong usage.

Flags:
`

func main() {
	o := options{command: strings.Join(append([]string{"soak"}, os.Args[1:]...), " ")}
	o.color = os.Getenv("NO_COLOR") == "" && isTerminal(os.Stdout)
	c := load.Command{Name: "soak", Help: help, Flags: o.flags, Check: o.check, Run: func(ctx context.Context) (bool, error) {
		if o.picture != "" {
			return true, drawFailover(ctx, o.picture, os.Stdout)
		}
		return run(ctx, o, os.Stdout)
	}}
	c.Main()
}

func (o *options) flags(flags *flag.FlagSet) {
	flags.DurationVar(&o.duration, "duration", time.Minute, "how long the load is held; lines are judged from 2m on")
	flags.Float64Var(&o.rate, "rate", 300, "arrivals per second: 300 takes about half a core")
	flags.IntVar(&o.streams, "streams", 30, "event streams of up to two minutes that are open all the time")
	flags.Uint64Var(&o.seed, "seed", 1, "of the choice of work; the same gives the same mix")
	flags.StringVar(&o.out, "out", "e2e/artifacts/soak", "folder for the report")
	flags.BoolVar(&o.race, "race", false, "build the edge with the race detector, unless EDGE_BINARY names one; it needs several times as much CPU")
	flags.BoolVar(&o.tls, "tls", false, "let clients speak TLS with the edge")
	flags.StringVar(&o.picture, "failover", "", "instead of a soak: let one of two upstreams throttle, die and hang for 40 s, and draw into this file what clients see")
	flags.StringVar(&o.only, "only", "", "kinds of work instead of all, separated by commas: "+strings.Join(load.Everyday.Names(), ","))
}

func (o *options) check() (err error) {
	if o.duration <= 0 || o.rate <= 0 || o.streams < 0 {
		return errors.New("--duration and --rate are above 0, --streams is not below")
	}
	if o.mix, err = load.Everyday.Only(strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' })); err != nil {
		err = fmt.Errorf("--only: %w", err)
	}
	return err
}
