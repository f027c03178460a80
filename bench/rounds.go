package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/report"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// measureLeg starts the peers for a leg and puts every workload on them.
func (b *bench) measureLeg(ctx context.Context, leg workload.Leg) error {
	running := make(map[string]*instance)
	defer func() {
		for _, i := range running {
			i.stop()
		}
	}()
	for _, p := range b.peers {
		if *b.absent(p) != "" || !b.hasWork(p, leg) {
			continue
		}
		b.progress.say("start", p.Name)
		i, err := b.startPeer(p, leg, manner{})
		if err != nil {
			b.couldNotStart(p, leg, err)
			continue
		}
		running[p.Name] = i
	}
	for _, w := range b.workloads {
		for round := range b.options.Rounds {
			for _, p := range b.peers {
				if running[p.Name] == nil || !measured(w, p, leg) {
					continue
				}
				b.progress.say(fmt.Sprintf("%s %s %d/%d", leg, w.Name, round+1, b.options.Rounds), p.Name)
				if err := b.measureCell(ctx, running, p, w, leg, round); err != nil {
					return err
				}
				b.progress.step()
			}
		}
	}
	return nil
}

func (b *bench) hasWork(p *peers.Peer, leg workload.Leg) bool {
	for _, w := range b.workloads {
		if measured(w, p, leg) {
			return true
		}
	}
	return false
}

// couldNotStart reports a peer that is installed and does not run. On the first
// leg it is absent; on a later one a note says what is missing.
func (b *bench) couldNotStart(p *peers.Peer, leg workload.Leg, err error) {
	if leg == b.legs[0] {
		*b.absent(p) = err.Error()
		return
	}
	b.note("%s, %s: absent: %v", p.Name, leg, err)
}

// measureCell takes one sample. Only the end of the run is an error here: a
// peer that fails has a row that says so.
func (b *bench) measureCell(ctx context.Context, running map[string]*instance, p *peers.Peer, w workload.Workload, leg workload.Leg, round int) error {
	i, done, err := b.instanceFor(running, p, w, leg)
	if err == nil {
		i.emptyLog()
		var sample *workload.Sample
		sample, err = w.Run(ctx, b.cell(i, round))
		b.upstream.settle()
		done()
		if err == nil {
			b.results.Rows = append(b.results.Rows, report.NewRow(w.Name, p.Name, leg, round, sample, nil))
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.results.Rows = append(b.results.Rows, report.NewRow(w.Name, p.Name, leg, round, nil, err))
	b.restartIfDead(running, p, leg)
	return nil
}

// instanceFor returns the instance that runs, or a fresh one where the workload
// asks for it.
func (b *bench) instanceFor(running map[string]*instance, p *peers.Peer, w workload.Workload, leg workload.Leg) (*instance, func(), error) {
	if !w.Fresh || p.Role == peers.Direct {
		return running[p.Name], func() {}, nil
	}
	fresh, err := b.startPeer(p, leg, manner{})
	if err != nil {
		return nil, nil, err
	}
	return fresh, fresh.stop, nil
}

// restartIfDead lets a peer that has ended under load take part again; its
// failed row stays.
func (b *bench) restartIfDead(running map[string]*instance, p *peers.Peer, leg workload.Leg) {
	i := running[p.Name]
	if i.process == nil {
		return
	}
	select {
	case <-i.process.Exited():
	default:
		return
	}
	b.note("%s, %s: ended under load: %s", p.Name, leg, i.process.Output())
	if again, err := b.startPeer(p, leg, manner{}); err == nil {
		running[p.Name] = again
	} else {
		delete(running, p.Name)
	}
}

func (b *bench) cell(i *instance, round int) *workload.Cell {
	b.cells++
	return &workload.Cell{
		Peer: i.peer, Process: i.process, Target: i.target, Metrics: i.metrics, Upstream: b.upstream,
		Direct:  b.directTarget(i.leg),
		Storm:   func(connections int) (*proc.Process, error) { return b.storm(i.target.Address, connections) },
		Start:   func(threads int) (*workload.Cell, func(), error) { return b.again(i, round, manner{threads: threads}) },
		Guarded: func() (*workload.Cell, func(), error) { return b.again(i, round, manner{tokens: true}) },
		Issuer:  b.issuer,
		Apart:   func() (*workload.Cell, func() error, func(), error) { return b.apart(i, round) },
		Named:   func() (*workload.Named, error) { return b.named(i, round) },
		Clock:   b.clock, Size: b.options.Size, LoadCores: len(b.loadCPUs), CountCalls: round == 0,
		LoadCPU: func() []proc.CPU { return []proc.CPU{proc.SelfCPU(), b.upstream.process.CPU()} },
		ID:      fmt.Sprintf("cell%d", b.cells),
	}
}

// again starts the peer once more.
func (b *bench) again(i *instance, round int, how manner) (*workload.Cell, func(), error) {
	again, err := b.startPeer(i.peer, i.leg, how)
	if err != nil {
		return nil, nil, err
	}
	return b.cell(again, round), again.stop, nil
}

// storm starts bench/storm, as nice as can be: load and upstream, on the same CPUs,
// come first.
func (b *bench) storm(address string, connections int) (*proc.Process, error) {
	return proc.Start(proc.Spec{CPUs: b.loadCPUs, Argv: []string{
		"nice", "-n", "19", filepath.Join(b.built, "storm"),
		"--address", address, "--ca", b.certs.CertFile, "--connections", strconv.Itoa(connections),
	}})
}
