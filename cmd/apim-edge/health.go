package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealthCommand() *cobra.Command {
	var from source
	cmd := &cobra.Command{
		Use: "health", SuggestFor: []string{"status", "ready", "ping", "healthcheck"},
		Short: "Ask a running apim-edge whether it is ready (for container health checks)",
		Long: `health asks /readyz of the admin listener; an image without a shell has nothing
else that could. The address is that of --admin, else of the variable
APIM_EDGE__ADMIN__ADDRESS, else of admin.address in the file that --config names,
else 127.0.0.1:9090. What else is wrong with that file does not count: an edge
that runs goes on without it. A check that must not depend on the file uses --admin.
Exit code: 0 ready, 1 not.

  apim-edge health --config /etc/apim-edge/config.yaml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := from.adminAddress(cmd)
			if err != nil {
				return err
			}
			return health(cmd, address)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&from.file, "config", "c", "", "configuration file (YAML) of the edge that is asked")
	alsoFile(f)
	f.StringVar(&from.admin, "admin", "", "address of the admin listener (default 127.0.0.1:9090)")
	return cmd
}

// adminAddress returns where the admin listener of the same configuration is. An
// edge goes on when its file is spoilt, so that alone is no reason to call it unwell.
func (s *source) adminAddress(cmd *cobra.Command) (string, error) {
	conf, err := s.load(cmd)
	if conf.Admin.Address == "" && err != nil {
		s.file = ""
		conf, _ = s.load(cmd)
		fmt.Fprintf(cmd.ErrOrStderr(), "apim-edge: %v; asking at %s\n", err, conf.Admin.Address)
	}
	if conf.Admin.Address == "" {
		return "", errors.New("not known: the configuration switches the admin listener off (admin.address is empty)")
	}
	return conf.Admin.Address, nil
}

// fromHere returns where this machine reaches a listener: one on all addresses is on
// loopback as well.
func fromHere(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

func health(cmd *cobra.Command, address string) error {
	dialled, err := fromHere(address)
	if err != nil {
		return fmt.Errorf("admin.address %q: want an address such as 127.0.0.1:9090", address)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialled+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", strings.TrimSpace(string(text)))
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.TrimSpace(string(text)))
	return err
}
