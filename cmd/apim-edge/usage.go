package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// noArguments refuses arguments and says what was meant.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%s is not a command or argument of %s%s", shownArgument(args[0]), cmd.CommandPath(), meant(cmd, args[0]))}
}

// shownArgument quotes an argument, unless it may hold a secret.
func shownArgument(arg string) string {
	if strings.ContainsAny(arg, "@?=") || strings.ContainsAny(arg, " \t\n") {
		return "an argument"
	}
	return fmt.Sprintf("%q", arg)
}

// meant returns the line that an argument was probably meant for.
func meant(cmd *cobra.Command, arg string) string {
	word := cmd.Name()
	if !cmd.HasParent() {
		word = "serve"
	}
	switch info, err := os.Stat(arg); {
	case strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://"):
		return fmt.Sprintf("; did you mean apim-edge %s --upstream URL?", word)
	case err == nil && info.Mode().IsRegular(), yamlName.MatchString(arg):
		return fmt.Sprintf("; did you mean apim-edge %s --config FILE?", word)
	}
	if alike := cmd.SuggestionsFor(arg); len(alike) > 0 {
		return fmt.Sprintf("; did you mean %q?", alike[0])
	}
	return ""
}

var yamlName = regexp.MustCompile(`\.ya?ml$`)

// otherNames are what other programs call our flags.
var otherNames = map[string][]string{
	"config":    {"conf", "cfg", "configuration", "config-file", "values"},
	"listen":    {"port", "addr", "address", "bind", "p", "l", "host"},
	"upstream":  {"url", "backend", "target", "server", "proxy", "origin", "endpoint", "base-url"},
	"admin":     {"metrics", "health", "admin-address", "metrics-address"},
	"log-level": {"level", "debug", "verbose", "loglevel"}, "log-format": {"format", "json", "logformat"},
	"version": {"V"}, "header": {"headers"}, "request": {"method"}, "data": {"body"},
}

// wrongFlag names the flag that was probably meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	if unknown.GetSpecifiedName() == "t" {
		return usageError{fmt.Errorf("%w; did you mean apim-edge check?", err)}
	}
	// cobra knows how alike names of commands are, so flags are shown to it as such.
	flags := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			flags.AddCommand(&cobra.Command{Use: f.Name, SuggestFor: otherNames[f.Name], Run: func(*cobra.Command, []string) {}})
		}
	})
	if alike := flags.SuggestionsFor(unknown.GetSpecifiedName()); len(alike) > 0 {
		return usageError{fmt.Errorf("%w; did you mean --%s?", err, alike[0])}
	}
	return usageError{err}
}

// refuseUnknown has the commands that cobra brings along treat what they do not
// know as every other one does.
func refuseUnknown(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				found, rest, _ := root.Find(args)
				return noArguments(found, rest)
			}
		case "completion":
			c.Args = noArguments
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// alsoFile lets --config be called -f and --file, as other programs do.
func alsoFile(f *pflag.FlagSet) {
	f.VarPF(f.Lookup("config").Value, "file", "f", "the same as --config").Hidden = true
}

// serveUnsaid has the program serve where flags alone say what: containers are
// often given these and no command.
func serveUnsaid(root *cobra.Command) {
	var from serving
	from.addTo(root)
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().NFlag() == 0 {
			return cmd.Help()
		}
		return serve(cmd, &from)
	}
}
