package carryover

import (
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/apimpolicy"
)

var (
	statusIs   = regexp.MustCompile(`context\.Response\.StatusCode==(\d{3})`)
	statusOver = regexp.MustCompile(`context\.Response\.StatusCode>=500`)
	ofThePool  = regexp.MustCompile(`&&!context\.Response\.StatusReason\.Contains\("[^"]*"\)`)
	anyOfThem  = regexp.MustCompile(`^(?:\(?(?:context\.Response!=null|context\.Response\.StatusCode(?:==\d{3}|>=500))\)?(?:\|\||&&)?)+$`)
)

// statuses returns the statuses that a condition asks about, where it asks about
// nothing else.
func statuses(folded string) (codes []string, ok bool) {
	bare := strings.NewReplacer("(", "", ")", "").Replace(ofThePool.ReplaceAllString(folded, ""))
	if !anyOfThem.MatchString(bare) || strings.Contains(strings.TrimPrefix(bare, "context.Response!=null&&"), "&&") {
		return nil, false
	}
	for _, m := range statusIs.FindAllStringSubmatch(bare, -1) {
		codes = append(codes, m[1])
	}
	if statusOver.MatchString(bare) {
		codes = append(codes, "500", "502", "503", "504")
	}
	return codes, len(codes) > 0
}

// retry carries over a retry around forward-request, where the route has several
// upstreams to ask.
func retry(p *policy) {
	condition := p.el.Attr("condition")
	if condition == nil || p.section != "backend" {
		p.refused(Request, "a retry of something else than forward-request")
		return
	}
	codes, ok := statuses(apimpolicy.Fold(condition.Value.Text))
	if !ok {
		p.refused(Request, "a condition on more than the status of the answer")
		return
	}
	if !p.inside(codes) {
		p.refused(Request, "what stands in it beside forward-request is not known to apim-edge as a way to another upstream")
		return
	}
	p.useWith(p.el, "condition", "count", "interval", "delta", "max-interval", "first-fast-retry")
	for _, e := range p.el.Children {
		if e.Name == "forward-request" {
			p.used[stepOf{p.use(e)}] = true
			p.step(spot{doc: p.doc, el: e}, "backend")
		}
	}
	p.atEnd = append(p.atEnd, func() { p.failoverOn(codes) })
}

// inside reads what stands in a retry, and reports whether that is all known: the same
// backend again, or another one where the first has refused.
func (p *policy) inside(codes []string) bool {
	forwards := 0
	var second []target
	for _, e := range p.el.Children {
		switch e.Name {
		case "forward-request":
			forwards++
		case "set-backend-service":
			sub := p.sub(e)
			again := sub.backend()
			if len(sub.why) > 0 || !slices.Equal(urls(again), urls(p.targets)) {
				return false
			}
			p.use(e)
		case "choose":
			targets, ok := p.otherBackend(e)
			if !ok || second != nil {
				return false
			}
			second = targets
		default:
			return false
		}
	}
	if forwards != 1 || len(codes) == 0 {
		return false
	}
	if len(second) > 0 && len(p.targets) > 0 {
		lowest := p.targets[len(p.targets)-1].priority
		for _, t := range second {
			t.priority += lowest
			p.targets = append(p.targets, t)
		}
	}
	return true
}

// sub is a policy inside another one, which is carried over with it.
func (p *policy) sub(e *apimpolicy.Element) *policy {
	return &policy{route: p.route, spot: spot{doc: p.doc, el: e}, section: p.section, used: p.used}
}

// otherBackend reads a choose that sets another backend behind a refusal.
func (p *policy) otherBackend(choose *apimpolicy.Element) (targets []target, ok bool) {
	if !only(choose, "when") {
		return nil, false
	}
	when := choose.Children[0]
	condition := when.Attr("condition")
	if condition == nil || !only(when, "set-backend-service") || len(p.targets) == 0 {
		return nil, false
	}
	if _, ok := statuses(apimpolicy.Fold(condition.Value.Text)); !ok {
		return nil, false
	}
	sub := p.sub(when.Children[0])
	targets = sub.backend()
	if len(sub.why) > 0 || len(targets) == 0 {
		return nil, false
	}
	p.use(choose)
	p.useWith(when, "condition")
	p.use(when.Children[0])
	return targets, true
}

// failoverOn carries over the statuses, once it is known how many upstreams there are.
func (p *policy) failoverOn(codes []string) {
	if !p.several() {
		p.refused(Request, "apim-edge asks each upstream once, and here it has one; clients of OpenAI ask again by themselves, and heed Retry-After")
		return
	}
	on := []string{"connect"}
	for _, code := range []string{"429", "503"} {
		if slices.Contains(codes, code) {
			on = append(on, code)
		}
	}
	if len(on) == 1 {
		p.refused(Request, "apim-edge asks another upstream behind 429 and 503 alone: behind others the request may have run")
		return
	}
	if slices.ContainsFunc(codes, func(code string) bool { return code != "429" && code != "503" }) {
		p.note("behind statuses other than 429 and 503 the request may have run, and is not sent again")
	}
	p.note("each upstream is asked once, at once; count and interval have no counterpart")
	p.failover = &sourced[[]string]{on, p.from()}
	p.carried(p.routeKey("failover.on"))
}
