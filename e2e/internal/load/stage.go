package load

import (
	"fmt"
	"syscall"
	"time"

	"github.com/apim-edge/apim-edge/e2e/internal/edge"
)

// Stage is an edge between the clients of a load and its upstreams.
type Stage struct {
	*edge.Edge
	Load     *Load
	Settings *Settings
}

// NewStage starts an edge with these settings, whose upstreams run already, and puts
// a load in front of it. The ledger is told of each line before the edge's own OnLine.
func NewStage(l *Ledger, e *edge.Edge, s *Settings, seed uint64) (*Stage, error) {
	if err := s.Write(); err != nil {
		return nil, err
	}
	told := e.OnLine
	e.Config, e.OnLine = s.File, func(line edge.Line) {
		l.Line(line)
		if told != nil {
			told(line)
		}
	}
	stage := &Stage{Edge: e, Settings: s, Load: New(l, "", nil, s.Legs, seed)}
	if s.Secure != nil {
		stage.Load.TLS = s.Secure.Client()
	}
	return stage, stage.Start()
}

// Start is that of the edge. The load finds it wherever it listens; while clients
// work, that must be where it did before.
func (s *Stage) Start(shell ...string) error {
	err := s.Edge.Start(shell...)
	if a := s.Address(); err == nil && a != s.Load.Address {
		s.Load.Address = a
	}
	return err
}

// Reload does the n-th of a row of changes: a new file, which the edge watches,
// SIGHUP, a new file again, and one that must be refused.
func (s *Stage) Reload(n int) (what string, err error) {
	switch n % 4 {
	case 1:
		return "SIGHUP", s.Signal(syscall.SIGHUP)
	case 3:
		return "spoiled configuration files", s.Settings.Spoil()
	}
	return "changes of the configuration file", s.Settings.Write()
}

// Rest is what an edge holds that has nothing to do, or ought to have nothing.
type Rest struct{ Clients, Exchanges, Streams, Upstreams, Goroutines, Files int }

// Rest looks at the edge.
func (s *Stage) Rest() (Rest, error) {
	m, err := s.Scrape()
	if err != nil {
		return Rest{}, err
	}
	_, files, err := s.Files()
	return Rest{
		Clients: m.Sum("apim_edge_client_connections"), Exchanges: m.Sum("apim_edge_exchanges_inflight"),
		Streams: m.Sum("apim_edge_streams_open"), Upstreams: m.Sum("apim_edge_upstream_connections"),
		Goroutines: m.Sum("go_goroutines"), Files: files,
	}, err
}

// AwaitRest waits within a bound until the edge holds no connection, exchange or
// stream, and no goroutine or descriptor more than before and a few to spare. It
// returns what it held when last looked at.
func (s *Stage) AwaitRest(before Rest, spare int, bound time.Duration) (now Rest, err error) {
	for deadline := time.Now().Add(bound); ; time.Sleep(20 * time.Millisecond) {
		now, err = s.Rest()
		atRest := now.Clients+now.Exchanges+now.Streams+now.Upstreams == 0 &&
			now.Goroutines <= before.Goroutines+spare && now.Files <= before.Files+spare
		switch {
		case err == nil && atRest:
			return now, nil
		case err == nil && time.Now().After(deadline):
			return now, fmt.Errorf("the edge holds %+v, and held %+v before", now, before)
		case time.Now().After(deadline):
			return now, err
		}
	}
}
