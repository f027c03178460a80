// Package service puts the parts together: it makes a running edge out of a
// configuration, reloads it, and drains it.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/admin"
	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/health"
	"github.com/apim-edge/apim-edge/internal/identity/keyring"
	"github.com/apim-edge/apim-edge/internal/otlp"
	"github.com/apim-edge/apim-edge/internal/page"
	"github.com/apim-edge/apim-edge/internal/shares"
	"github.com/apim-edge/apim-edge/internal/sockets"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/front"
	"github.com/apim-edge/apim-edge/proxy/record"
	"github.com/apim-edge/apim-edge/proxy/wire"
)

// Options say what to run.
type Options struct {
	// Load returns the configuration; a reload calls it again.
	Load func() (config.Config, error)
	// File is the configuration file, watched for changes; empty: none.
	File string
	// Log receives the log.
	Log io.Writer
	// Terminal says that Log is one, which log.format "auto" asks for; Color, that
	// it may be written with colours.
	Terminal, Color bool
	Version         string
	// Platform gives out tokens and secrets; nil: Azure does.
	Platform keyring.Platform
	// Begin is asked once, before clients can connect; false: Start ends with
	// ErrNotBegun. nil: begin.
	Begin func() bool
	// Sockets has what is listened on; nil: none was handed over.
	Sockets *sockets.Sockets
	// Container returns the memory that the container may use, for the collector;
	// nil: it is not told.
	Container func() (uint64, error)
}

// Service is a running edge.
type Service struct {
	o       Options
	log     zerolog.Logger
	output  *logOutput
	loops   []*wire.Loop
	edge    *proxy.Edge
	metrics *record.Metrics
	front   *front.Server
	admin   *admin.Server
	// adminListener is admin's, which closes it as well.
	adminListener net.Listener
	page          *page.Page // nil without an admin listener
	certificate   front.Certificate
	traces        *otlp.Exporter
	health        health.Set
	draining      *health.Cause
	keys          *health.Cause  // of issuers that were never reached
	ring          *keyring.Ring  // the credentials that the edge itself shows to upstreams
	forget        func()         // has vaults not be asked any more
	census        *census.Census // nil: off
	shares        *shares.Keeper

	// Address is where clients connect, AdminAddress the admin listener ("" if
	// there is none).
	Address, AdminAddress string

	reloading sync.Mutex // held by a reload, which may have to wait for a file
	using     sync.Mutex // held for a swap
	ended     bool       // no snapshot may be used any more
	stopWatch context.CancelFunc
	watched   <-chan struct{}
}

// ErrNotBegun says that Options.Begin was against it.
var ErrNotBegun = errors.New("told not to begin")

