package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/identity/azure"
	"github.com/apim-edge/apim-edge/internal/report"
)

func newCheckCommand() *cobra.Command {
	var from source
	var strict, online bool
	cmd := &cobra.Command{
		Use: "check [FILE | -]", Aliases: []string{"validate"}, SuggestFor: []string{"lint", "verify", "configtest"},
		Short: "Check the configuration and list every fault at once",
		Long: `check reads the configuration as serve would and lists every fault with its
place, without opening a port or a connection. What is allowed but probably not
meant is a warning; with --strict it is a fault. With --online the vaults, identity
endpoints and issuers that the configuration names are asked as well, as who runs
this command. Exit code: 0 fit to serve, 1 not.

  apim-edge check /etc/apim-edge/config.yaml
  apim-edge check - <config.yaml                       standard input
  apim-edge check --upstream https://contoso.azure-api.net`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := from.takeFile(cmd, args); err != nil {
				return err
			}
			return check(cmd, &from, strict, online)
		},
	}
	from.addTo(cmd)
	cmd.Flags().BoolVar(&strict, "strict", false, "make warnings faults")
	cmd.Flags().BoolVar(&online, "online", false, "ask vaults, identity endpoints and issuers whether they answer")
	completesFiles(cmd)
	return cmd
}

// takeFile takes the file from the arguments; - is standard input.
func (s *source) takeFile(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
	case len(args) > 1:
		return noArguments(cmd, args[1:])
	case s.file != "":
		return usageError{errors.New("name the file once, as an argument or by --config")}
	case strings.HasPrefix(args[0], "http://"), strings.HasPrefix(args[0], "https://"):
		return noArguments(cmd, args)
	default:
		s.file = args[0]
	}
	if s.file == "-" {
		s.file = "/dev/stdin"
	}
	return nil
}

func check(cmd *cobra.Command, from *source, strict, online bool) error {
	out := cmd.OutOrStdout()
	conf, err := from.load(cmd)
	if err == nil {
		err = faults(conf, strict)
	}
	var problems *config.Problems
	if errors.As(err, &problems) {
		for _, p := range *problems {
			fmt.Fprintln(out, p.String())
		}
		return errors.New(report.Counted(len(*problems), "fault"))
	}
	if err != nil {
		return err
	}
	for _, w := range conf.Warnings() {
		fmt.Fprintln(out, "warning:", w.String())
	}
	for _, line := range credentials(conf) {
		fmt.Fprintln(out, line)
	}
	if online {
		err := askAll(cmd.Context(), out, conf, azure.New(azure.Options{}))
		if err := errors.Join(err, askIssuers(cmd.Context(), out, conf)); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "ok: %s, %s, configuration %s\n",
		report.Counted(len(conf.Routes), "route"), report.Counted(len(conf.Upstreams), "upstream"), config.Hash(conf))
	return nil
}

// faults returns what only shows where a configuration is put to use.
func faults(conf config.Config, strict bool) error {
	if files := conf.CheckFiles(); len(files) > 0 {
		return &files
	}
	_, done, err := compile(conf, false)
	if err != nil {
		return err
	}
	done()
	if warnings := conf.Warnings(); strict && len(warnings) > 0 {
		return &warnings
	}
	return nil
}
