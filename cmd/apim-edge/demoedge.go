package main

import (
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/demo"
	"github.com/apim-edge/apim-edge/internal/service"
)

// startDemoEdge starts the edge that the demo shows: what serve would start,
// with CORS for the demo's page.
func startDemoEdge(o demo.EdgeOptions) (demo.Edge, error) {
	load := func() (config.Config, error) {
		return config.Load(config.Options{Upstream: o.UpstreamURL, Overrides: map[string]any{
			"listen.address": o.Address, "admin.address": o.AdminAddress,
			"log.format":                          "console",
			"routes.default.cors.allowed_origins": o.AllowedOrigin,
			"timeouts.drain":                      "1s",
		}})
	}
	s, err := service.Start(service.Options{Load: load, Log: o.Log, Color: o.Color, Version: version})
	if err != nil {
		return demo.Edge{}, err
	}
	return demo.Edge{
		URL: "http://" + s.Address, AdminURL: "http://" + s.AdminAddress, Stop: func() { s.Stop(service.ByInterrupt) },
	}, nil
}