// Start loads the configuration and serves. The error says what to do.
func Start(o Options) (*Service, error) {
	conf, err := o.Load()
	if err != nil {
		return nil, err
	}
	s := &Service{o: o}
	if s.o.Sockets == nil {
		s.o.Sockets = &sockets.Sockets{}
	}
	s.draining = s.health.Register("draining")
	s.keys = s.health.Register("no keys of issuers")
	s.output, s.log = newLog(conf.Log, o)
	s.keepCredentials()
	s.shares = shares.New(s.log)
	s.limitMemory()
	if err := s.start(conf); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// end ends what has been started, once no connection is left.
func (s *Service) end() {
	if s.admin != nil {
		_ = s.admin.Close()
	}
	if s.page != nil {
		s.page.Close()
	}
	s.using.Lock()
	s.ended = true
	s.using.Unlock()
	if s.edge != nil {
		s.edge.Close()
	}
	s.shares.Close()
	wire.CloseLoops(s.loops)
	if s.census != nil {
		s.census.Close()
	}
	if s.traces != nil {
		s.traces.Close()
	}
	s.forget()
	s.ring.Close()
	s.output.sink.Close()
}

func (s *Service) start(conf config.Config) error {
	looked := config.Look(config.Files(conf, s.o.File)) // a start may take seconds
	var err error
	if s.loops, err = startLoops(conf); err != nil {
		return err
	}
	s.metrics = record.NewMetrics(s.o.Version, s.output.sink.Lost)
	s.metrics.WatchCertificates(s.certificate.Current)
	s.edge = proxy.NewEdge(s.log, s.output, s.metrics, s.loops)
	s.edge.FollowReadiness(s.health.Ready)
	if err := s.startCensus(conf); err != nil {
		return err
	}
	s.edge.OpenCredentials(s.ring.Open)
	s.traces = otlp.New(s.log, s.o.Version)
	s.edge.ObserveRemarkable(s.traces)
	s.edge.OpenStores(s.shares.Open)
	s.metrics.Registry.MustRegister(s.ring, s.traces, s.shares)
	next, err := s.compileWith(conf)
	if err != nil {
		return err
	}
	s.traces.Use(next.collector)
	s.edge.Use(next.snapshot)
	s.startPage(conf)
	s.describeRoutes(conf)
	s.edge.FollowUnreached(func(which string) {
		if which == "" {
			s.keys.Clear()
			return
		}
		s.keys.Raise(which)
	})
	if s.o.Begin != nil && !s.o.Begin() {
		return ErrNotBegun
	}
	if err := s.listen(conf); err != nil {
		return err
	}
	if err := s.listenAdmin(conf); err != nil {
		s.front.Drain(0, 0)
		return err
	}
	if err := s.o.Sockets.Unused(); err != nil {
		s.front.Drain(0, 0)
		return err
	}
	for _, w := range conf.Warnings() {
		s.log.Warn().Str("problem", w.String()).Msg("configuration")
	}
	s.inUse(s.log.Info()).Msg("configuration in use")
	if err := s.front.Serve(); err != nil {
		s.front.Drain(0, 0)
		return err
	}
	s.log.Info().Str("listener", "clients").Str("address", s.Address).Str("version", s.o.Version).Msg("listening")
	s.watch(looked)
	return nil
}

// watch has a change of the files reload; looked is what they were at the start.
func (s *Service) watch(looked config.Looked) {
	var ctx context.Context
	ctx, s.stopWatch = context.WithCancel(context.Background())
	s.watched = config.Watch(ctx, looked, func() []string { return config.Files(s.edge.Config(), s.o.File) },
		func() { _ = s.Reload("file") }, // logged there
		func(err error) { s.log.Warn().Err(err).Msg("a watched file cannot be read") })
}

// loadCertificate says where the files stand that cannot be used.
func (s *Service) loadCertificate(conf config.Config) error {
	tickets, err := conf.Listen.TLS.Tickets()
	if err == nil {
		err = s.certificate.Load(conf.Listen.TLS)
	}
	if err != nil {
		return conf.Locate(config.Problem{Key: "listen.tls", Text: err.Error()})
	}
	s.certificate.ShareTickets(tickets)
	return nil
}

func (s *Service) listen(conf config.Config) error {
	s.front = front.New(s.edge, s.loops, s.log, nil, s.metrics.Clients().Add)
	if conf.Listen.TLS.CertFile != "" {
		secure := s.certificate.Config()
		if err := s.loadCertificate(conf); err != nil {
			return err
		}
		s.front = front.New(s.edge, s.loops, s.log, secure, s.metrics.Clients().Add)
	}
	l, given, err := s.o.Sockets.Open(sockets.Clients, conf.Listen.Address)
	if err != nil {
		return bindError("listen.address", err, "Choose another with --listen")
	}
	s.front.Listen(l, given)
	s.Address = l.Addr().String()
	return nil
}

func (s *Service) listenAdmin(conf config.Config) error {
	if conf.Admin.Address == "" {
		return nil
	}
	var err error
	s.admin, err = admin.New(admin.Options{
		Admin: conf.Admin, Registry: s.metrics.Registry, Ready: s.health.Ready, Notes: s.health.Notes,
		Config: func() ([]byte, error) { return config.Masked(s.edge.Config()) },
		Reload: func() error { return s.Reload("admin") },
		Page:   s.page, Pages: s.censusPages(),
		Log: s.log, Count: s.metrics.AdminConnections().Add,
	})
	if err != nil {
		return fmt.Errorf("admin.token: %w", err)
	}
	l, _, err := s.o.Sockets.Open(sockets.Admin, conf.Admin.Address)
	if err != nil {
		return bindError("admin.address", err, `Choose another with --admin, or switch the listener off with --admin ""`)
	}
	s.AdminAddress = l.Addr().String()
	s.log.Info().Str("listener", "admin").Str("address", s.AdminAddress).Msg("listening")
	s.adminListener = l
	go func() {
		err := s.admin.Serve(l)
		if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.log.Error().Err(err).Msg("the admin listener has ended")
		}
	}()
	return nil
}

