package bridge

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Options are what a route says about its bridge. Without To there is none.
type Options struct {
	// To is the shape that the upstream speaks: legacy or v1.
	To string
	// Prefix stands in front of the operation towards the upstream. Empty: /openai
	// for legacy, /openai/v1 for v1. "/": nothing.
	Prefix string
	// Models are the names that clients of v1 use, and what they stand for.
	Models map[string]Model
	// Default is the model for requests whose body does not name one within
	// BodyHead; empty: they are refused.
	Default string
	// BodyHead is how much of a body is held to find the name; 0: 1 MiB.
	BodyHead int64
}

// Model is one entry of the table.
type Model struct {
	// Deployment is what the legacy side calls it; empty: as the v1 side does.
	Deployment string
	// APIVersion is sent with it to a legacy API. v1 never gets one.
	APIVersion string
}

// The two shapes.
const (
	Legacy = "legacy"
	V1     = "v1"
)

const (
	defaultBodyHead = 1 << 20
	// maxName is the longest name of a model. Azure's own have 64 characters at most;
	// those of fine-tuned base models are longer.
	maxName = 128
)

// Complete returns the options with the default of everything that they leave open.
func (o Options) Complete() Options {
	if o.Prefix == "" {
		o.Prefix = map[string]string{Legacy: "/openai", V1: "/openai/v1"}[o.To]
	}
	if len(o.Prefix) > 1 {
		o.Prefix = strings.TrimSuffix(o.Prefix, "/") // as in every other prefix
	}
	o.BodyHead = cmp.Or(o.BodyHead, defaultBodyHead)
	models := o.Models
	o.Models = nil
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if o.Models == nil {
			o.Models = map[string]Model{}
		}
		m := models[name]
		m.Deployment = cmp.Or(m.Deployment, name)
		o.Models[name] = m
	}
	return o
}

// The texts of faults.
const (
	wrongNoModels    = "a bridge needs at least one model: {gpt-4o: {deployment: gpt4o-prod, api_version: 2024-10-21}}"
	wrongModelName   = "a name of a model has 1 to 128 printable ASCII characters, none of them \" or \\, and no space at its ends"
	wrongVersion     = "an api-version is a date, as in 2024-10-21, or a date and -preview, as in 2024-12-01-preview"
	wrongNoVersion   = "a legacy API wants an api-version: 2024-10-21, or for o-series and GPT-5 models 2024-12-01-preview and later"
	wrongDefault     = "models has no such name"
	wrongDeployments = "%s has the same deployment, so that nobody can tell which of the two names v1 is to be sent"
	wrongPrefix      = "a prefix begins with / and has no empty segment, no dot at the end of one, and no characters but letters, digits and -._~"
)

// Faults returns every mistake in the options, whatever they leave open. Where To is no
// shape there is no bridge, and no mistake in it.
func (o Options) Faults() option.Faults {
	var found option.Faults
	if o = o.Complete(); o.To != Legacy && o.To != V1 {
		return nil
	}
	if !isPrefix(o.Prefix) {
		found.Add("prefix", o.Prefix, wrongPrefix)
	}
	if len(o.Models) == 0 {
		found.Add("models", "", wrongNoModels)
	}
	if _, ok := o.Models[o.Default]; !ok && o.Default != "" && len(o.Models) > 0 {
		found.Add("default", o.Default, wrongDefault)
	}
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(o.Models)) {
		m, key := o.Models[name], option.Child("models", name)
		found = append(found, m.faults(key, name, o.To)...)
		if first, taken := owner[m.Deployment]; taken && o.To == V1 {
			found.Add(key+".deployment", m.Deployment, fmt.Sprintf(wrongDeployments, first))
		}
		owner[m.Deployment] = name
	}
	return found
}

func (m Model) faults(key, name, to string) (found option.Faults) {
	switch {
	case !isName(name):
		found.Add(key, "", wrongModelName)
		return found
	case !isName(m.Deployment):
		found.Add(key+".deployment", m.Deployment, wrongModelName)
	}
	switch {
	case m.APIVersion != "" && !isVersion(m.APIVersion):
		found.Add(key+".api_version", m.APIVersion, wrongVersion)
	case m.APIVersion == "" && to == Legacy:
		found.Add(key+".api_version", "", wrongNoVersion)
	}
	return found
}

// Doubts returns what is allowed and hardly meant: a reasoning model, by its name, with
// an api-version for which it is not enabled.
func (o Options) Doubts() (found option.Faults) {
	o = o.Complete()
	for _, name := range slices.Sorted(maps.Keys(o.Models)) {
		if version := o.Models[name].APIVersion; o.To == Legacy && reasoning.MatchString(name) && date(version) < date(reasoningSince) {
			found.Add(option.Child("models", name)+".api_version", version, doubtVersion)
		}
	}
	return found
}

const (
	reasoningSince = "2024-12-01-preview"
	doubtVersion   = "o-series and GPT-5 models are enabled only for api-version " + reasoningSince + " and later"
)

var reasoning = regexp.MustCompile(`(?i)^(.*/)?(o[134]|gpt-5)([-.].*)?$`)

// isName accepts what can stand in a JSON text and a form as it is.
func isName(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxName && strings.TrimSpace(s) == s
}

// isVersion accepts YYYY-MM-DD, and -preview behind it.
func isVersion(s string) bool {
	s = strings.TrimSuffix(s, "-preview")
	if len(s) != len("2024-10-21") {
		return false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit == (i == 4 || i == 7) || !digit && s[i] != '-' {
			return false
		}
	}
	return true
}

func isPrefix(s string) bool {
	if s == "/" {
		return true
	}
	rest, found := strings.CutPrefix(s, "/")
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "" || strings.HasSuffix(segment, ".") || strings.ContainsFunc(segment, func(r rune) bool { return r > '~' || !unreserved(byte(r)) }) {
			return false
		}
	}
	return found
}
