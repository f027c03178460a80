package service

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/proxy/proxytest"
)

// TestTheLevelHoldsForEveryLogger holds it also for those with a sampler of their
// own, which a logger can have only one of, and after a reload.
func TestTheLevelHoldsForEveryLogger(t *testing.T) {
	out := &proxytest.Log{}
	output, logger := newLog(config.Log{Level: "error", Format: "json"}, Options{Log: out})
	few := logger.Sample(&zerolog.BurstSampler{Burst: 50, Period: time.Minute})
	say := func(when string) {
		logger.Info().Msg(when + " plain info")
		logger.Error().Msg(when + " plain error")
		few.Warn().Msg(when + " few warn")
		few.Error().Msg(when + " few error")
	}
	say("first")
	output.use(config.Log{Level: "info", Format: "json"})
	say("second")
	output.use(config.Log{Level: "warn", Format: "json"})
	say("third")
	output.sink.Close()
	for _, line := range []string{"first plain error", "first few error", "second plain info", "second few warn", "third plain error", "third few error"} {
		if !out.Has(line) {
			t.Errorf("no line %q", line)
		}
	}
	for _, line := range []string{"first plain info", "first few warn", "third plain info"} {
		if out.Has(line) {
			t.Errorf("a line %q", line)
		}
	}
}

// TestALineThatIsNotWantedCostsNothing holds that the level is looked at before a
// line is made.
func TestALineThatIsNotWantedCostsNothing(t *testing.T) {
	output, logger := newLog(config.Log{Level: "warn", Format: "console"}, Options{Log: &proxytest.Log{}})
	defer output.sink.Close()
	if logger.Info() != nil {
		t.Error("a line is begun that will not be written")
	}
	if n := testing.AllocsPerRun(100, func() { logger.Info().Str("a", "b").Msg("exchange") }); n > 0 {
		t.Errorf("it allocates %v times", n)
	}
}

// TestTheFormatOfATerminal holds what "auto" means.
func TestTheFormatOfATerminal(t *testing.T) {
	for _, tc := range []struct {
		format   string
		terminal bool
		json     bool
	}{{"auto", false, true}, {"auto", true, false}, {"json", true, true}, {"console", false, false}} {
		out := &proxytest.Log{}
		output, logger := newLog(config.Log{Level: "info", Format: tc.format}, Options{Log: out, Terminal: tc.terminal})
		logger.Info().Msg("line")
		output.sink.Close()
		if got := strings.HasPrefix(out.String(), "{"); got != tc.json || !out.Has("line") {
			t.Errorf("%s, terminal: %v: %q", tc.format, tc.terminal, out)
		}
		notice := string(output.notice(3))
		if got := strings.HasPrefix(notice, "{"); got != tc.json || !strings.HasSuffix(notice, "\n") {
			t.Errorf("%s, terminal: %v: lost lines are told of by %q", tc.format, tc.terminal, notice)
		}
	}
}

// TestAReloadBehindTheEndChangesNothing holds that one that waited for a file
// meanwhile does not use what the end has closed.
func TestAReloadBehindTheEndChangesNothing(t *testing.T) {
	r := start(t, upstream(t), minimal)
	before := r.edge.Config()
	r.Stop("signal")
	if err := r.Reload("signal"); !errors.Is(err, errEnded) {
		t.Errorf("Reload = %v, want %v", err, errEnded)
	}
	if config.Hash(r.edge.Config()) != config.Hash(before) {
		t.Error("another configuration is in use")
	}
}
