package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
)

// yamlFiles has shells complete names of configuration files.
func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

// completesFiles is for commands whose arguments are configuration files.
func completesFiles(cmd *cobra.Command) { cmd.ValidArgsFunction = yamlFiles }

// completesFlag has shells complete the values of a flag.
func completesFlag(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic("BUG: " + err.Error())
	}
}

// completes has shells complete what the configuration itself is made of.
func (s *source) completes(cmd *cobra.Command) {
	words := func(all ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)
	}
	completesFlag(cmd, "config", yamlFiles)
	completesFlag(cmd, "file", yamlFiles)
	completesFlag(cmd, "log-level", words("debug", "info", "warn", "error"))
	completesFlag(cmd, "log-format", words("json", "console", "auto"))
	completesFlag(cmd, "upstream", words())
	completesFlag(cmd, "listen", words(":8080", "127.0.0.1:8080"))
	completesFlag(cmd, "admin", words(":9090", "127.0.0.1:9090"))
}

// readable is the configuration, or of one with faults what could be read.
func (s *source) readable(cmd *cobra.Command) config.Config {
	conf, _ := s.load(cmd)
	return conf
}

// routes completes names of routes.
func (s *source) routes(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(s.readable(cmd).Routes)), cobra.ShellCompDirectiveNoFileComp
}

// paths completes the paths that lead to routes, each with its route's name.
func (s *source) paths(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // of curl, or flags behind the URL
	}
	all := []string{"curl\ta curl line", "-\tcurl lines on standard input"}
	routes := s.readable(cmd).Routes
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		r := routes[name]
		all = append(all, strings.TrimSuffix(r.PathPrefix, "/")+"/\troute "+name)
	}
	return all, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}
