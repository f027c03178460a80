package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/hint"
)

// Model is how a model answers under an api-version. Without the name of one it is a
// deployment that nobody has: whether the API serves that version at all.
type Model struct {
	Model      string  `json:"model,omitempty"`       // as clients of v1 call it
	Deployment string  `json:"deployment,omitempty"`  // in the path of the legacy shape
	APIVersion string  `json:"api_version,omitempty"` // of that shape; v1 has none
	Reached    Reached `json:"reached"`

	said hint.Hint
}

// Reached says whether it is reached.
type Reached string

// What an empty request shows of a model.
const (
	Yes             Reached = "yes"
	OtherOperations Reached = "not_by_chat"     // it is there, and does something else
	NoDeployment    Reached = "no_deployment"   // nobody is called so
	TooOld          Reached = "version_too_old" // for the model
	NotServed       Reached = "not_served"      // the API has no such version, or no such operation
	Unknown         Reached = "unknown"
)

var reachedTexts = map[Reached]string{
	Yes: "reached", OtherOperations: "there, but not by chat completions", NoDeployment: "no deployment of that name",
	TooOld: "needs a later api-version", NotServed: "not served", Unknown: "not known",
}

// versions are those at which the legacy API has changed for models: the last one without
// preview, the first for reasoning models, the first for responses, the newest.
var versions = []string{LegacyAPIVersion, "2024-12-01-preview", "2025-03-01-preview", "2025-04-01-preview"}

// mostModels bounds what is asked where a table is long.
const mostModels = 50

// models asks which models are reached through which api-version: those of the table of a
// route with a bridge, each as the edge would ask for it, or the one of --model through all.
// Bodies have no messages, so that no answer is made.
func (p *prober) models(ctx context.Context, f *facts) (all []Model) {
	if f.at == nil || f.winner == nil && f.at.bare.reach() != accepted {
		return nil // every answer would be about credentials
	}
	all = f.tableModels()
	if f.target.route.Bridge.To == "" {
		all = f.namedModels()
	}
	for i := range all[:min(len(all), mostModels)] {
		m := &all[i]
		m.read(p.ask(ctx, p.modelRequest(f, m)))
	}
	return all
}

// tableModels are those of the route's bridge, as this upstream is asked for them.
func (f *facts) tableModels() (all []Model) {
	t := f.target
	for _, name := range slices.Sorted(maps.Keys(t.route.Bridge.Models)) {
		m := Model{Model: name, Reached: Unknown}
		if t.shape == "legacy" {
			of := t.route.Bridge.Models[name]
			m.Deployment, m.APIVersion = cmp.Or(of.Deployment, name), cmp.Or(of.APIVersion, f.opt.APIVersion)
		}
		all = append(all, m)
	}
	return all
}

// namedModels are the one that was named, in each shape that the API has and through each
// version. Without a name versions alone are asked for.
func (f *facts) namedModels() (all []Model) {
	name := f.opt.Deployment
	if f.has("v1") && name != "" {
		all = append(all, Model{Model: name, Reached: Unknown})
	}
	if !f.has("legacy") {
		return all
	}
	through := slices.Compact(slices.Sorted(slices.Values(append([]string{f.opt.APIVersion}, versions...))))
	for _, version := range through {
		all = append(all, Model{Model: name, Deployment: cmp.Or(name, nobody), APIVersion: version, Reached: Unknown})
	}
	return all
}

// has reports whether chat completions of a shape were found.
func (f *facts) has(shape string) bool {
	return slices.ContainsFunc(f.places, func(pl place) bool {
		answer := pl.bare
		if pl.with != nil {
			answer = *pl.with
		}
		r := answer.reach()
		return pl.shape == shape && pl.method == http.MethodPost && r != noOperation && r != unanswered
	})
}

func (p *prober) modelRequest(f *facts, m *Model) request {
	openai := "/openai"
	if f.inRoot {
		openai = ""
	}
	path := p.target.base() + openai + "/v1"
	if m.APIVersion != "" {
		path = p.target.base() + openai
	}
	if b := p.target.route.Bridge; b.To != "" && p.target.shape == b.To { // where the edge would ask
		path = strings.TrimSuffix(p.target.URL.EscapedPath(), "/") + strings.TrimSuffix(b.Prefix, "/")
	}
	r := request{asked: m.asked(), method: http.MethodPost, fields: f.winner}
	if m.APIVersion != "" {
		r.path, r.body = path+"/deployments/"+url.PathEscape(m.Deployment)+"/chat/completions"+version(m.APIVersion), "{}"
		return r
	}
	r.path, r.body = path+"/chat/completions", fmt.Sprintf(`{"model":%q}`, m.Model) // names have no quotes
	return r
}

