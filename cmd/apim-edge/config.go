package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/configs"
	"github.com/apim-edge/apim-edge/internal/config"
)

func newConfigCommand() *cobra.Command {
	var from source
	var defaults bool
	cmd := &cobra.Command{
		Use: "config [FILE | -]", SuggestFor: []string{"show", "dump", "print", "defaults"},
		Short: "Print the configuration as it would be used",
		Long: `config prints the configuration that serve would use, out of defaults, file,
environment and flags, without the secrets. With --defaults it prints every key with
its meaning and default, as a file to begin with.

  apim-edge config --config config.yaml
  apim-edge config --defaults >config.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := from.takeFile(cmd, args); err != nil {
				return err
			}
			if defaults {
				return printDefaults(cmd)
			}
			return printConfig(cmd, &from)
		},
	}
	from.addTo(cmd)
	cmd.Flags().BoolVar(&defaults, "defaults", false, "print all defaults, with comments")
	completesFiles(cmd)
	return cmd
}

func printDefaults(cmd *cobra.Command) error {
	if n := cmd.Flags().NFlag(); n > 1 || cmd.Flags().NArg() > 0 {
		return usageError{errors.New("--defaults reads nothing; leave the rest out")}
	}
	_, err := cmd.OutOrStdout().Write([]byte(configs.Reference))
	return err
}

func printConfig(cmd *cobra.Command, from *source) error {
	conf, err := from.load(cmd)
	if err != nil {
		return err
	}
	masked, err := config.Masked(conf)
	if err != nil {
		return err
	}
	formatted, err := config.Format("configuration", masked)
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(formatted)
	return err
}

func newSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON schema of the configuration, for editors",
		Long: `schema prints what editors with a YAML language server need to complete and check a
configuration while it is written. Its first line names the schema by a path that is
relative to the file:

  apim-edge schema >schema.json
  # yaml-language-server: $schema=schema.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write([]byte(configs.Schema))
			return err
		},
	}
}
