package main

import (
	"errors"

	"github.com/spf13/cobra"
)

type demoStarter = func(upstreamURL, allowedOrigin string) (edgeURL string, stop func(), err error)

func newDemoCommand(start demoStarter) *cobra.Command {
	return &cobra.Command{Use: "demo", Hidden: true, RunE: func(*cobra.Command, []string) error {
		return errors.New("not there yet")
	}}
}
