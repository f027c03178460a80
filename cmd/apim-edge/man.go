package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man", Short: "Print the manual page",
		Long: `man prints the manual page of all commands, for man(1). Packages bring it along.

  apim-edge man | man -l -`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return manual(cmd.OutOrStdout(), cmd.Root())
		},
	}
}

// manual writes the texts of --help in the language of man(7). It has no date, so that
// the same program gives the same page.
func manual(out io.Writer, root *cobra.Command) error {
	var page strings.Builder
	fmt.Fprintf(&page, ".TH APIM-EDGE 1 \"\" \"apim-edge %s\"\n.SH NAME\napim-edge \\- %s\n", roff(version), roff(root.Short))
	page.WriteString(".SH SYNOPSIS\n.B apim-edge\n.I command\n.RI [ flags ]\n.SH DESCRIPTION\n")
	body(&page, root.Long)
	page.WriteString(".SH COMMANDS\n")
	describe(&page, root)
	page.WriteString(`.SH FILES
.TP
.I /etc/apim\-edge/config.yaml
the configuration of the service of the packages
.TP
.I /etc/default/apim\-edge
variables of that service, such as APIM_EDGE__UPSTREAMS__LEGACY__URL
.SH EXIT STATUS
0 all right, 1 the command failed, or has found what is wrong, 2 wrong usage.
.br
3 report: somebody needs the edge, or a proof failed; import: something is not carried over.
.br
4 report: the census has not looked for long enough.
`)
	_, err := io.WriteString(out, page.String())
	return err
}

// describe writes the commands below one, each with its flags.
func describe(page *strings.Builder, parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		fmt.Fprintf(page, ".SS \"%s\"\n", roff(strings.TrimSpace(c.CommandPath()+strings.TrimPrefix(c.Use, c.Name()))))
		text := c.Long
		if text == "" {
			text = c.Short + "."
		}
		body(page, text)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" {
				option(page, f)
			}
		})
		describe(page, c)
	}
}

func option(page *strings.Builder, f *pflag.Flag) {
	kind, usage := pflag.UnquoteUsage(f)
	name := "\\-\\-" + roff(f.Name)
	if f.Shorthand != "" {
		name = "\\-" + f.Shorthand + ", " + name
	}
	fmt.Fprintf(page, ".TP\n.B %s", strings.ReplaceAll(name, " ", "\\ "))
	if kind != "" {
		fmt.Fprintf(page, " \\fI%s\\fR", kind)
	}
	fmt.Fprintf(page, "\n%s\n", roff(usage))
}

// body writes paragraphs. Indented lines are examples, and stay as they are.
func body(page *strings.Builder, text string) {
	for block := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(block, "  ") {
			page.WriteString(".PP\n.nf\n" + roff(block) + "\n.fi\n")
			continue
		}
		page.WriteString(".PP\n" + roff(block) + "\n")
	}
}

// roff escapes what groff would read as a request or another character.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, ".") {
			out.WriteString(`\&`)
		}
		out.WriteString(line)
	}
	return out.String()
}
