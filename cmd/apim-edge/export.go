package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/export"
)

// move is what export is asked to do, as flags say it.
type move struct {
	from      source
	to, write string
	json      bool
}

func newExportCommand() *cobra.Command {
	var m move
	cmd := &cobra.Command{
		Use: "export [ROUTE] --to apim|nginx|haproxy", SuggestFor: []string{"migrate", "convert", "generate", "translate"},
		Short: "Write a route for API Management, nginx or HAProxy",
		Long: `export writes what a route does as a file for another system: for the day on which
apim-edge goes and somebody else does what is left of its work. The file comes on
standard output. What that system cannot do is said on standard error, key by key:
read it before you switch anything off.

  apim-edge export openai --to nginx --config edge.yaml >openai.conf
  apim-edge export openai --to haproxy --config edge.yaml --write openai.cfg
  apim-edge export openai --to apim --config edge.yaml --write policy.xml
  apim-edge export --to nginx --upstream https://contoso.azure-api.net

Where there is one route only, its name may be left out. Every key of the route, of
its upstream and of the rest of the configuration is expressed, impossible or not
needed there; --json has them all with the reason. Secrets are never written: what
has to be filled in is named. A route that asks for tokens or keys (require) comes
out closed for nginx and HAProxy, since they would let in everybody.

Nothing is sent. Exit code: 0 the file does what can be done, 1 it lets nobody in
until you have changed it, or the configuration has faults; 2 wrong usage.`,
		RunE: func(cmd *cobra.Command, args []string) error { return m.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&m.from.upstream, "upstream", "u", "", "URL of the legacy API, where there is no configuration file")
	f.StringVarP(&m.from.file, "config", "c", "", "configuration file (YAML)")
	alsoFile(f)
	f.StringVar(&m.to, "to", "", "the system to write for: apim, nginx or haproxy")
	f.StringVarP(&m.write, "write", "w", "", "write the document to this file, which must not exist")
	f.BoolVar(&m.json, "json", false, "print JSON: the document and what became of each key")
	completesFlag(cmd, "config", yamlFiles)
	completesFlag(cmd, "file", yamlFiles)
	completesFlag(cmd, "to", cobra.FixedCompletions([]string{"apim", "nginx", "haproxy"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.ValidArgsFunction = m.from.routes
	return cmd
}

func (m *move) run(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return noArguments(cmd, args[1:])
	}
	if !slices.Contains(export.Targets(), export.Target(m.to)) {
		return usageError{errors.New("--to: want apim, nginx or haproxy, as in apim-edge export openai --to nginx --config edge.yaml")}
	}
	if m.from.file == "" && m.from.upstream == "" {
		return usageError{errors.New("nothing to export; give --config FILE, or --upstream URL")}
	}
	conf, err := m.from.load(cmd)
	if err != nil {
		return err
	}
	name := ""
	switch names := slices.Sorted(maps.Keys(conf.Routes)); {
	case len(args) == 1:
		name = args[0]
	case len(names) == 1:
		name = names[0]
	default:
		return usageError{fmt.Errorf("which route? There are %s", strings.Join(names, ", "))}
	}
	doc, err := export.Route(conf, name, export.Target(m.to))
	if err != nil {
		return usageError{err}
	}
	return m.deliver(cmd, doc)
}

// deliver writes the document, and what it lacks.
func (m *move) deliver(cmd *cobra.Command, doc *export.Document) error {
	if m.json {
		if err := printJSON(cmd.OutOrStdout(), doc); err != nil {
			return err
		}
	} else {
		if m.write == "" {
			fmt.Fprint(cmd.OutOrStdout(), doc.Text) //nolint:errcheck // nobody is left to tell
		}
		doc.Print(cmd.ErrOrStderr())
	}
	if m.write != "" {
		if err := writeNew(m.write, doc.Text, false); err != nil {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "apim-edge: wrote", m.write) //nolint:errcheck // nobody is left to tell
	}
	if doc.Closed != "" {
		return silentError{errors.New("closed")}
	}
	return nil
}
