package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
	"github.com/apim-edge/apim-edge/e2e/internal/load"
	"github.com/apim-edge/apim-edge/internal/testkit"
)

// replica is one apim-edge behind the balancer, one life after the other.
type replica struct {
	*edge.Edge
	name     string
	settings *load.Settings
	served   atomic.Int64 // exchanges of the raw clients
	reloads  atomic.Int64
	aborted  atomic.Int64 // exchanges that a drain has not waited for
}

// fleet is all that stands between clients and upstreams, with both of them.
type fleet struct {
	replicas []*replica // the last one is there for the scale-up
	balancer *balancer
	distance *distance
	ledger   *load.Ledger
	load     *load.Load
	upstream *load.Upstream
	calls    *calls
	sdks     []*sdk
}

// bounds are those of each replica.
func (o *options) bounds(age string) string {
	return fmt.Sprintf("response_head: 30s, stream_idle: 30s, drain: 20s, drain_delay: %s, client_max_age: %s", o.drainDelay, age)
}

// assemble starts everything but the last replica.
func assemble(dir string, o options) (f *fleet, err error) {
	f = &fleet{ledger: load.NewLedger()}
	defer func() {
		if err != nil {
			f.disperse()
		}
	}()
	if f.upstream, err = load.NewUpstream(f.ledger, nil); err != nil {
		return f, err
	}
	if f.calls, err = newCalls(); err != nil {
		return f, err
	}
	binary, err := edge.Build(dir)
	if err != nil {
		return f, err
	}
	for i := range o.size + 1 {
		r, err := f.newReplica(filepath.Join(dir, fmt.Sprint(i+1)), binary, o)
		if err != nil {
			return f, err
		}
		f.replicas = append(f.replicas, r)
		if i == o.size {
			break
		}
		if err := r.Start(); err != nil {
			return f, err
		}
	}
	return f, f.connect(dir, o)
}

// newReplica makes the files of one that does not run yet.
func (f *fleet) newReplica(dir, binary string, o options) (*replica, error) {
	r := &replica{name: "edge-" + filepath.Base(dir)}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	listen, err := testkit.Reserve()
	if err != nil {
		return nil, err
	}
	admin, err := testkit.Reserve()
	if err != nil {
		return nil, err
	}
	r.settings = &load.Settings{
		File: filepath.Join(dir, "config.yaml"), Listen: listen, Admin: admin, Timeouts: o.bounds("0s"),
		Legs:      []*load.Leg{{Name: "chat", Upstream: f.upstream, Steady: true}},
		Upstreams: fmt.Sprintf("  sdk: {url: %q}\n", f.calls.url), Routes: "  sdk: {path_prefix: /openai, upstream: sdk}\n",
	}
	r.Edge = &edge.Edge{Binary: binary, Config: r.settings.File, Keep: 200, OnLine: func(l edge.Line) {
		switch {
		case l.Message == "exchange" && strings.HasPrefix(l.RequestID, "load-"):
			r.served.Add(1)
		case l.Message == "reloaded":
			r.reloads.Add(1)
		case l.Message == "stopped":
			r.aborted.Add(l.Aborted)
		}
		f.ledger.Line(l)
	}}
	return r, r.settings.Write()
}

// connect starts the balancer in front of the replicas, and the clients in front of it.
func (f *fleet) connect(dir string, o options) (err error) {
	s := site{Mode: o.mode, Inter: o.inter.String()}
	if s.Bind, err = testkit.Reserve(); err != nil {
		return err
	}
	for _, r := range f.replicas {
		_, port, err := net.SplitHostPort(r.settings.Admin)
		if err != nil {
			return err
		}
		s.Servers = append(s.Servers, server{r.name, r.settings.Listen, port})
	}
	if f.balancer, err = startBalancer(dir, s); err != nil {
		return err
	}
	for _, r := range f.replicas[:o.size] {
		if err := f.balancer.await(r.name, "UP"); err != nil {
			return err
		}
	}
	if f.distance, err = newDistance(s.Bind, o.distance); err != nil {
		return err
	}
	f.load = load.New(f.ledger, f.distance.address, nil, f.replicas[0].settings.Legs, o.seed)
	f.load.Careful, f.load.Pause = true, o.pause
	f.load.Mood(load.Loyal)
	f.sdks, err = startSDKs(o.source, "http://"+f.distance.address, f.calls.note)
	return err
}

// disperse ends what runs, clients first.
func (f *fleet) disperse() {
	for _, s := range f.sdks {
		s.Kill()
	}
	if f.distance != nil {
		f.distance.end()
	}
	if f.balancer != nil {
		f.balancer.End()
	}
	for _, r := range f.replicas {
		if r.runs() {
			r.Kill()
		}
	}
	if f.calls != nil {
		_ = f.calls.api.Close() // nobody is left to hear of it
	}
	if f.upstream != nil {
		f.upstream.Kill()
	}
}

// runs reports whether it has been started, and has not gone.
func (r *replica) runs() bool { return r.Address() != "" && !r.Gone() }

// start begins a life, and waits until the balancer sends clients.
func (f *fleet) start(r *replica) error {
	if err := r.Start(); err != nil {
		return err
	}
	return f.balancer.await(r.name, "UP")
}

// restart drains a replica as an operator would, and starts it again.
func (f *fleet) restart(r *replica) error {
	if err := r.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if _, err := r.Stop(); err != nil {
		return fmt.Errorf("%s: %w; %s", r.name, err, r.Words())
	}
	return f.start(r)
}

// reload gives each replica these timeouts, and waits until it has them.
func (f *fleet) reload(timeouts string) error {
	for _, r := range f.replicas {
		before := r.reloads.Load()
		r.settings.Timeouts = timeouts
		if err := r.settings.Write(); err != nil {
			return err
		}
		if err := r.Signal(syscall.SIGHUP); err != nil {
			return err
		}
		if !testkit.Eventually(testkit.Patience, func() bool { return r.reloads.Load() > before }) {
			return fmt.Errorf("%s does not reload: %s", r.name, r.Words())
		}
	}
	return nil
}
