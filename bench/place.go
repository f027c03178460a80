package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/apim-edge/apim-edge/bench/internal/dns"
	"github.com/apim-edge/apim-edge/bench/internal/network"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
)

// place is where a peer runs, and how it reaches its upstream.
type place struct {
	upstream *upstream
	space    *network.Space // nil: the host's own network
	name     string         // of the upstream; empty: it is reached by its address
	resolver string         // knows name
	resolv   string         // the file that the peer sees as /etc/resolv.conf; empty: the host's
}

func (w place) within() func(func() error) error {
	if w.space == nil {
		return nil
	}
	return w.space.Do
}

// argv has the peer see another /etc/resolv.conf, which has no setting in most resolvers.
func (w place) argv(argv []string) []string {
	if w.resolv == "" {
		return argv
	}
	return append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, w.resolv}, argv...)
}

// startIn starts a process in a network of its own; nil: the host's.
func startIn(space *network.Space, spec proc.Spec) (p *proc.Process, err error) {
	if space == nil {
		return proc.Start(spec)
	}
	err = space.Do(func() error { p, err = proc.Start(spec); return err })
	return p, err
}

func dialIn(space *network.Space) func(ctx context.Context, kind, address string) (net.Conn, error) {
	dial := new(net.Dialer).DialContext
	if space == nil {
		return dial
	}
	return func(ctx context.Context, kind, address string) (c net.Conn, err error) {
		err = space.Do(func() error { c, err = dial(ctx, kind, address); return err })
		return c, err
	}
}

// fitNetwork leaves out what this machine does not allow.
func (b *bench) fitNetwork() {
	if !slices.ContainsFunc(b.workloads, needsNetwork) {
		return
	}
	path, err := network.NewPath()
	if err != nil {
		b.leaveOutNetworks(err)
		return
	}
	path.Close()
}

func needsNetwork(w workload.Workload) bool { return w.OwnNetwork }

func (b *bench) leaveOutNetworks(why error) {
	for _, w := range b.workloads {
		if w.OwnNetwork {
			b.note("not measured: %s: %v", w.Name, why)
		}
	}
	b.workloads = slices.DeleteFunc(b.workloads, needsNetwork)
}

// apart starts a peer and an upstream with a router between them.
func (b *bench) apart(i *instance, round int) (c *workload.Cell, cut func() error, stop func(), err error) {
	var started []func()
	stop = func() {
		for _, end := range slices.Backward(started) {
			end()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	path, err := network.NewPath()
	if err != nil {
		return nil, nil, nil, err
	}
	started = append(started, path.Close)
	up, err := startUpstreamIn(path.Far, network.Far, placedPorts, b.built, b.certs, b.loadCPUs)
	if err != nil {
		return nil, nil, nil, err
	}
	started = append(started, up.process.Stop)
	peer, err := b.startPeerIn(place{upstream: up, space: path.Near}, i.peer, i.leg, manner{})
	if err != nil {
		return nil, nil, nil, err
	}
	started = append(started, peer.stop)
	c = b.cell(peer, round)
	c.Upstream = up
	return c, path.Cut, stop, nil
}

// placedPorts are free: the network is new.
var placedPorts = []int{9001, 9002, 9003}

// named starts a peer whose upstream is a name, and the two that it can point to.
func (b *bench) named(i *instance, round int) (n *workload.Named, err error) {
	var started []func()
	n = &workload.Named{Stop: func() {
		for _, end := range slices.Backward(started) {
			end()
		}
	}}
	defer func() {
		if err != nil {
			n.Stop()
		}
	}()
	space, err := network.NewSpace()
	if err != nil {
		return nil, err
	}
	started = append(started, space.Close)
	addresses := [2]netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	var ups [2]*upstream
	for k, address := range addresses {
		if ups[k], err = startUpstreamIn(space, address.String(), placedPorts, b.built, b.certs, b.loadCPUs); err != nil {
			return nil, err
		}
		n.Upstreams[k] = ups[k]
		started = append(started, ups[k].process.Stop)
	}
	where := place{upstream: ups[0], space: space, name: upstreamName, resolver: "127.0.0.1:53"}
	server, err := b.resolver(&where, addresses[0], &started)
	if err != nil {
		return nil, err
	}
	peer, err := b.startPeerIn(where, i.peer, i.leg, manner{})
	if err != nil {
		return nil, err
	}
	started = append(started, peer.stop)
	n.Cell = b.cell(peer, round)
	n.Point = func(to int) { server.Point(addresses[to]) }
	n.Kill = func(k int) { ups[k].process.Stop() }
	return n, nil
}

// resolver starts the name server of a place, and writes the file that leads to it.
func (b *bench) resolver(where *place, address netip.Addr, started *[]func()) (*dns.Server, error) {
	where.resolv = filepath.Join(b.work, "resolv.conf")
	host, _, err := net.SplitHostPort(where.resolver)
	err = errors.Join(err, os.WriteFile(where.resolv, fmt.Appendf(nil, "nameserver %s\n", host), 0o644))
	if err != nil {
		return nil, err
	}
	var conn net.PacketConn
	err = where.space.Do(func() (err error) { conn, err = net.ListenPacket("udp", where.resolver); return err })
	if err != nil {
		return nil, err
	}
	*started = append(*started, func() { conn.Close() })
	return dns.Serve(conn, where.name, address)
}
