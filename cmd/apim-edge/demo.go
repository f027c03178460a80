package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/demo"
)

// demoStarter starts the edge that the demo shows.
type demoStarter = func(demo.EdgeOptions) (demo.Edge, error)

func newDemoCommand(start demoStarter) *cobra.Command {
	opt := demo.Options{EdgeStart: start}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See it work: the 401 before, the streamed answer after",
		Long: `demo starts a stand-in for a legacy API Management with Azure OpenAI behind it,
apim-edge in front of it, and a page on another origin. It shows what an OpenAI
client gets without the edge (401) and through it (200, word by word), with the
line that each request leaves in the edge's log. It prints lines to try with curl
and the OpenAI SDKs, and where the edge's metrics and configuration are. Then it
serves until Ctrl-C, and shows the edge's log.

It needs no account, no key, no configuration and no network. Where one of its
ports is taken it uses a free one. Colours are off where the output is no
terminal or NO_COLOR is set.

  apim-edge demo           look, then try it yourself
  apim-edge demo --once    look and leave; exit code 1 if it did not work

In a container, publish the three ports and listen on all interfaces. The page
shows the log and the counters that matter there as well:

  apim-edge demo --listen :8080 --page :8081 --upstream :8082`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			opt.Out = cmd.OutOrStdout()
			opt.Color = colorWanted(os.Stdout)
			return demo.Run(ctx, opt)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.Once, "once", false, "end after the show; exit code 1 if it is not as promised")
	f.StringVar(&opt.EdgeAddress, "listen", "127.0.0.1:8080", "address of the edge")
	f.StringVar(&opt.AdminAddress, "admin", "127.0.0.1:9090", "address of the edge's metrics and configuration")
	f.StringVar(&opt.PageAddress, "page", "127.0.0.1:8081", "address of the page")
	f.StringVar(&opt.UpstreamAddress, "upstream", "127.0.0.1:8082", "address of the stand-in for API Management")
	return cmd
}
