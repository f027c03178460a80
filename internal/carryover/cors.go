package carryover

import (
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/corsx"
	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

// corsPolicy is what a cors policy says.
type corsPolicy struct {
	origins, methods, headers, exposed sourced[[]string]
	credentials, maxAge                sourced[string]
	withhold                           *sourced[string]
	from                               string
}

// crossOrigin carries over cors.
func crossOrigin(p *policy) {
	if p.route.cors != nil {
		p.refused(Response, "a second cors policy; the first counts ("+p.route.cors.from+")")
		return
	}
	c := &corsPolicy{from: p.from()}
	credentials := strings.EqualFold(p.attrText("allow-credentials"), "true")
	if credentials {
		c.credentials = sourced[string]{"true", c.from}
	}
	if strings.EqualFold(p.attrText("terminate-unmatched-request"), "false") {
		p.note("terminate-unmatched-request: requests of other origins pass, without CORS fields, as this says")
	} else if a := p.el.Attr("terminate-unmatched-request"); a != nil {
		p.note("requests of other origins are passed on, without CORS fields, and not answered with an empty 200")
	}
	c.origins = p.sourced("allowed-origins", "origin", p.origins(credentials))
	c.methods, c.maxAge = p.methods(c.from)
	c.headers = p.sourced("allowed-headers", "header", p.fields("allowed-headers"))
	c.exposed = p.sourced("expose-headers", "header", p.fields("expose-headers"))
	if p.failed(Response) {
		return
	}
	if len(c.origins.value) == 0 {
		p.refused(Response, "no origin is left that can be carried over")
		return
	}
	if credentials && slices.Contains(c.exposed.value, "*") {
		c.exposed.value = slices.DeleteFunc(c.exposed.value, func(s string) bool { return s == "*" })
		p.left(spot{doc: p.doc, el: p.el.Child("expose-headers")}, "with allow-credentials browsers take * for a name; name the fields", Response)
	}
	p.route.cors = c
	p.carried(p.routeKey("cors"))
}

// sourced adds the place of a container.
func (p *policy) sourced(container, item string, values []string) sourced[[]string] {
	e := p.el.Child(container)
	if e == nil {
		return sourced[[]string]{}
	}
	return sourced[[]string]{values, place(spot{doc: p.doc, el: e}) + " cors " + item}
}

// origins returns those that can be carried over, and lists the others.
func (p *policy) origins(credentials bool) []string {
	var good []string
	c := p.use(p.el.Child("allowed-origins"))
	if c == nil {
		return nil
	}
	for _, e := range c.Children {
		if e.Name != "origin" {
			continue
		}
		origin, why := p.route.text(p.textIn(e))
		origin, fault := fitting(origin, credentials)
		switch {
		case why != "":
			p.drop(e, why)
		case fault != "":
			p.drop(e, fault)
		default:
			good = append(good, origin)
		}
	}
	return good
}

// fields returns the names of fields that can be carried over, and lists the others.
func (p *policy) fields(container string) []string {
	var good []string
	c := p.use(p.el.Child(container))
	if c == nil {
		return nil
	}
	for _, e := range c.Children {
		if e.Name != "header" {
			continue
		}
		name, why := p.route.text(p.textIn(e))
		faults := corsx.Options{AllowedHeaders: []string{name}}.Faults()
		switch {
		case why != "":
			p.drop(e, why)
		case len(faults) > 0:
			p.drop(e, faults[0].Text+faults[0].Want)
		default:
			good = append(good, name)
		}
	}
	return good
}

// drop lists a part of a policy that is carried over without it.
func (p *policy) drop(e *apimpolicy.Element, reason string) {
	p.left(spot{doc: p.doc, el: e}, reason, Response)
	for i := range e.Attrs {
		p.used[&e.Attrs[i]] = true
	}
}

// fitting returns an origin as browsers send it, or what is wrong with it.
func fitting(origin string, credentials bool) (fit, fault string) {
	for range 5 { // a slash at its end, a port that browsers leave out, upper case
		faults := corsx.Options{AllowedOrigins: []string{origin}, AllowCredentials: credentials}.Faults()
		if len(faults) == 0 {
			return origin, ""
		}
		if faults[0].Meant == "" {
			return "", faults[0].Text + faults[0].Want
		}
		origin = faults[0].Meant
	}
	return "", "no origin"
}

// methods returns what pages may use. Without them API Management allows GET and POST.
func (p *policy) methods(from string) (methods sourced[[]string], maxAge sourced[string]) {
	e := p.use(p.el.Child("allowed-methods"))
	if e == nil {
		return sourced[[]string]{[]string{"GET", "POST"}, from + ": the default of API Management"}, sourced[string]{"0", from + ": the default of API Management"}
	}
	at := place(spot{doc: p.doc, el: e}) + " cors"
	seconds := "0"
	if a := e.Attr("preflight-result-max-age"); a != nil {
		p.used[a] = true
		text, why := p.route.text(a.Value)
		if _, ok := positive(text, 1<<31); why == "" && !ok && text != "0" {
			why = "no number of seconds"
		}
		if why != "" {
			p.left(spot{p.doc, e, a}, why, Response)
		} else if text != "0" {
			seconds = text + "s"
		}
	}
	for _, m := range e.Children {
		if m.Name != "method" {
			continue
		}
		text, why := p.route.text(p.textIn(m))
		text = strings.ToUpper(text)
		faults := corsx.Options{AllowedMethods: []string{text}}.Faults()
		switch {
		case why != "":
			p.drop(m, why)
		case text == "*":
			methods.value = append(methods.value, "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
			p.note("* is written out as the methods that there are")
		case len(faults) > 0:
			p.drop(m, faults[0].Text+faults[0].Want)
		default:
			methods.value = append(methods.value, text)
		}
	}
	methods.from = at + " method"
	return methods, sourced[string]{seconds, at + " preflight-result-max-age"}
}
