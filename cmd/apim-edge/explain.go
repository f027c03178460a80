package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/edgeerr"
	"github.com/apim-edge/apim-edge/proxy"
	"github.com/apim-edge/apim-edge/proxy/record"
)

func newExplainCommand() *cobra.Command {
	var from source
	var req curlRequest
	cmd := &cobra.Command{
		Use:   "explain [flags] [URL | -- curl ... | -]",
		Short: "Say what would become of a request, and why",
		Long: `explain takes a request, as flags or as a curl line, through the same engine that
serves, and prints the route, the credential decision with its reason, and the
head that would go upstream. Nothing is sent. Secrets are shown as ***.

  apim-edge explain -u https://contoso.azure-api.net -H "Authorization: Bearer 0123abcd" /openai/v1/models
  apim-edge explain -c config.yaml -- curl https://edge.example.com/openai/v1/models -H "api-key: 0123abcd"
  apim-edge explain -c config.yaml - <request.sh          a curl line on standard input

Exit code: 0 the request would be forwarded or its preflight allowed, 1 refused.`,
		RunE: func(cmd *cobra.Command, args []string) error { return explain(cmd, &from, &req, args) },
	}
	from.addTo(cmd)
	cmd.Flags().StringVarP(&req.method, "request", "X", "", "method (default GET, or POST with --data)")
	cmd.Flags().StringArrayVarP(&req.fields, "header", "H", nil, `field, for example "Authorization: Bearer 0123abcd"; repeatable`)
	cmd.Flags().StringVarP(&req.data, "data", "d", "", "body; only its length matters, and @file is taken as it stands")
	return cmd
}

func explain(cmd *cobra.Command, from *source, req *curlRequest, args []string) error {
	if err := req.take(args, cmd.InOrStdin()); err != nil {
		return usageError{err}
	}
	conf, err := from.load(cmd)
	if err != nil {
		return err
	}
	edge, done, err := compile(conf)
	if err != nil {
		return err
	}
	defer done()
	return printExplanation(cmd.OutOrStdout(), edge.Explain(req.head()))
}

// compile makes the engine that serve would run, without a listener.
func compile(conf config.Config) (edge *proxy.Edge, done func(), err error) {
	quiet := zerolog.New(io.Discard)
	edge = proxy.NewEdge(quiet, quiet, record.NewMetrics(version, func() float64 { return 0 }), nil)
	snapshot, err := edge.Compile(conf)
	if err != nil {
		return nil, nil, err
	}
	edge.Use(snapshot)
	return edge, edge.Close, nil
}

func printExplanation(out io.Writer, e proxy.Explanation) error {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-11s%s\n", name, value)
		}
	}
	line("route", e.Route)
	if e.Upstream != "" {
		line("upstream", e.Upstream+" "+e.URL)
	}
	if e.Preflight {
		line("preflight", "answered by apim-edge; the upstream is never asked")
		if e.PreflightRefused != "" {
			line("refused", "the "+e.PreflightRefused+" is not allowed; see cors of the route in the configuration")
			return silentError{errors.New("preflight refused")}
		}
		return nil
	}
	if e.Reason != "" {
		line("decision", e.Reason+": "+e.Meaning)
	}
	line("notes", strings.ReplaceAll(e.Notes, ",", ", "))
	if e.Code != edgeerr.None {
		line("answer", fmt.Sprintf("%d %s: %s", e.Code.Status(), e.Code, e.Message))
		return silentError{errors.New("refused")}
	}
	fmt.Fprintf(out, "upstream would receive\n")
	for _, l := range strings.Split(strings.TrimRight(e.Head, "\n"), "\n") {
		fmt.Fprintf(out, "  %s\n", l)
	}
	return nil
}
