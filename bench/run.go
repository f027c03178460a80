package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/pace"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/tokens"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// bench is a run.
type bench struct {
	options  options
	progress *progress
	work     string // folder for everything that the run leaves nobody
	built    string
	files    int // that may be open
	peerCPUs []int
	loadCPUs []int
	certs    *certificates
	issuer   *tokens.Issuer
	upstream *upstream
	clock    pace.Clock

	peers     []*peers.Peer
	workloads []workload.Workload
	legs      []workload.Leg
	cells     int
	results   *report.Results
}

// run measures: for each leg and workload, round after round, peer after peer,
// so that whatever disturbs the machine disturbs all of them. An interrupted run
// returns what it has, and the error.
func run(ctx context.Context, o options, p *progress) (*report.Results, error) {
	if err := checkLoopback(); err != nil {
		return nil, err
	}
	b := &bench{options: o, progress: p, clock: pace.NewClock()}
	if err := b.selectWhat(); err != nil {
		return nil, err
	}
	began := time.Now()
	cleanUp, err := b.prepare(ctx)
	defer cleanUp()
	if err != nil {
		return nil, err
	}
	p.begin(b.plannedCells())
	for _, leg := range b.legs {
		if err = b.measureLeg(ctx, leg); err != nil {
			b.note("interrupted: not all rounds are there")
			break
		}
	}
	p.end()
	b.results.Took = time.Since(began).Round(time.Second).String()
	return b.results, err
}

func (b *bench) selectWhat() (err error) {
	// Without the direct path nothing can be said to be added to it.
	if b.peers, err = peers.Select(append(b.options.Peers, "direct")); err != nil {
		return err
	}
	for _, name := range b.options.Workloads {
		if !slices.Contains(workload.AllNames(), name) {
			return fmt.Errorf("no workload named %q; there are: %s", name, strings.Join(workload.AllNames(), ", "))
		}
	}
	for _, w := range workload.All() {
		if slices.Contains(b.options.Workloads, w.Name) {
			b.workloads = append(b.workloads, w)
		}
	}
	for _, name := range b.options.Legs {
		if !slices.Contains(workload.Legs, workload.Leg(name)) {
			return fmt.Errorf("no leg named %q; there are: plain, tls-upstream, tls-both", name)
		}
		b.legs = append(b.legs, workload.Leg(name))
	}
	return nil
}

// prepare builds the programs and starts the upstream.
func (b *bench) prepare(ctx context.Context) (cleanUp func(), err error) {
	cleanUp = func() {}
	if b.peerCPUs, b.loadCPUs, err = cpuPlan(b.options.Cores); err != nil {
		return cleanUp, err
	}
	b.files = raiseFiles()
	b.results = &report.Results{
		Name: filepath.Base(b.options.Out), Date: time.Now().Format("2006-01-02 15:04"), Command: b.options.Command,
		Commit: commit(b.options.Root), Rounds: b.options.Rounds,
		Machine: describeMachine(b.options.Cores, b.peerCPUs, b.loadCPUs),
	}
	b.fitSize()
	b.fitNetwork()
	if b.work, err = os.MkdirTemp("", "apim-edge-bench-"); err != nil {
		return cleanUp, err
	}
	// The folder may have to be entered by a worker under another user.
	_ = os.Chmod(b.work, 0o755)
	cleanUp = func() { os.RemoveAll(b.work) }
	if err = b.buildAll(); err != nil {
		return cleanUp, err
	}
	if b.certs, err = makeCertificates(b.work); err != nil {
		return cleanUp, err
	}
	if b.issuer, err = tokens.New(b.work); err != nil {
		return cleanUp, err
	}
	// The load lives in this process from here on, on its own CPUs.
	if err = proc.PinSelf(b.loadCPUs); err != nil {
		return cleanUp, err
	}
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(400)
	if b.upstream, err = startUpstream(b.built, b.certs, b.loadCPUs); err != nil {
		return cleanUp, err
	}
	return func() { b.upstream.process.Stop(); os.RemoveAll(b.work) }, ctx.Err()
}

// fitSize reduces what the machine's limits do not allow, and says so.
func (b *bench) fitSize() {
	if most := b.files/2 - 1000; b.options.Size.IdleStreams > most {
		b.options.Size.IdleStreams = most
		b.note("only %d idle streams: the limit of open files is %d", most, b.files)
	}
	size := &b.options.Size
	for _, n := range []*int{&size.Bursts[0], &size.Bursts[1], &size.BurstStreams} {
		if most := b.files/2 - 1000; *n > most {
			*n = most
			b.note("a burst of only %d: the limit of open files is %d", most, b.files)
		}
	}
	if slices.Equal(b.peerCPUs, b.loadCPUs) {
		b.note("peers, load and upstream share CPUs: latency holds their waiting for each other")
	}
	b.results.Size = b.options.Size
	for _, w := range b.workloads {
		if !slices.ContainsFunc(b.legs, w.On) {
			b.note("not measured: %s, which tells something on %s only", w.Name, w.Legs[0])
		}
		b.results.Workloads = append(b.results.Workloads, report.Info{Name: w.Name, About: w.About, Unit: w.Unit, Figures: w.Figures})
	}
}

func (b *bench) note(format string, args ...any) {
	b.results.Notes = append(b.results.Notes, fmt.Sprintf(format, args...))
}

// buildAll builds the mock upstream, the storm and every peer that is built here, and
// lists the peers: those that cannot be measured with the reason.
func (b *bench) buildAll() error {
	b.progress.say("build", "")
	b.built = filepath.Join(b.work, "bin")
	if err := os.Mkdir(b.built, 0o755); err != nil {
		return err
	}
	if err := build(b.options.Root, b.built, []string{"./bench/mock", "./bench/storm"}); err != nil {
		return err
	}
	var packages []string
	for _, p := range b.peers {
		if p.Package != "" && !slices.Contains(packages, p.Package) {
			packages = append(packages, p.Package)
		}
	}
	failed := build(b.options.Root, b.built, packages)
	if failed != nil {
		b.note("%s", strings.ReplaceAll(failed.Error(), "\n", "; "))
	}
	for _, p := range b.peers {
		info := report.PeerInfo{Name: p.Name, Role: p.Role, Note: p.Note, AccessLog: p.AccessLog}
		if p.Role != peers.Direct {
			binary, err := p.Find(b.built)
			if err != nil {
				info.Absent = err.Error()
			} else {
				info.Version = p.Version(binary)
			}
		}
		b.results.Peers = append(b.results.Peers, info)
	}
	return nil
}

// absent says why a peer is not measured, or "".
func (b *bench) absent(p *peers.Peer) *string {
	for i := range b.results.Peers {
		if b.results.Peers[i].Name == p.Name {
			return &b.results.Peers[i].Absent
		}
	}
	panic("BUG: no such peer: " + p.Name)
}

// measured reports whether a workload is run on a peer.
func measured(w workload.Workload, p *peers.Peer, leg workload.Leg) bool {
	return w.On(leg) && !(p.PlainClients && leg == workload.TLSBoth) &&
		!(w.SkipDirect && p.Role == peers.Direct) &&
		(len(w.Peers) == 0 || slices.Contains(w.Peers, p.Name)) &&
		(len(p.Only) == 0 || slices.Contains(p.Only, w.Name))
}

func (b *bench) plannedCells() int {
	cells := 0
	for _, leg := range b.legs {
		for _, w := range b.workloads {
			for _, p := range b.peers {
				if *b.absent(p) == "" && measured(w, p, leg) {
					cells += b.options.Rounds
				}
			}
		}
	}
	return cells
}
