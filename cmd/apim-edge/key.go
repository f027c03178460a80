package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/identity/clientkey"
)

func newKeyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "key", Short: "Make keys that apim-edge issues itself",
		Long: `Clients can have keys of apim-edge's own, which are known by their hashes alone.
Such a key is of no use at the upstream: it is exchanged for upstream_key, and gone
with one reload when it has leaked.

  apim-edge key new team-a      a key, and the line for the configuration
  apim-edge key hash            the hash of a key on standard input`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use: "new [CLIENT]", Short: "Print a new key once, and the line to add",
		Long: `new prints a key, which is not stored anywhere and cannot be printed again, and
the line for the configuration, which has its hash. The key goes to standard output
alone, so that it can be piped into a vault.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return newKey(cmd, args) },
	}, &cobra.Command{
		Use: "hash", Short: "Print the hash of a key on standard input",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return hashKey(cmd) },
	})
	return cmd
}

func newKey(cmd *cobra.Command, args []string) error {
	client := "CLIENT"
	if len(args) > 0 {
		client = args[0]
	}
	key := clientkey.Generate()
	out, notes := cmd.OutOrStdout(), cmd.ErrOrStderr()
	fmt.Fprintln(notes, "The key, which is shown this once:")
	fmt.Fprintln(out, key)
	fmt.Fprintf(notes, `
For the configuration; a client may have several keys while they are exchanged:
clients:
  %s:
    keys: [%q]
The client sends it as Authorization: Bearer <key>. The route has to ask for it:
require: {client: true}.
`, client, clientkey.Hash(key))
	return nil
}

// hashKey reads one line, so that the key is in no list of processes and no history.
func hashKey(cmd *cobra.Command) error {
	in := cmd.InOrStdin()
	if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "Paste the key, then press Enter.")
	}
	line, _ := bufio.NewReader(in).ReadString('\n')
	key := strings.TrimRight(line, "\r\n")
	switch {
	case key == "":
		return errors.New("no key on standard input")
	case strings.ContainsAny(key, " \t,"):
		return errors.New("a key has no spaces and no commas")
	case len(key) < shortestKey:
		return fmt.Errorf("a key of less than %d characters can be guessed from its hash; make one with apim-edge key new", shortestKey)
	}
	fmt.Fprintln(cmd.OutOrStdout(), clientkey.Hash(key))
	return nil
}

// shortestKey has 128 bits where it is hexadecimal, as API Management's are.
const shortestKey = 32
