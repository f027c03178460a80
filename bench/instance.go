package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/bench/internal/client"
	"github.com/apim-edge/apim-edge/bench/internal/mock"
	"github.com/apim-edge/apim-edge/bench/internal/proc"
	"github.com/apim-edge/apim-edge/bench/internal/tokens"
	"github.com/apim-edge/apim-edge/bench/internal/workload"
	"github.com/apim-edge/apim-edge/bench/peers"
)

// instance is a peer that runs for one leg. The direct path has no process.
type instance struct {
	peer    *peers.Peer
	process *proc.Process
	leg     workload.Leg
	target  client.Target
	admin   string // its address for figures of itself
	metrics string
	log     string // file of its access log; empty: it has none
}

func (i *instance) stop() {
	if i.process != nil {
		i.process.Stop()
	}
}

// emptyLog keeps the access logs of a whole run from filling the disk.
func (i *instance) emptyLog() {
	if i.log != "" {
		_ = os.Truncate(i.log, 0) // where it cannot, the disk has room or the next line has none
	}
}

// startPeer starts a peer for a leg and waits until an exchange comes through.
func (b *bench) startPeer(p *peers.Peer, leg workload.Leg, how manner) (*instance, error) {
	if p.Role == peers.Direct {
		return b.directPath(p, leg), nil
	}
	return b.startPeerIn(place{upstream: b.upstream}, p, leg, how)
}

// manner is how a peer is started.
type manner struct {
	threads int  // loops or workers; 0: one for each of its CPUs
	tokens  bool // only who shows a token passes
	pprof   bool // its admin address serves profiles
}

func (b *bench) startPeerIn(where place, p *peers.Peer, leg workload.Leg, how manner) (*instance, error) {
	binary, err := p.Find(b.built)
	if err != nil {
		return nil, err
	}
	conf, err := b.describe(where, p, leg, how)
	if err != nil {
		return nil, err
	}
	if err := p.WriteFiles(conf); err != nil {
		return nil, err
	}
	spec := proc.Spec{Argv: where.argv(p.Argv(binary, conf)), Dir: conf.Dir, CPUs: b.peerCPUs}
	if p.AccessLog {
		spec.Output = conf.LogFile()
	}
	if p.Env != nil {
		spec.Env = p.Env(conf)
	}
	process, err := startIn(where.space, spec)
	if err != nil {
		return nil, err
	}
	i := &instance{peer: p, process: process, leg: leg, target: b.target(where, p, conf), admin: conf.Admin(), log: spec.Output}
	if how.tokens {
		if i.target, err = b.withToken(i.target); err != nil {
			i.stop()
			return nil, err
		}
	}
	if p.Allocations {
		i.metrics = "http://" + conf.Admin() + "/metrics"
	}
	if err := i.awaitReady(); err != nil {
		i.stop()
		return nil, err
	}
	return i, nil
}

// directPath is a client of the upstream itself. Where a proxy would speak TLS
// with the upstream, so does it: both paths then encrypt the same number of
// times.
func (b *bench) directPath(p *peers.Peer, leg workload.Leg) *instance {
	return &instance{peer: p, leg: leg, target: b.directTarget(leg)}
}

func (b *bench) directTarget(leg workload.Leg) client.Target {
	t := client.Target{Address: fmt.Sprintf("127.0.0.1:%d", b.upstream.plainPort), Credential: "api-key: " + mock.Key}
	if leg != workload.Plain {
		t.Address, t.TLS = fmt.Sprintf("127.0.0.1:%d", b.upstream.tlsPort), b.certs.client
	}
	return t
}

// describe makes what the peer's configuration is made of.
func (b *bench) describe(where place, p *peers.Peer, leg workload.Leg, how manner) (peers.Instance, error) {
	words := []string{p.Name, string(leg)}
	if how.tokens {
		words = append(words, "tokens") // the other one runs, and may look at its files
	}
	dir := filepath.Join(b.work, strings.Join(words, "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return peers.Instance{}, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return peers.Instance{}, err
	}
	conf := peers.Instance{
		Dir: dir, Port: ports[0], AdminPort: ports[1], UpstreamPort: where.upstream.plainPort, UpstreamName: upstreamName,
		UpstreamTLS: leg != workload.Plain, ClientTLS: leg == workload.TLSBoth,
		CAFile: b.certs.CertFile, CertFile: b.certs.CertFile, KeyFile: b.certs.KeyFile, PairFile: b.certs.pairFile,
		Key: mock.Key, Cores: cmp.Or(how.threads, b.options.Cores), Connections: b.mostConnections(), Files: b.files,
		AccessLog: p.AccessLog, Census: p.Census, Pprof: how.pprof, Variant: p.Variant, UpstreamHost: cmp.Or(where.name, where.upstream.host), Resolver: where.resolver,
	}
	if how.tokens {
		conf.Tokens = &b.issuer.Files
	}
	if conf.UpstreamTLS {
		conf.UpstreamPort = where.upstream.tlsPort
	}
	return conf, nil
}

// mostConnections is how many clients a peer may have at a time.
func (b *bench) mostConnections() int {
	size := b.options.Size
	return min(max(size.IdleStreams, size.Bursts[1])+2000, b.files/2-200)
}

// target is how clients reach the peer. Only the relay cannot rewrite: its
// clients send what should arrive.
func (b *bench) target(where place, p *peers.Peer, conf peers.Instance) client.Target {
	t := client.Target{Address: conf.Listen(), Path: p.Path, Credential: "Authorization: Bearer " + mock.Key, Within: where.within()}
	if p.Role == peers.Floor {
		t.Credential = "api-key: " + mock.Key
	}
	if conf.ClientTLS {
		t.TLS = b.certs.client
	}
	if p.Fields != nil {
		t.Fields = p.Fields(conf)
	}
	return t
}

// withToken returns a target whose clients show a token.
func (b *bench) withToken(t client.Target) (client.Target, error) {
	token, err := b.issuer.Token(tokens.RS256, nil)
	return t.Showing(token), err
}

// startLimit is how long a peer may take to start; the gateways need most of
// it. refusalLimit is how long it may answer with something else than 200:
// Traefik says 404 until it has read its routes.
const (
	startLimit   = 60 * time.Second
	refusalLimit = 5 * time.Second
)

func (i *instance) awaitReady() error {
	var last error
	var refusedSince time.Time
	for end := time.Now().Add(startLimit); time.Now().Before(end); {
		select {
		case <-i.process.Exited():
			return fmt.Errorf("ended at the start: %s", i.process.Output())
		default:
		}
		if last = i.tryExchange(); last == nil {
			return nil
		}
		if _, refused := last.(client.StatusError); refused {
			if refusedSince.IsZero() {
				refusedSince = time.Now()
			}
			if time.Since(refusedSince) > refusalLimit {
				return fmt.Errorf("started, but the first exchange got %w: %s", last, i.process.Output())
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("not ready after %v: %w; %s", startLimit, last, i.process.Output())
}

func (i *instance) tryExchange() error {
	conn, err := i.target.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = conn.Exchange(i.target.Request(client.Small, "json:512"))
	return err
}