// Who asks for the end. Stop says it in the log.
const (
	BySignal    = "signal"    // a supervisor
	ByInterrupt = "interrupt" // a person at the keyboard
	ByTerminal  = "terminal"  // it has hung up
)

// lastCall is how long the end of a drain waits for those who are idle, each in turn: for
// longer than a request is on its way that had no word of the end when it was sent.
const lastCall = time.Second

// Stop drains and ends the service: it fails readiness, waits drain_delay, stops
// accepting, lets exchanges finish within the drain timeout and aborts the rest. A
// terminal has no balancer that would have to see it first, and a person who waits.
func (s *Service) Stop(trigger string) {
	conf := s.edge.Config()
	delay, idle := conf.Timeouts.DrainDelay.Duration, lastCall
	if trigger != BySignal {
		delay, idle = 0, time.Millisecond
	}
	s.stopWatch()
	s.draining.Raise("")
	s.edge.Drain()
	if s.o.Sockets.Beside && s.admin != nil {
		s.admin.Leave(s.adminListener) // who asks for readiness means the edge that has taken over
	}
	s.log.Info().Str("trigger", trigger).Int64("exchanges", s.edge.Inflight()).Dur("within_ms", conf.Timeouts.Drain.Duration).Msg("draining")
	time.Sleep(delay)
	aborted := s.front.Drain(idle, conf.Timeouts.Drain.Duration)
	s.log.Info().Int("aborted", aborted).Msg("stopped")
	s.end()
	select {
	case <-s.watched:
	case <-time.After(time.Second): // a reload waits for a file; it will change nothing
	}
}

// TerminalGone says in the log that the terminal has gone, for whoever wonders why
// nothing came of it.
func (s *Service) TerminalGone() {
	s.log.Warn().Msg("the terminal has gone without a hang-up; serving goes on")
}

// mostLoops is how many loops are started where nothing is said: each has a pool of its
// own, and one is good for tens of thousands of exchanges a second.
const mostLoops = 4

func startLoops(conf config.Config) ([]*wire.Loop, error) {
	n := conf.Loops.Count
	if n == 0 {
		n = min(wire.Processors(), mostLoops)
	}
	if conf.Loops.Busy {
		return wire.StartLoops(n, shortest(conf))
	}
	return wire.StartLoops(n, shortest(conf), wire.ParkAlways)
}

// shortest returns the shortest wait that the configuration bounds.
func shortest(c config.Config) time.Duration {
	t := c.Timeouts
	all := []time.Duration{
		t.ClientHead.Duration, t.RequestBodyIdle.Duration, t.ResponseHead.Duration, t.StreamIdle.Duration,
		t.ClientWriteStall.Duration, t.ClientKeepAlive.Duration, t.UpstreamKeepAlive.Duration,
	}
	for _, r := range c.Routes {
		all = append(all, r.Timeouts.ResponseHead.Duration, r.Timeouts.StreamIdle.Duration, r.Heartbeat.Duration)
	}
	all = slices.DeleteFunc(all, func(d time.Duration) bool { return d <= 0 })
	if len(all) == 0 {
		return time.Second
	}
	return slices.Min(all)
}