func (m *Model) asked() string {
	switch {
	case m.APIVersion == "":
		return "model " + m.Model
	case m.Model == "":
		return "api-version " + m.APIVersion
	}
	return "model " + m.Model + ", api-version " + m.APIVersion
}

func (m *Model) read(a Answer) {
	m.said = a.known
	switch r := a.reach(); {
	case a.known == hint.DeploymentUnknown && m.Model == "": // nobody is called so, and the version is known
		m.Reached = Yes
	case a.known == hint.DeploymentUnknown:
		m.Reached = NoDeployment
	case a.known == hint.APIVersionTooOld:
		m.Reached = TooOld
	case a.known == hint.ModelLacksOperation:
		m.Reached = OtherOperations
	case a.known == hint.ServicePathUnknown, r == noOperation:
		m.Reached = NotServed
	case r == accepted && a.Status != http.StatusNotFound:
		m.Reached = Yes
	}
}

// judgeModels says what that comes to.
func (v *verdict) judgeModels(all []Model) {
	switch {
	case len(all) == 0:
	case v.target.route.Bridge.To != "":
		v.judgeTable(all)
	case v.opt.Deployment != "":
		v.judgeNamed(all)
	default:
		v.judgeVersions(all)
	}
}

// judgeTable holds each model of a bridge's table to its own version.
func (v *verdict) judgeTable(all []Model) {
	table, reached := "routes."+cmp.Or(v.target.Name, "openai")+".bridge.models", 0
	for _, m := range all[:min(len(all), mostModels)] {
		text, entry := "model "+m.Model+": ", table+"."+m.Model
		switch m.Reached {
		case Yes, OtherOperations:
			reached++
		case NoDeployment:
			v.problem("models", text+"the resource has no deployment "+cmp.Or(m.Deployment, m.Model), "put right deployment in "+entry+", or deploy the model")
		case TooOld:
			v.problem("models", text+"not reached through api-version "+m.APIVersion, "raise api_version in "+entry)
		case NotServed:
			v.problem("models", text+"nothing answers through api-version "+cmp.Or(m.APIVersion, "none (v1)"), "look whether that version exists, and whether the import has chat completions")
		default:
			v.note("models", text+"what came back says nothing of it", "look at the answers above")
		}
	}
	if reached == len(all) {
		v.ok("models", fmt.Sprintf("each model of the table answers as the bridge asks for it: %d of %d", reached, len(all)))
	} else if more := len(all) - mostModels; more > 0 {
		v.note("models", fmt.Sprintf("%d further models of the table were not asked for", more), "")
	}
}

// judgeNamed says through what the model is reached that was named.
func (v *verdict) judgeNamed(all []Model) {
	var through, not []string
	for _, m := range all {
		if m.Reached == Yes || m.Reached == OtherOperations {
			through = append(through, cmp.Or(m.APIVersion, "v1"))
		} else {
			not = append(not, cmp.Or(m.APIVersion, "v1")+" ("+reachedTexts[m.Reached]+")")
		}
	}
	name := all[0].Model
	switch {
	case len(through) == 0:
		v.problem("models", name+" is not reached through any of "+strings.Join(not, ", "), "look whether the deployment has that name")
	case len(not) == 0:
		v.ok("models", name+" is reached through "+strings.Join(through, ", "))
	default:
		v.ok("models", name+" is reached through "+strings.Join(through, ", ")+", and not through "+strings.Join(not, ", "))
	}
}

// judgeVersions says which versions there are at all.
func (v *verdict) judgeVersions(all []Model) {
	var served, not []string
	for _, m := range all {
		switch m.Reached {
		case Yes, OtherOperations:
			served = append(served, m.APIVersion)
		case NotServed:
			not = append(not, m.APIVersion)
		}
	}
	if len(served) == 0 {
		return // what stands in the way is told elsewhere
	}
	text := "legacy paths are served with api-version " + strings.Join(served, ", ")
	if len(not) > 0 {
		text += ", and not with " + strings.Join(not, ", ")
	}
	v.ok("models", text+"; --model NAME shows which of them reach a model")
}
