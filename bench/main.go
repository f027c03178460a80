// Command bench measures apim-edge beside nginx, HAProxy and others on this
// machine and writes tables, plots and raw data. See README.md.
//
//	go run ./bench --quick
//	go run ./bench --peers newest --only small-closed,events-busy --out bench/results/mine
//	go run ./bench --profile cmd/apim-edge/default.pgo
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// options are the flags.
type options struct {
	Peers     []string
	Workloads []string
	Legs      []string
	Rounds    int
	Cores     int
	Out       string
	Size      workload.Size
	Root      string // of the module
	Command   string
}

// quickPeers are enough for a look in passing.
var quickPeers = []string{"apim-edge", "nginx", "haproxy"}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	cancel()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "five minutes instead of hours: one round, short windows, few peers")
	only := flags.String("only", "", "workloads, separated by commas: "+strings.Join(workload.AllNames(), ","))
	legs := flags.String("legs", "", "legs, separated by commas: plain,tls-upstream,tls-both")
	chosen := flags.String("peers", "", "peers, separated by commas: "+strings.Join(append(peers.Names(), peers.Newest), ","))
	rounds := flags.Int("rounds", 0, "interleaved rounds (5; with --quick 1)")
	cores := flags.Int("cores", 1, "CPUs for each peer: 1 or more")
	window := flags.Duration("window", 0, "what is measured of each cell (2s; with --quick 400ms)")
	out := flags.String("out", "", "folder for the results (bench/results/<date>)")
	render := flags.String("render", "", "only write tables and plots anew from this results.json")
	publishing := flags.String("publish", "", "only put the tables of this results.json into README.md and docs/performance.md")
	profiling := flags.String("profile", "", "compare nothing: write into this file where apim-edge spends its time, for the compiler.\n"+
		"It takes "+strings.Join(profileWorkloads, ",")+" on all legs, or --only and --legs,\n"+
		"and of each so many whole seconds as --window says ("+profileWindow.String()+")")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	if *render != "" {
		return renderAgain(*render)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if *publishing != "" {
		return publish(root, *publishing)
	}
	o := options{
		Peers: words(*chosen), Workloads: words(*only), Legs: words(*legs), Rounds: *rounds, Cores: *cores,
		Out: *out, Size: workload.Full(), Root: root, Command: strings.Join(append([]string{"bench"}, args...), " "),
	}
	if *profiling != "" {
		return collectProfile(ctx, o, *window, *profiling)
	}
	o.complete(*quick)
	if *window > 0 {
		o.Size.Window = *window
	}
	results, err := run(ctx, o, newProgress(os.Stderr))
	if results == nil {
		return err
	}
	if err := results.Write(o.Out); err != nil {
		return err
	}
	results.Summary(os.Stdout)
	fmt.Printf("\n%s\n", filepath.Join(o.Out, "results.md"))
	return err
}

// complete fills in what was not asked for.
func (o *options) complete(quick bool) {
	defaultPeers, defaultRounds := peers.Names(), 5
	if quick {
		o.Size, defaultPeers, defaultRounds = workload.Quick(), quickPeers, 1
		if len(o.Legs) == 0 && len(o.Workloads) == 0 {
			o.Legs = []string{string(workload.Plain), string(workload.TLSUpstream)}
		}
	}
	if len(o.Peers) == 0 {
		o.Peers = defaultPeers
	}
	if o.Rounds == 0 {
		o.Rounds = defaultRounds
	}
	if len(o.Workloads) == 0 {
		o.Workloads = workload.Names()
	}
	if len(o.Legs) == 0 {
		for _, leg := range workload.Legs {
			o.Legs = append(o.Legs, string(leg))
		}
	}
	if o.Out == "" {
		o.Out = filepath.Join(o.Root, "bench", "results", time.Now().Format("2006-01-02-1504"))
	}
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func renderAgain(path string) error {
	results, err := report.Read(path)
	if err != nil {
		return err
	}
	return results.Write(filepath.Dir(path))
}

// moduleRoot finds the folder with go.mod: the bench builds what it measures.
func moduleRoot() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("run it inside the source tree: the bench builds what it measures")
		}
		folder = filepath.Dir(folder)
	}
}
