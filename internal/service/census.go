package service

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/report"
	"github.com/apim-edge/apim-edge/internal/secret"
)

// startCensus has callers counted, where the configuration asks for that.
func (s *Service) startCensus(conf config.Config) error {
	if !conf.Census.Enabled {
		return nil
	}
	var key []byte
	if ref := conf.Census.Key; ref != "" {
		source, err := secret.Parse(ref)
		if err != nil {
			return fmt.Errorf("census.key: %w", err)
		}
		value, err := source.Current()
		if err != nil {
			return fmt.Errorf("census.key: %w", err)
		}
		key = []byte(value.Reveal())
	}
	s.census = census.Start(census.Options{
		Loops: len(s.loops), Rows: conf.Census.Rows, File: conf.Census.File, Key: key, Version: s.o.Version, Log: s.log,
	})
	s.metrics.Registry.MustRegister(s.census)
	s.edge.CountCallers(s.census.Hasher())
	s.edge.Observe(s.census)
	return nil
}

// describeRoutes tells the census how the routes could do without the edge.
func (s *Service) describeRoutes(conf config.Config) {
	if s.census != nil {
		s.census.SetUp(Setups(conf))
	}
}

// Setups returns what a census says of the routes of a configuration. It holds no secret.
func Setups(conf config.Config) (all []census.Setup) {
	for _, name := range slices.Sorted(maps.Keys(conf.Routes)) {
		r := conf.Routes[name]
		up := conf.Upstreams[r.UpstreamNames()[0]] // a report names one
		c := census.Setup{
			Route: name, PathPrefix: r.PathPrefix, KeyField: r.Credential.Header, KeyValue: r.Credential.Value,
			Origins: r.CORS.AllowedOrigins, BridgeTo: r.Bridge.To, Tokens: len(r.Require.Token) > 0, Keys: r.Require.Client, Addresses: r.Require.Addresses.Set(), Headers: len(r.Require.Headers) > 0, Query: r.Query.Changes(),
		}
		if u, err := url.Parse(up.URL); err == nil {
			c.Upstream = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
		}
		switch {
		case up.Auth.Value != "":
			c.Own = "key"
		case up.Auth.Set():
			c.Own = "managed_identity"
		}
		all = append(all, c)
	}
	return all
}

// censusPages are those of the admin listener that show the census.
func (s *Service) censusPages() map[string]http.HandlerFunc {
	if s.census == nil {
		return nil
	}
	return map[string]http.HandlerFunc{"GET /report": s.showReport, "GET /census": func(w http.ResponseWriter, _ *http.Request) {
		d := s.census.Document()
		var out bytes.Buffer
		_ = d.Write(&out) // a buffer takes all
		show(w, "application/jsonl", out.Bytes())
	}}
}

// showReport shows the report of this replica alone, for a person with a browser.
func (s *Service) showReport(w http.ResponseWriter, r *http.Request) {
	format := report.Format(cmp.Or(r.URL.Query().Get("format"), string(report.HTML)))
	if format.ContentType() == "" {
		http.Error(w, "format: want markdown, html, json or csv", http.StatusBadRequest)
		return
	}
	made := report.Make(s.census.Document(), report.Options{Now: time.Now(), Days: report.DefaultDays})
	var out bytes.Buffer
	if err := made.Write(&out, format); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", report.Policy+"; frame-ancestors 'none'")
	show(w, format.ContentType(), out.Bytes())
}

// show answers with a page that nobody keeps, and no browser takes for another kind.
func show(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
}
