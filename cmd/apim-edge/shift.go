package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/apim-edge/apim-edge/internal/service"
	"github.com/apim-edge/apim-edge/internal/sockets"
	"github.com/apim-edge/apim-edge/internal/takeover"
)

// shift is the time for which this edge serves, between the one before and the one behind
// it: what it takes over, and what it tells those who watch over it.
type shift struct {
	sockets *sockets.Sockets
	file    *takeover.File // nil: there is nobody before or behind
}

// newShift takes the sockets that were handed over. file names the edge to relieve; empty:
// none.
func newShift(file string) (*shift, error) {
	given, err := sockets.Given()
	if err != nil {
		return nil, err
	}
	s := &shift{sockets: given}
	if file == "" {
		return s, nil
	}
	if s.file, err = takeover.Open(file); err != nil {
		return nil, fmt.Errorf("--takeover: %w", err)
	}
	given.Beside = true
	return s, nil
}

func (s *shift) end() {
	if s.file != nil {
		s.file.Close()
	}
}

// begin tells systemd that the edge serves, and the one before that it can go. An edge
// that serves is not ended because nobody could be told: then both go on.
func (s *shift) begin(edge *service.Service) {
	s.notify(edge, daemon.SdNotifyReady)
	if s.file == nil {
		return
	}
	before, err := s.file.Relieve()
	edge.TookOver(before, err)
}

// stop drains. A second SIGTERM or SIGINT ends the process at once; a hang-up may
// come more than once and means the same. Where one edge relieves another, SIGTERM may
// come from both the next one and a supervisor, which want the same.
func (s *shift) stop(edge *service.Service, trigger string) {
	signal.Reset(syscall.SIGINT)
	if s.file == nil {
		signal.Reset(syscall.SIGTERM)
	}
	s.notify(edge, daemon.SdNotifyStopping)
	edge.Stop(trigger)
}

// notify tells systemd, if it has asked (sd_notify(3)).
func (s *shift) notify(edge *service.Service, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		edge.NotTold(os.Getenv("NOTIFY_SOCKET"), err)
	}
}
