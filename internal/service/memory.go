package service

import (
	"errors"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// memoryShare is the part of the container's memory that the collector may fill:
// the rest is for stacks, what the kernel counts to the container, and a burst
// between two collections.
const memoryShare = 0.9

// limitMemory tells the collector the container's limit: the kernel would end
// the process where a collection would have been enough. It says in the log which
// limit holds. GOMEMLIMIT in the environment wins.
func (s *Service) limitMemory() {
	if s.o.Container == nil {
		return
	}
	source := "container"
	if _, set := os.LookupEnv("GOMEMLIMIT"); set {
		source = "GOMEMLIMIT"
	}
	_, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(s.o.Container))
	limit := debug.SetMemoryLimit(-1)
	switch {
	case err != nil && !errors.Is(err, memlimit.ErrNoCgroup) && !errors.Is(err, memlimit.ErrCgroupsNotSupported):
		s.log.Warn().Err(err).Msg("the container's memory limit could not be read; set GOMEMLIMIT")
	case limit < math.MaxInt64:
		s.log.Info().Int64("bytes", limit).Str("source", source).Msg("memory limit")
	}
}
