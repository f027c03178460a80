package service

import (
	"errors"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/otlp"
	"github.com/apim-edge/apim-edge/proxy/route"
)

var errEnded = errors.New("the edge has ended")

// Reload loads the configuration again and uses it if it is right. trigger says
// in the log who asked: file, signal or admin. The error has been logged.
func (s *Service) Reload(trigger string) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	next, err := s.compile()
	if err == nil {
		err = s.use(next, trigger)
	}
	if err != nil {
		s.metrics.Reloaded("failed")
		s.log.Error().Str("trigger", trigger).Err(err).Msg("reload failed; the old configuration stays in use")
		return err
	}
	s.metrics.Reloaded("ok")
	return nil
}

// compiled is a configuration that can be used.
type compiled struct {
	snapshot  *route.Snapshot
	collector *otlp.Collector // of traces; nil: none
}

// compileWith compiles conf, once its vaults have been asked, and touches nothing that
// runs.
func (s *Service) compileWith(conf config.Config) (c compiled, err error) {
	defer s.ring.Prepare(conf, patience)()
	if c.collector, err = otlp.Compile(conf.Traces); err != nil {
		return c, conf.Locate(config.Problem{Key: "traces", Text: err.Error()})
	}
	c.snapshot, err = s.edge.Compile(conf)
	return c, err
}

func (s *Service) compile() (next compiled, err error) {
	defer func() {
		if recover() != nil { // what serves must not end because of what is to come
			s.log.Error().Str("stack", string(debug.Stack())).Msg("panic in a reload")
			err = errors.New("panic in a reload; the log has the stack")
		}
	}()
	conf, err := s.o.Load()
	if err != nil {
		return next, err
	}
	if next, err = s.compileWith(conf); err != nil {
		return next, err
	}
	if conf.Listen.TLS.CertFile != "" {
		if err := s.loadCertificate(conf); err != nil {
			s.edge.Discard(next.snapshot)
			return next, err
		}
	}
	return next, nil
}

// use puts a snapshot into use, unless the service has ended meanwhile: reloads by a
// signal or the admin listener are not waited for.
func (s *Service) use(next compiled, trigger string) error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.ended {
		s.edge.Discard(next.snapshot)
		return errEnded
	}
	before := s.edge.Config()
	s.traces.Use(next.collector)
	s.edge.Use(next.snapshot)
	now := s.edge.Config()
	s.describeRoutes(now)
	s.output.use(now.Log)
	s.inUse(s.log.Info().Str("trigger", trigger)).Msg("reloaded")
	for _, key := range needRestart(before, now) {
		s.log.Warn().Str("key", key).Msg("this change takes effect after a restart only")
	}
	return nil
}

// inUse adds to a line which configuration is in use, and where it comes from.
func (s *Service) inUse(line *zerolog.Event) *zerolog.Event {
	now := s.edge.Config()
	var upstreams []string
	at := addresses(now)
	for _, name := range slices.Sorted(maps.Keys(at)) {
		upstreams = append(upstreams, name+" "+at[name])
	}
	if s.o.File != "" {
		line.Str("file", s.o.File)
	}
	return line.Str("config", config.Hash(now)).Strs("upstreams", upstreams)
}

// needRestart names the keys that differ and are read at start only.
func needRestart(a, b config.Config) (keys []string) {
	if a.Listen.Address != b.Listen.Address {
		keys = append(keys, "listen.address")
	}
	if (a.Listen.TLS.CertFile == "") != (b.Listen.TLS.CertFile == "") {
		keys = append(keys, "listen.tls")
	}
	if len(a.Listen.TLS.TicketKeys) > 0 && len(b.Listen.TLS.TicketKeys) == 0 && b.Listen.TLS.CertFile != "" {
		keys = append(keys, "listen.tls.ticket_keys")
	}
	if !reflect.DeepEqual(a.Admin, b.Admin) {
		keys = append(keys, "admin")
	}
	if a.Census != b.Census {
		keys = append(keys, "census")
	}
	if a.Loops != b.Loops {
		keys = append(keys, "loops")
	}
	return keys
}
