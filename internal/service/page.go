package service

import (
	"net/url"

	"github.com/apim-edge/apim-edge/internal/config"
	"github.com/apim-edge/apim-edge/internal/page"
)

// startPage has the page of the admin listener look at what runs. Without that listener
// nobody could see it.
func (s *Service) startPage(conf config.Config) {
	if conf.Admin.Address == "" {
		return
	}
	s.page = page.New(page.Options{
		Metrics: s.metrics.Registry, Brief: s.metrics.Brief, Ready: s.health.Ready, Notes: s.health.Notes,
		Config:    func() ([]byte, error) { return config.Masked(s.edge.Config()) },
		Upstreams: func() map[string]string { return addresses(s.edge.Config()) },
		Version:   s.o.Version,
	})
	s.edge.Observe(s.page)
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
