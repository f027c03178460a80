package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/service"
	"github.com/apim-edge/apim-edge/internal/signals"
)

// source are the flags that say where the configuration comes from; serve, check
// and explain share them.
type source struct {
	file, upstream, listen, admin, level, format string
}

func (s *source) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.file, "config", "c", "", "configuration file (YAML); see configs/reference.yaml")
	alsoFile(f)
	f.StringVarP(&s.upstream, "upstream", "u", "", "URL of the legacy API, for example https://contoso.azure-api.net")
	f.StringVar(&s.listen, "listen", "", "address for clients (default :8080)")
	f.StringVar(&s.admin, "admin", "", `address for health and metrics (default 127.0.0.1:9090; "" switches it off)`)
	f.StringVar(&s.level, "log-level", "", "debug, info, warn or error (default info)")
	f.StringVar(&s.format, "log-format", "", "json, console or auto: console on a terminal (default auto)")
	s.completes(cmd)
}

// load reads the configuration: defaults, file, environment, flags.
func (s *source) load(cmd *cobra.Command) (config.Config, error) {
	overrides := map[string]any{}
	for flag, value := range map[string]struct{ key, value string }{
		"listen": {"listen.address", s.listen}, "admin": {"admin.address", s.admin},
		"log-level": {"log.level", s.level}, "log-format": {"log.format", s.format},
	} {
		if cmd.Flags().Changed(flag) {
			overrides[value.key] = value.value
		}
	}
	return config.Load(config.Options{File: s.file, Environ: os.Environ(), Overrides: overrides, Upstream: s.upstream})
}

// serving are the flags of serve.
type serving struct {
	source
	takeover string
}

func (s *serving) addTo(cmd *cobra.Command) {
	s.source.addTo(cmd)
	cmd.Flags().StringVar(&s.takeover, "takeover", "", "file that names the edge to relieve once this one serves (Linux)")
}

func newServeCommand() *cobra.Command {
	var from serving
	cmd := &cobra.Command{
		Use: "serve", Aliases: []string{"run", "start"}, SuggestFor: []string{"proxy", "up", "server"},
		Short: "Serve clients in front of the legacy API",
		Long: `serve accepts clients and forwards to the legacy API. Either of the two is enough:

  apim-edge serve --upstream https://contoso.azure-api.net
  apim-edge serve --config /etc/apim-edge/config.yaml

SIGHUP, or a change of the file, reloads the configuration; SIGTERM drains. Where
the terminal that it was started in hangs up, it drains, too; with nohup it goes on.
Whatever becomes of the reader of the log, clients are served.
With --takeover FILE an edge listens beside the one that FILE names, has it drain as
soon as it serves itself, and stands in FILE from then on. Sockets that systemd hands
over are served as well (docs/upgrades.md).

Every key can also be set in the environment: listen.address is
APIM_EDGE__LISTEN__ADDRESS. The log goes to standard error; colours are off where
that is no terminal or NO_COLOR is set.

Exit code: 0 after a drain, 1 it could not start, 2 wrong usage.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd, &from) },
	}
	from.addTo(cmd)
	return cmd
}

// running is a started service, or why it could not be started.
type running struct {
	*service.Service
	err error
}

func serve(cmd *cobra.Command, from *serving) error {
	told := signals.Take()
	term := ownTerminal(told.Nohup)
	shift, err := newShift(from.takeover)
	if err != nil {
		return err
	}
	defer shift.end()
	started := make(chan running, 1)
	var decided atomic.Bool // whether it serves, or ends without
	go func() {
		s, err := service.Start(service.Options{
			Load: func() (config.Config, error) { return from.load(cmd) }, File: from.file, Log: os.Stderr,
			Terminal: isatty.IsTerminal(os.Stderr.Fd()), Color: colorWanted(os.Stderr), Version: version,
			Container: memlimit.FromCgroup, Sockets: shift.sockets,
			Begin: func() bool { return decided.CompareAndSwap(false, true) },
		})
		started <- running{s, err}
	}()
	var by os.Signal
	select {
	case s := <-started:
		if s.err != nil {
			return s.err
		}
		shift.begin(s.Service)
		untilTold(s.Service, told, term, shift)
		return nil
	case by = <-told.End:
	}
	if decided.CompareAndSwap(false, true) { // a file that it reads may be stuck, so that is not waited for
		fmt.Fprintln(os.Stderr, "apim-edge: told to end before it served") //nolint:errcheck // nobody is left to tell
		return nil
	}
	s := <-started // nothing can be stuck any more, and clients may be served already
	if s.err == nil {
		shift.stop(s.Service, triggerOf(by))
	}
	return s.err
}

// triggerOf tells who sends a signal to end.
func triggerOf(by os.Signal) string {
	if by == os.Interrupt {
		return service.ByInterrupt
	}
	return service.BySignal
}

// untilTold serves until the process is told to end. A reload may have to wait for
// a file; meanwhile the other signals are heard.
func untilTold(s *service.Service, told signals.Told, term *terminal, shift *shift) {
	reload := make(chan struct{}, 1)
	defer close(reload)
	go func() {
		for range reload {
			_ = s.Reload("signal") // logged there; the old configuration stays
		}
	}()
	look := time.NewTicker(lookAtTerminal)
	defer look.Stop()
	if term.there == nil {
		look.Stop()
	}
	for {
		select {
		case by := <-told.End:
			shift.stop(s, triggerOf(by))
			return
		case <-told.Reload:
			if term.hungUp() {
				shift.stop(s, service.ByTerminal)
				return
			}
			select {
			case reload <- struct{}{}:
			default: // one waits already, and will see the newest file
			}
		case <-look.C:
			if term.look() {
				s.TerminalGone()
				look.Stop()
			}
		}
	}
}
