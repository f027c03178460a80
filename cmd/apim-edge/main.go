// Command apim-edge stands in front of a legacy Azure OpenAI API in Azure API
// Management and turns "Authorization: Bearer <key>" into "api-key: <key>".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/proxy/record"
)

// version is set when a release is built: -ldflags "-X main.version=...". Where
// it is not, it is what the go command knows.
var version string

func main() { os.Exit(run()) }

// run returns the exit code: 0 all right, 1 the command failed, 2 wrong usage, 3 done
// in part.
func run() int {
	if version == "" {
		version = builtVersion()
	}
	zerolog.TimeFieldFormat = record.TimeFormat
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
	root := newRootCommand()
	cmd, err := root.ExecuteContextC(context.Background())
	if err == nil {
		return 0
	}
	var silent silentError
	if !errors.As(err, &silent) {
		fmt.Fprintln(os.Stderr, "apim-edge:", printable(err.Error()))
	}
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(os.Stderr, "Run '%s --help' for what it takes.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// printable is a text without what commands a terminal: an error repeats what files and
// servers say.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// usageError is wrong usage: exit code 2.
type usageError struct{ error }

// codedError has been reported, and has an exit code of its own.
type codedError struct {
	silentError
	code int
}

// Unwrap lets run see that it has been reported.
func (c codedError) Unwrap() error { return c.silentError }

// silentError has been reported already.
type silentError struct{ error }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "apim-edge",
		Short: "Let OpenAI clients use a legacy Azure OpenAI API behind API Management",
		Long: `apim-edge stands in front of an Azure OpenAI API in Azure API Management (APIM)
that expects its subscription key in the field api-key, and accepts what today's
clients send: Authorization: Bearer <subscription key>.

  apim-edge demo                                              see it work
  apim-edge serve --upstream https://contoso.azure-api.net    put it to work

The word serve may be left out. Exit code 2 is wrong usage, with what was meant.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArguments,
	}
	root.SetVersionTemplate(versionText())
	root.SetFlagErrorFunc(wrongFlag)
	serveUnsaid(root)
	root.AddCommand(newServeCommand(), newDemoCommand(startDemoEdge), newCheckCommand(), newExplainCommand(), newDoctorCommand(), newImportCommand(), newExportCommand(), newReportCommand(),
		newConfigCommand(), newFmtCommand(), newSchemaCommand(), newKeyCommand(), newHealthCommand(), newManCommand(), newVersionCommand())
	refuseUnknown(root)
	return root
}

// colorWanted follows no-color.org: any value but the empty one switches off.
func colorWanted(f *os.File) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
}
