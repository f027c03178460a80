package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/demo"
)

// demoStarter starts the edge that the demo shows.
type demoStarter = func(demo.EdgeOptions) (demo.Edge, error)

func newDemoCommand(start demoStarter) *cobra.Command {
	opt := demo.Options{EdgeStart: start, Doctor: demoDoctor, Report: demoReport}
	cmd := &cobra.Command{
		Use: "demo", SuggestFor: []string{"tour", "try", "example"},
		Short: "See it work: the 401 before, the streamed answer after",
		Long: `demo starts a stand-in for a legacy API Management with Azure OpenAI behind it,
apim-edge in front of it, and a page on another origin. It shows what an OpenAI
client gets without the edge (401) and through it (200, word by word), with the
line that each request leaves in the edge's log, and what the doctor says of the
stand-in. It prints lines to try with curl and the OpenAI SDKs, and where the
operator's page of the edge is. Then it serves until Ctrl-C, and shows the edge's
log. On a terminal, 4 then shows what the 401 would look like: the same request
with and without the edge, side by side. Other keys are named beside it.

It needs no account, no key, no configuration and no network. Where one of its
ports is taken it uses a free one. Colours are off where the output is no
terminal or NO_COLOR is set, and there are no keys then.

  apim-edge demo           look, then try it yourself
  apim-edge demo --tour    be led through all of it, in two minutes
  apim-edge demo --once    look and leave; exit code 1 if it did not work

Where nobody can press a key, the tour does not wait, and ends as --once does.

In a container, publish the ports and listen on all interfaces. The operator's
page then asks for a token, which is printed:

  apim-edge demo --listen :8080 --page :8081 --upstream :8082 --admin :9090`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return runDemo(ctx, cmd, opt)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.Once, "once", false, "end after the show; exit code 1 if it is not as promised")
	f.BoolVar(&opt.Tour, "tour", false, "lead through all of it, step by step")
	f.StringVar(&opt.EdgeAddress, "listen", "127.0.0.1:8080", "address of the edge")
	f.StringVar(&opt.AdminAddress, "admin", "127.0.0.1:9090", "address of the edge's page, metrics and configuration")
	f.StringVar(&opt.PageAddress, "page", "127.0.0.1:8081", "address of the page")
	f.StringVar(&opt.UpstreamAddress, "upstream", "127.0.0.1:8082", "address of the stand-in for API Management")
	return cmd
}

// runDemo runs it with keys where somebody can press them.
func runDemo(ctx context.Context, cmd *cobra.Command, opt demo.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt.Out, opt.Color, opt.Program = cmd.OutOrStdout(), colorWanted(os.Stdout), ownProgram(os.Args[0])
	if !opt.Once && keyboard(os.Stdin, os.Stdout) {
		k, err := openKeys(os.Stdin, opt.Out, cancel)
		if err != nil {
			return err
		}
		defer k.close()
		opt.Out, opt.Keys = k, k.pressed
	}
	if opt.Tour && opt.Keys == nil {
		opt.Once = true
	}
	return demo.Run(ctx, opt)
}

// ownProgram is how somebody who has started this program by arg0 starts it again: go run
// puts it into a folder that is gone afterwards.
func ownProgram(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/apim-edge"
	}
	return arg0
}
