package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/report"
)

// formatting is what fmt does with what it finds.
type formatting struct{ check, diff bool }

func newFmtCommand() *cobra.Command {
	var what formatting
	cmd := &cobra.Command{
		Use: "fmt FILE... | -", Aliases: []string{"format"},
		Short: "Format configuration files",
		Long: `fmt writes configuration files in the one way in which apim-edge would: indented by
two spaces, times and sizes in one spelling, quotes where they are needed. Order and
comments stay, and so does the meaning. What it changes is written in place; standard
input is written to standard output.

  apim-edge fmt config.yaml
  apim-edge fmt --check *.yaml      for CI: names the files that would change
  apim-edge fmt --diff config.yaml

Exit code: 0 all right, 1 a file cannot be read, or with --check one would change.`,
		RunE: func(cmd *cobra.Command, args []string) error { return what.all(cmd, args) },
	}
	cmd.Flags().BoolVar(&what.check, "check", false, "write nothing; name the files that would change, and fail if there are any")
	cmd.Flags().BoolVar(&what.diff, "diff", false, "write nothing; print what would change")
	completesFiles(cmd)
	return cmd
}

func (f formatting) all(cmd *cobra.Command, files []string) error {
	if len(files) == 0 {
		return usageError{errors.New("name a file, or - for standard input")}
	}
	var faults []error
	unformatted := 0
	for _, name := range files {
		changed, err := f.one(cmd, name)
		faults = append(faults, err)
		if changed {
			unformatted++
		}
	}
	if f.check && unformatted > 0 {
		faults = append(faults, fmt.Errorf("%s not formatted; run apim-edge fmt", report.Counted(unformatted, "file")))
	}
	return errors.Join(faults...)
}

// one formats a file, and reports whether that changes it.
func (f formatting) one(cmd *cobra.Command, name string) (changed bool, err error) {
	before, shown, err := readWhole(cmd, name)
	if err != nil {
		return false, err
	}
	after, err := config.Format(shown, before)
	if err != nil {
		return false, err
	}
	out := cmd.OutOrStdout()
	changed = !bytes.Equal(before, after)
	if changed && f.check && !f.diff {
		fmt.Fprintln(out, shown)
	}
	if changed && f.diff {
		_, err = out.Write(diff.Diff(shown, before, shown+" (formatted)", after))
	}
	switch {
	case f.check || f.diff:
		return changed, err
	case name == "-":
		_, err = out.Write(after)
	case changed:
		// In place: a new file would have another owner and group, and a link would be
		// replaced by it.
		err = os.WriteFile(name, after, 0o600)
	}
	return changed, err
}

func readWhole(cmd *cobra.Command, name string) (data []byte, shown string, err error) {
	if name == "-" {
		data, err = readPasted(cmd.InOrStdin(), "this is no configuration")
		return data, "standard input", err
	}
	data, err = os.ReadFile(name)
	return data, name, err
}
