package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/apim-edge/apim-edge/bench/internal/pace"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// profileWorkloads make up the day of an edge: exchanges of both sizes, and streams.
var profileWorkloads = []string{"small-closed", "sdk-closed", "events-busy"}

const (
	profileWindow = 10 * time.Second
	// profileAside is how much longer a cell runs than its profile: to begin and to end
	// one takes time as well.
	profileAside = time.Second
	// profileWeight is how many samples each cell stands for in the end. It is far above
	// what a cell has, so that rounding takes nothing from stacks that were seen once.
	profileWeight = 1_000_000
)

// collectProfile puts load on apim-edge and writes into file where it spends its time. go
// build takes that from cmd/apim-edge/default.pgo, also for the edge that is asked here. Go
// is made for that: what the profile before has won is kept, and does not come and go from
// one profile to the next (iterative stability, https://go.dev/doc/pgo).
func collectProfile(ctx context.Context, o options, window time.Duration, file string) error {
	o.Peers, o.Rounds = []string{"apim-edge"}, 1
	if len(o.Workloads) == 0 {
		o.Workloads = profileWorkloads
	}
	o.complete(false)
	o.Size.Window = cmp.Or(window, profileWindow)
	if o.Size.Window%time.Second != 0 {
		return fmt.Errorf("--window %v: a profile takes whole seconds", o.Size.Window)
	}
	b := &bench{options: o, progress: newProgress(os.Stderr), clock: pace.NewClock()}
	cells, err := b.profileAll(ctx)
	if err != nil {
		return err
	}
	if err := writeProfile(file, cells); err != nil {
		return err
	}
	fmt.Println(file)
	return nil
}

// profileAll takes a profile of each workload on each leg.
func (b *bench) profileAll(ctx context.Context) (cells []*profile.Profile, err error) {
	if err := checkLoopback(); err != nil {
		return nil, err
	}
	if err := b.selectWhat(); err != nil {
		return nil, err
	}
	b.peers = slices.DeleteFunc(b.peers, func(p *peers.Peer) bool { return p.Role == peers.Direct })
	cleanUp, err := b.prepare(ctx)
	defer cleanUp()
	if err != nil {
		return nil, err
	}
	if *b.absent(b.peers[0]) != "" {
		return nil, fmt.Errorf("there is nothing to take a profile of: %s", strings.Join(b.results.Notes, "; "))
	}
	b.progress.begin(b.plannedCells())
	defer b.progress.end()
	for _, leg := range b.legs {
		of, err := b.profileLeg(ctx, leg)
		if err != nil {
			return nil, err
		}
		cells = append(cells, of...)
	}
	return cells, nil
}

func (b *bench) profileLeg(ctx context.Context, leg workload.Leg) (cells []*profile.Profile, err error) {
	edge := b.peers[0]
	if !b.hasWork(edge, leg) {
		return nil, nil
	}
	i, err := b.startPeer(edge, leg, manner{pprof: true})
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", edge.Name, leg, err)
	}
	defer i.stop()
	for _, w := range b.workloads {
		if !measured(w, edge, leg) {
			continue
		}
		b.progress.say(fmt.Sprintf("%s %s", leg, w.Name), edge.Name)
		p, err := b.profileCell(ctx, i, w)
		if err == nil {
			p, err = evened(p)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", w.Name, leg, err)
		}
		cells = append(cells, p)
		b.upstream.settle()
		b.progress.step()
	}
	return cells, nil
}

// taken is an answer to who asked for a profile.
type taken struct {
	profile *profile.Profile
	err     error
}

// profileCell asks the peer for a profile while a workload's window is on.
func (b *bench) profileCell(ctx context.Context, i *instance, w workload.Workload) (*profile.Profile, error) {
	cell := b.cell(i, 0)
	cell.CountCalls = false
	cell.Size.Window += profileAside
	var answer chan taken
	cell.Began = func() {
		if answer != nil {
			return // of several windows the first
		}
		answer = make(chan taken, 1)
		go func() {
			p, err := takeProfile(ctx, i.admin, b.options.Size.Window)
			answer <- taken{p, err}
		}()
	}
	sample, err := w.Run(ctx, cell)
	switch {
	case err != nil:
		return nil, err
	case sample.Errors > 0:
		return nil, fmt.Errorf("%d errors under load: %s", sample.Errors, sample.FirstError)
	case answer == nil:
		return nil, errors.New("it has no window to take a profile of; leave it out of --only")
	}
	got := <-answer
	return got.profile, got.err
}

// takeProfile asks an admin address of apim-edge for what its CPU does for some seconds.
func takeProfile(ctx context.Context, admin string, window time.Duration) (*profile.Profile, error) {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", admin, window.Seconds())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return profile.Parse(response.Body)
}

var errNothingSeen = fmt.Errorf("the profile has no samples of package proxy: the edge has hardly run; "+
	"take a longer one, with --window %v, on a machine that does nothing else", 2*profileWindow)

const (
	module   = "github.com/apim-edge/apim-edge/" // begins the names of our own functions
	dataPath = module + "proxy."
)

// evened returns the lean profile of a cell, with as much weight as each other one has: a
// cell in which the edge is busier would drown them.
func evened(p *profile.Profile) (*profile.Profile, error) {
	if !slices.ContainsFunc(p.Function, func(f *profile.Function) bool { return strings.HasPrefix(f.Name, dataPath) }) {
		return nil, errNothingSeen
	}
	p = lean(p)
	var samples int64
	for _, s := range p.Sample {
		samples += s.Value[0]
	}
	p.Scale(profileWeight / float64(samples))
	return p, nil
}

// lean leaves of a profile what the compiler reads, so that it names nothing of the machine
// and is small: how often a function was seen, and from which line of which other one it had
// been called. Go 1.26 looks at the two innermost places of a stack, with what is inlined
// there (NewGraph in its internal/profile).
func lean(p *profile.Profile) *profile.Profile {
	for _, s := range p.Sample {
		*s = profile.Sample{Location: s.Location[:min(2, len(s.Location))], Value: s.Value[:1]}
	}
	for _, l := range p.Location {
		*l = profile.Location{ID: l.ID, Line: l.Line}
	}
	for _, f := range p.Function {
		*f = profile.Function{ID: f.ID, Name: f.Name, StartLine: f.StartLine}
	}
	p = &profile.Profile{
		SampleType: p.SampleType[:1], PeriodType: p.PeriodType, // the first is samples/count
		Sample: p.Sample, Location: p.Location, Function: p.Function,
	}
	return p.Compact()
}

func writeProfile(file string, cells []*profile.Profile) error {
	all, err := profile.Merge(cells)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := all.Write(&text); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}
