package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/service"
)

// source are the flags that say where the configuration comes from; serve, check
// and explain share them.
type source struct {
	file, upstream, listen, admin, level, format string
}

func (s *source) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.file, "config", "c", "", "configuration file (YAML); see configs/reference.yaml")
	f.StringVarP(&s.upstream, "upstream", "u", "", "URL of the legacy API, for example https://contoso.azure-api.net")
	f.StringVar(&s.listen, "listen", "", "address for clients (default :8080)")
	f.StringVar(&s.admin, "admin", "", `address for health and metrics (default 127.0.0.1:9090; "" switches it off)`)
	f.StringVar(&s.level, "log-level", "", "debug, info, warn or error (default info)")
	f.StringVar(&s.format, "log-format", "", "json, console or auto: console on a terminal (default auto)")
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

func newServeCommand() *cobra.Command {
	var from source
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve clients in front of the legacy API",
		Long: `serve accepts clients and forwards to the legacy API. Either of the two is enough:

  apim-edge serve --upstream https://contoso.azure-api.net
  apim-edge serve --config /etc/apim-edge/config.yaml

SIGHUP, or a change of the file, reloads the configuration; SIGTERM drains.
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

func serve(cmd *cobra.Command, from *source) error {
	var console bool
	load := func() (config.Config, error) { return from.load(cmd) }
	conf, err := load()
	if err != nil {
		return err
	}
	switch conf.Log.Format {
	case "console":
		console = true
	case "auto":
		console = isatty.IsTerminal(os.Stderr.Fd())
	}
	s, err := service.Start(service.Options{
		Load: load, File: from.file, Log: os.Stderr, Console: console, Color: colorWanted(os.Stderr), Version: version,
		Container: memlimit.FromCgroup,
	})
	if err != nil {
		return err
	}
	untilSignal(s)
	return nil
}

// untilSignal serves until the process is told to end.
func untilSignal(s *service.Service) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
	for sig := range signals {
		if sig == syscall.SIGHUP {
			_ = s.Reload("signal") // logged there; the old configuration stays
			continue
		}
		// A second signal ends the process at once.
		signal.Reset(syscall.SIGTERM, syscall.SIGINT)
		s.Stop()
		return
	}
}
