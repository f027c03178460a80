package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/demo"
	"github.com/apim-edge/apim-edge/internal/doctor"
	"github.com/apim-edge/apim-edge/internal/report"
	"github.com/apim-edge/apim-edge/internal/secret"
	"github.com/apim-edge/apim-edge/internal/service"
)

// demoToken is where the demo's edge finds the token of its admin listener.
const demoToken = "APIM_EDGE_DEMO_TOKEN"

// startDemoEdge starts the edge that the demo shows: what serve would start, with CORS
// for the demo's page and a census. Where others can reach its admin listener, it asks
// for a token that is made up for this run.
func startDemoEdge(o demo.EdgeOptions) (demo.Edge, error) {
	settings := map[string]any{
		"listen.address": o.Address, "admin.address": o.AdminAddress,
		"log.format":                          "console",
		"routes.default.cors.allowed_origins": o.AllowedOrigin,
		"timeouts.drain":                      "1s",
		"census.enabled":                      true,
	}
	token := ""
	if !config.OnLoopback(o.AdminAddress) {
		token = rand.Text()
		if err := os.Setenv(demoToken, token); err != nil {
			return demo.Edge{}, err
		}
		settings["admin.token"] = "env:" + demoToken
	}
	load := func() (config.Config, error) {
		return config.Load(config.Options{Upstream: o.UpstreamURL, Overrides: settings})
	}
	s, err := service.Start(service.Options{Load: load, Log: o.Log, Color: o.Color, Version: version})
	if err != nil {
		return demo.Edge{}, err
	}
	return demo.Edge{
		URL: "http://" + s.Address, AdminURL: "http://" + s.AdminAddress, AdminToken: token,
		Stop: func() { s.Stop(service.ByInterrupt) },
	}, nil
}

// demoDoctor is what doctor --upstream does.
func demoDoctor(ctx context.Context, api, key string) (demo.Verdict, error) {
	conf, err := config.Load(config.Options{Upstream: api})
	if err != nil {
		return demo.Verdict{}, err
	}
	targets, err := doctor.Targets(conf, nil, false)
	if err != nil {
		return demo.Verdict{}, err
	}
	opt := doctorDefaults()
	opt.Key, opt.Progress = secret.New(key), func(string) {}
	examined := doctor.Examine(ctx, targets, opt).Examined[0]
	v := demo.Verdict{Asked: len(examined.Answers), KeyField: examined.KeyField, Way: examined.Way.Meaning()}
	for _, f := range examined.Findings {
		v.Findings = append(v.Findings, demo.Finding{
			Kind: string(f.Kind), Text: f.About + ": " + f.Text, Do: f.Do, Problem: f.Kind == doctor.Problem,
		})
	}
	return v, ctx.Err()
}

// demoReport is what report URL does.
func demoReport(ctx context.Context, edge demo.Edge) (demo.Account, error) {
	q := inquiry{timeout: answerPatience}
	if edge.AdminToken != "" {
		q.adminToken = "env:" + demoToken
	}
	text, err := q.read(ctx, edge.AdminURL)
	if err != nil {
		return demo.Account{}, err
	}
	d, _, err := census.Read(strings.NewReader(string(text)))
	if err != nil {
		return demo.Account{}, err
	}
	r := report.Make(d, report.Options{Now: time.Now(), Days: report.DefaultDays})
	a := demo.Account{Summary: r.Summary, Needed: r.Verdict == report.Needed}
	for i := range r.Callers {
		c := &r.Callers[i]
		a.Callers = append(a.Callers, fmt.Sprintf("%s, %s, %d exchanges: %s", c.Who, strings.Join(c.Clients, ", "), c.Exchanges, c.Why))
	}
	return a, nil
}
