package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// doctor has the look-alike examined.
func (s *show) doctor() error {
	s.out.command(fmt.Sprintf("APIM_KEY=%s \\\n  %s doctor --upstream %s --key env:APIM_KEY", subscriptionKey, s.opt.Program, s.upstreamURL))
	v, err := s.opt.Doctor(s.ctx, s.upstreamURL, subscriptionKey)
	if err != nil {
		return err
	}
	s.out.say("%d requests were sent. What the answers mean:", v.Asked)
	s.out.write("\n")
	for _, f := range v.Findings {
		style := green
		if f.Problem {
			style = red
		}
		s.out.hanging(s.out.style(style, fmt.Sprintf("%-8s", f.Kind)), f.Text)
		if f.Do != "" {
			s.out.hanging("        ", "do: "+f.Do)
		}
	}
	s.out.hanging(s.out.style(bold, "way     "), v.Way)
	s.promise(v.KeyField == "api-key", "the doctor should have found that the API looks into api-key")
	return nil
}

// operatorsPage asks for the page of the admin listener as a browser does, and shows some
// of its figures.
func (s *show) operatorsPage() error {
	s.out.command(s.adminURL + "/")
	s.logIn()
	text, err := s.admin(s.ctx, "/")
	if err != nil {
		return err
	}
	s.promise(strings.Contains(text, "<title>apim-edge: ready</title>"), "the operator's page should say that the edge is ready")
	counters, err := s.counters(s.ctx)
	if err != nil {
		return err
	}
	for _, c := range counters {
		if c.Name != "apim_edge_events_total" { // how many passed before the client left is chance
			s.out.say("%8.0f  %s", c.Value, c.Means)
		}
	}
	s.out.write("\n")
	s.out.explain("Prometheus reads the same figures at /metrics; alerts and a dashboard come along.")
	return nil
}

// logIn says how to get in where the page asks for a token.
func (d *demo) logIn() {
	if d.edge.AdminToken == "" {
		d.out.explain("It asks for no token, since it listens on this machine alone.")
	} else {
		d.out.explain("Others can reach it, so it asks for a token. That of this run is %s", d.edge.AdminToken)
	}
	d.out.write("\n")
}

// admin asks the admin listener.
func (d *demo) admin(ctx context.Context, path string) (text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.adminURL+path, nil)
	if err != nil {
		return "", err
	}
	if d.edge.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+d.edge.AdminToken)
	}
	resp, err := d.scraper.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAdmin))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s of the edge: %s", path, resp.Status)
	}
	return string(body), err
}

// report says who needs the edge.
func (s *show) report() error {
	s.out.command(s.opt.Program + " report " + s.adminURL)
	a, err := s.opt.Report(s.ctx, s.edge)
	if err != nil {
		return err
	}
	s.out.explain("%s", a.Summary)
	s.out.write("\n")
	for _, c := range a.Callers {
		s.out.line(c)
	}
	if !a.Needed {
		return errors.New("the report should say that the edge is needed")
	}
	return nil
}

// goOn says what to do next.
func (s *show) goOn() error {
	p := s.opt.Program
	s.out.command(p + " doctor --upstream https://contoso.azure-api.net \\\n  --key env:APIM_KEY --write edge.yaml\n" +
		p + " serve --config edge.yaml\n" +
		p + " report --config edge.yaml\n" +
		p + " export --help")
	s.out.explain("The doctor writes a configuration, serve runs with it, the report says when the edge can go, and export hands a route to API Management, nginx or HAProxy.")
	s.out.explain("The README leads on from here: packages, containers, Kubernetes, alerts, and the way out.")
	return nil
}
