package main

import (
	"io"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/service"
)

// startDemoEdge starts the edge that the demo shows: what serve would start,
// with CORS for the demo's page.
func startDemoEdge(address, upstreamURL, allowedOrigin string) (edgeURL string, stop func(), err error) {
	load := func() (config.Config, error) {
		return config.Load(config.Options{Upstream: upstreamURL, Overrides: map[string]any{
			"listen.address": address, "admin.address": "",
			"routes.default.cors.allowed_origins": allowedOrigin,
			"timeouts.drain":                      "1s",
		}})
	}
	s, err := service.Start(service.Options{Load: load, Log: io.Discard, Version: version})
	if err != nil {
		return "", nil, err
	}
	return "http://" + s.Address, func() { s.Stop("signal") }, nil
}
