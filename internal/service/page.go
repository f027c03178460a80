package service

import (
	"net/url"

	"github.com/apim-edge/apim-edge/internal/census"
	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/page"
)

// startPage has the page of the admin listener look at what runs. Without that listener
// nobody could see it.
func (s *Service) startPage(conf config.Config) {
	if conf.Admin.Address == "" {
		return
	}
	var removal func() page.Removal
	if s.census != nil {
		removal = func() page.Removal { return removalOf(s.census.Summary()) }
	}
	s.page = page.New(page.Options{
		Metrics: s.metrics.Registry, Brief: s.metrics.Brief, Ready: s.health.Ready, Notes: s.health.Notes,
		Config:    func() ([]byte, error) { return config.Masked(s.edge.Config()) },
		Upstreams: func() map[string]string { return addresses(s.edge.Config()) },
		Removal:   removal, Version: s.o.Version,
	})
	s.edge.ObserveRemarkable(s.page)
}

// removalOf picks what the page shows of a census.
func removalOf(s census.Summary) page.Removal {
	r := page.Removal{Since: s.Since, Callers: s.Callers, Needing: s.Needing}
	for _, d := range s.Days {
		r.Days = append(r.Days, page.Day{Date: d.Date, Exchanges: d.Exchanges, Needing: d.Needing, NeedingCallers: d.NeedingCallers})
	}
	for _, one := range s.Routes {
		r.Routes = append(r.Routes, page.RouteRemoval{Name: one.Route, Callers: one.Callers, Needing: one.Needing, LastNeeding: one.LastNeeding})
	}
	return r
}

// addresses returns where each upstream is, by name, without what may be a secret.
func addresses(conf config.Config) map[string]string {
	all := map[string]string{}
	for name, upstream := range conf.Upstreams {
		all[name] = "?"
		if u, err := url.Parse(upstream.URL); err == nil {
			all[name] = u.Redacted()
		}
	}
	return all
}
