package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/apim-edge/apim-edge/internal/config"
)

func newHealthCommand() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running apim-edge whether it is ready (for container health checks)",
		Long: `health asks /readyz of the admin listener; an image without a shell has nothing
else that could. The address is that of --admin, else of the variable
APIM_EDGE__ADMIN__ADDRESS, else 127.0.0.1:9090. Exit code: 0 ready, 1 not.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return health(cmd, address) },
	}
	address = config.Default().Admin.Address
	if env := os.Getenv("APIM_EDGE__ADMIN__ADDRESS"); env != "" {
		address = env
	}
	cmd.Flags().StringVar(&address, "admin", address, "address of the admin listener")
	return cmd
}

func health(cmd *cobra.Command, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--admin %q: want an address such as 127.0.0.1:9090", address)
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
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
