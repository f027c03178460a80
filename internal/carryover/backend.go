package carryover

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/apim-edge/apim-edge/internal/config"
)

// positive reads a number from 1 to most.
func positive(text string, most int) (n int, ok bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0 && n <= most
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// setBackend carries over set-backend-service. Of several the last one counts.
func setBackend(p *policy) {
	targets := p.backend()
	p.targets, p.misled, p.lastBackend = targets, true, &p.spot
	if len(targets) == 0 && len(p.why) == 0 {
		p.fault("", "an empty base-url")
	}
	if p.failed(Request) {
		p.targets = nil // what was set before counts no more
		return
	}
	if p.misled = false; len(targets) > 1 {
		p.sticky = &sourced[string]{"none", p.from() + ": as a pool"}
	}
	p.later(func() {
		if p.lastBackend != &p.spot {
			p.nothing(p.spot, "does not count: "+place(*p.lastBackend)+" comes behind it")
			return
		}
		p.carried(p.routeKey("upstream"))
	})
}

// backend returns where set-backend-service leads, and notes why where it cannot.
func (p *policy) backend() []target {
	base, id := p.attrText("base-url"), p.attrText("backend-id")
	from := p.from()
	switch {
	case id != "":
		return p.entity(id, 1, from)
	case base == "" || len(p.why) > 0:
		return nil
	}
	address, why := p.address(base)
	p.fault("base-url: ", why)
	return []target{{url: address, priority: 1, weight: 1, from: from, by: p.spot}}
}

// address is a URL as an upstream of the edge has it.
func (p *policy) address(text string) (address, why string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return "", "no URL"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", "a URL with a user, a query or a fragment, which the URL of an upstream has not"
	case u.Scheme == "wss" || u.Scheme == "ws":
		u.Scheme = map[string]string{"wss": "https", "ws": "http"}[u.Scheme]
		p.note("a WebSocket begins as a request of " + u.Scheme)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", "no URL of http or https"
	}
	address = strings.TrimSuffix(u.String(), "/")
	if fault := config.URLFault(address); fault != "" {
		return "", fault
	}
	return address, ""
}

// entity returns where a backend entity leads.
func (p *policy) entity(id string, depth int, from string) []target {
	b, known := p.in.Backends[id]
	switch {
	case !known:
		p.fault("backend-id: ", "the backend "+id+" is an entity beside the policies, and not known here; its URL, its pool and its credentials stand there. Import the folder of APIOps or Bicep that has it, or write base-url")
		return nil
	case depth > 2:
		p.fault("backend-id: ", "a pool in a pool")
		return nil
	}
	for _, extra := range b.Extra {
		if said := id + ": " + extra; !p.told[said] {
			p.told[said] = true
			p.items = append(p.items, &Item{Fate: Left, File: b.From, Line: b.Line, What: "backend " + id, Reason: extra, Affects: Request, Routes: []string{p.name}})
		}
	}
	at := from + " " + id
	if b.From != "" {
		at = b.From + ":" + itoa(max(b.Line, 1)) + " backend " + id
	}
	if len(b.Pool) > config.MaxUpstreams {
		p.fault("backend "+id+": ", "a pool of more than "+itoa(config.MaxUpstreams)+" backends, which a route has at most")
	}
	if len(b.Pool) == 0 {
		address, why := p.address(b.URL)
		p.fault("backend "+id+": ", why)
		return []target{{url: address, priority: 1, weight: 1, from: at, by: p.spot}}
	}
	var all []target
	for _, m := range b.Pool {
		for _, t := range p.entity(m.ID, depth+1, from) {
			t.priority, t.weight = max(m.Priority, 1), max(m.Weight, 1)
			all = append(all, t)
		}
	}
	return all
}

// forward carries over forward-request.
func forward(p *policy) {
	seconds, millis := p.attrText("timeout"), p.attrText("timeout-ms")
	timeout := ""
	switch {
	case seconds != "":
		if _, ok := positive(seconds, 86400); !ok {
			p.fault("timeout: ", "no number of seconds")
		}
		timeout = seconds + "s"
	case millis != "":
		if _, ok := positive(millis, 86400000); !ok {
			p.fault("timeout-ms: ", "no number of milliseconds")
		}
		timeout = millis + "ms"
	}
	p.switches()
	if p.failed(Request) {
		return
	}
	if timeout == "" {
		p.nothing(p.spot, "what apim-edge does by itself")
		for i := range p.el.Attrs { // those that were said apart keep what was said
			p.fates[&p.el.Attrs[i]] = true
		}
		return
	}
	p.timeout = &sourced[string]{timeout, p.from()}
	p.carried(p.routeKey("timeouts.response_head"))
}

// switches lists what the attributes of forward-request ask for.
func (p *policy) switches() {
	for i := range p.el.Attrs {
		a := &p.el.Attrs[i]
		s := spot{p.doc, p.el, a}
		text, why := p.route.text(a.Value)
		switch on := strings.EqualFold(text, "true"); {
		case why != "":
			continue
		case a.Name == "buffer-response" && !on, a.Name == "buffer-request-body" && !on, a.Name == "follow-redirects" && !on, a.Name == "fail-on-error-status-code" && !on:
			p.nothing(s, "what apim-edge does by itself")
		case a.Name == "buffer-response":
			p.nothing(s, "apim-edge streams every answer; nothing waits for its end")
		case a.Name == "buffer-request-body":
			p.nothing(s, "apim-edge keeps what it needs to ask again (failover.body_head)")
		case a.Name == "follow-redirects":
			p.left(s, "apim-edge passes redirects on to the client", Response)
		case a.Name == "fail-on-error-status-code":
			p.left(s, "apim-edge has no on-error; it passes the answer on", Response)
		case a.Name == "http-version":
			p.left(s, "apim-edge speaks HTTP/1.1 to upstreams (docs/decisions/0016)", Request)
		default:
			continue
		}
		p.used[a] = true
	}
}

// rewriteURI carries over rewrite-uri where it changes the beginning of the path of an
// operation.
func rewriteURI(p *policy) {
	template := p.attrText("template")
	if strings.EqualFold(p.attrText("copy-unmatched-params"), "false") {
		p.fault("copy-unmatched-params: ", "apim-edge passes the query on")
	}
	switch {
	case p.failed(Request):
	case strings.ContainsAny(template, "?{}*"):
		p.refused(Request, "a path with parameters or a query; apim-edge takes a prefix off (strip_prefix) and puts the path of the upstream's URL in front")
	case p.prefix.value == joined("/", p.api.Path):
		p.refused(Request, "one path for all operations of the API; apim-edge takes a prefix off (strip_prefix) and puts the path of the upstream's URL in front")
	case config.PrefixFault(joined("/", template)) != "":
		p.refused(Request, config.PrefixFault(joined("/", template)))
	case joined(p.api.Path, template) == p.prefix.value:
		p.nothing(p.spot, "the path stays as it is")
	default:
		p.suffix = &sourced[string]{joined("/", template), p.from()}
		p.strip = sourced[string]{p.prefix.value, p.from()}
		p.note("what stands below the path is led below the new one")
		p.carried(p.routeKey("strip_prefix"), ofUpstream+"url")
	}
}

// several reports whether the route has more than one upstream.
func (r *route) several() bool { return len(r.targets) > 1 }

// urls returns the different URLs of targets.
func urls(targets []target) []string {
	var all []string
	for _, t := range targets {
		if !slices.Contains(all, t.url) {
			all = append(all, t.url)
		}
	}
	return all
}
